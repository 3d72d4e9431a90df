import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { CommandError, usageError } from '../errors.ts'
import { namesIn } from '../person/person.ts'

export interface TriggerOptions {
  /** `id:ada`, `email:ada@example.com`, `phone:+14155552671`. */
  readonly person: string
  readonly delivery?: string
}

/** Customer.io waits four seconds for an answer. */
const ANSWER_LIMIT_MS = 10_000
const LOOK_EVERY_MS = 50

const triggeredSchema = z.object({ event: z.string(), deliveryId: z.string().nullable() })
const stateSchema = z.looseObject({
  attempts: z.number(),
  pending: z.number(),
  answers: z.array(z.looseObject({ status: z.number() })),
})

/** Orders the webhook, and waits for what the function answers. */
export async function trigger(context: Context, event: string, { person, delivery }: TriggerOptions): Promise<void> {
  const { connection, output, done } = context
  if (connection.localCustomerIo === undefined) {
    throw usageError('only the local Customer.io can be told to send a webhook', 'Add --local.')
  }
  const [[kind, value] = []] = Object.entries(namesIn(person))
  const before = await stateOf(connection.localCustomerIo)
  const answer = await fetch(`${connection.localCustomerIo}/_local/trigger`, {
    method: 'POST',
    body: JSON.stringify({ event, person: { kind, value }, ...(delivery !== undefined && { deliveryId: delivery }) }),
  })
  const body: unknown = await answer.json()
  if (!answer.ok) throw usageError(z.object({ error: z.string() }).parse(body).error)
  const triggered = triggeredSchema.parse(body)
  done.note(`${triggered.event} was sent`)
  const status = await answered(context, connection.localCustomerIo, before.attempts)
  output.result({ ...triggered, status }, () =>
    [
      `${triggered.event} sent${triggered.deliveryId === null ? '' : `, about delivery ${triggered.deliveryId}`}: `,
      `the function webhook answered ${status}`,
    ].join(''),
  )
  if (status < 200 || status > 299) {
    throw new CommandError('Customer.io tries it again, and holds back every later webhook meanwhile', {
      hint: 'cio-gcp logs webhook --local says why.',
    })
  }
}

const stateOf = async (url: string) => stateSchema.parse(await (await fetch(`${url}/_local/webhooks`)).json())

/** The newest answer, once it stands for all that was to be sent, or is a bad one, behind which the others wait. */
async function answered({ signal, now }: Context, url: string, attemptsBefore: number): Promise<number> {
  const untilMs = now() + ANSWER_LIMIT_MS
  for (;;) {
    const { attempts, pending, answers } = await stateOf(url)
    const newest = answers.at(-1)
    const isNew = attempts > attemptsBefore && newest !== undefined
    if (isNew && (pending === 0 || newest.status > 299)) return newest.status
    if (now() > untilMs) {
      throw new CommandError(`the function webhook has not answered 2xx: ${pending} webhooks wait`, {
        hint: 'cio-gcp logs webhook --local says why.',
      })
    }
    await delay(LOOK_EVERY_MS, undefined, { signal })
  }
}
