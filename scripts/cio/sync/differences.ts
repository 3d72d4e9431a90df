import { IdentifierType } from 'customerio-node'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { describeFailure } from '../customerio.ts'

type Attributes = Readonly<Record<string, unknown>>

/** How a user differs from what Customer.io has; `before` is undefined where Customer.io could not be asked. */
export interface Difference {
  readonly userId: string
  readonly kind: 'new' | 'changed' | 'unknown'
  readonly attributes: readonly { readonly name: string; readonly before: unknown; readonly after: unknown }[]
}

const customerSchema = z.object({ customer: z.looseObject({ attributes: z.record(z.string(), z.unknown()) }) })

/** Compares users with what Customer.io has of them. Without an answer their new values are all that is shown. */
export async function differencesOf(
  { connection, output }: Context,
  users: readonly { readonly userId: string; readonly attributes: Attributes }[],
): Promise<readonly Difference[]> {
  if (users.length === 0) return []
  const client = await connection
    .customerIo()
    .app()
    .catch(() => undefined)
  const differences: Difference[] = []
  let failure: string | undefined
  for (const { userId, attributes } of users) {
    // The App API takes 10 requests per second; one request after the other stays below that.
    let there: Attributes | 'new' | undefined
    if (client !== undefined && failure === undefined) {
      try {
        there = customerSchema.parse(await client.getAttributes(userId, IdentifierType.Id)).customer.attributes
      } catch (error) {
        const { status, words } = describeFailure(error)
        if (status === 404) there = 'new'
        else failure = words
      }
    }
    differences.push(compare(userId, there, attributes))
  }
  if (failure !== undefined) output.warn(`Customer.io could not be asked what it has: ${failure}`)
  return differences
}

/** Pure. Values are compared as text, since the App API gives some of them as text. */
export function compare(userId: string, there: Attributes | 'new' | undefined, attributes: Attributes): Difference {
  const before = there === 'new' || there === undefined ? {} : there
  const changed = Object.entries(attributes)
    .map(([name, after]) => ({ name, before: before[name], after }))
    .filter((each) => there === undefined || asText(each.before) !== asText(each.after))
  return { userId, kind: there === undefined ? 'unknown' : there === 'new' ? 'new' : 'changed', attributes: changed }
}

export function describeDifference({ userId, kind, attributes }: Difference): string {
  const sign = kind === 'new' ? '+' : '~'
  const words = attributes.map(({ name, before, after }) =>
    kind === 'changed' ? `${name}: ${shown(before)} → ${shown(after)}` : `${name}: ${shown(after)}`,
  )
  return `${sign} ${userId}  ${words.join(', ') || 'as it is there'}`
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}
