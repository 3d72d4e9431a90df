import * as z from 'zod'
import { isRecord } from '../json/index.ts'
import { optionalObject } from './attributes.ts'
import { emptyPlaceOf, filter } from './filter.ts'
import { plainName } from './hints.ts'
import { emailAddress, personId } from './identifiers.ts'
import { LIMITS } from './limits.ts'
import { flag } from './text.ts'

const people = LIMITS.broadcastPeople
const CONDITIONS = Object.keys(filter.shape).join(', ')

/** One of the people whom a broadcast goes to, with data for them alone. */
export const broadcastPerson = z.union(
  [
    z.strictObject({ id: personId, data: optionalObject }),
    z.strictObject({ email: emailAddress, data: optionalObject }),
  ],
  { error: 'must hold exactly one of id, email' },
)

const audiences = {
  recipients: filter.optional(),
  ids: z.array(personId).min(1).max(people).optional(),
  emails: z.array(emailAddress).min(1).max(people).optional(),
  per_user_data: z.array(broadcastPerson).min(1).max(people).optional(),
  data_file_url: z.url({ protocol: /^https?$/, error: 'must be an http or https address' }).optional(),
}
type Audience = keyof typeof audiences

const AUDIENCES = Object.keys(audiences) as readonly Audience[]
const AUDIENCE_NAMES: ReadonlySet<string> = new Set(AUDIENCES.map(plainName))
/** Other programs wrap what belongs to a call into one of these. */
const WRAPPERS: ReadonlySet<string> = new Set(['audience', 'body', 'data', 'message', 'payload', 'request'])

/** Where data hold what was meant for an audience: a filter at any place, or a field of that name in whatever spelling. */
function audienceWithin(data: unknown, path: readonly (string | number)[] = []): typeof path | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  if (isRecord(data) && isFilter(data)) return path
  const isWrapped = path.every((name) => WRAPPERS.has(plainName(String(name))))
  for (const [name, value] of Array.isArray(data) ? data.entries() : Object.entries(data)) {
    const at = [...path, name]
    const found = isWrapped && AUDIENCE_NAMES.has(plainName(String(name))) ? at : audienceWithin(value, at)
    if (found !== undefined) return found
  }
  return undefined
}

function isFilter(value: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(value)
  return names.length > 0 && names.every((name) => Object.hasOwn(filter.shape, name)) && filter.safeParse(value).success
}

/**
 * The body of `POST /v1/campaigns/{broadcast_id}/triggers`. Without an audience it goes to the one that is set up there, so
 * what was meant for an audience, and is none, is refused.
 */
export const broadcast = z
  .strictObject({
    channel: z.literal('broadcast'),
    broadcast_id: z.int().positive(),
    data: optionalObject,
    ...audiences,
    id_ignore_missing: flag,
    email_ignore_missing: flag,
    email_add_duplicates: flag,
  })
  .check((ctx) => {
    const { recipients, data } = ctx.value
    const refuse = (message: string, ...path: (string | number)[]) =>
      ctx.issues.push({ code: 'custom', message, input: ctx.value, path })
    const named = AUDIENCES.filter((audience) => ctx.value[audience] !== undefined)
    if (named.length > 1) refuse(`at most one of ${AUDIENCES.join(', ')}`)
    if (recipients !== undefined) {
      const place = emptyPlaceOf(recipients)
      if (place === 'message') refuse('must not be empty', 'recipients')
      else if (place !== undefined) refuse(`must not be empty at any depth, as ${place} is`, 'recipients')
      else if (Object.keys(recipients).length > 1) refuse(`must hold exactly one of ${CONDITIONS}`, 'recipients')
    }
    if (named.length > 0) return
    // The SDK's method takes the audience behind the data. One that stands within them goes out as data.
    const path = audienceWithin(data)
    const rule = 'would be data, and the broadcast would go to everybody whom it is set up for: put it beside data'
    if (path !== undefined) refuse(rule, 'data', ...path)
  })
