import type { Message } from '@google-cloud/pubsub'
import type { HistoryEvent } from '../history/format.ts'
import type { Stack } from '../local/stack.ts'
import { deadLetterSubscriptions } from '../topology/topology.ts'
import { meaningOf } from './meaning.ts'
import { TOPICS } from './messages.ts'
import { recordRows, type UntriedLines } from './record.ts'
import { contentOf, digestOf, type Recorder } from './recorder.ts'
import { eventIdOf, markOf } from './request-body.ts'

/** Adds to a history what can be seen once everything is over. */
export async function addEvidence(recorder: Recorder, stack: Stack, untried: UntriedLines): Promise<void> {
  recorder.add(...effectsAt(stack, recorder), ...readsOf(stack, recorder))
  recorder.add(...(await deadLetters(stack, recorder)))
  recorder.add(...(await recordRows(stack, recorder)), ...untried.events(recorder))
}

/**
 * What Customer.io took, ignored and refused, message by message.
 *
 * @param after only what it received after this `seq` of its inbox
 */
export function effectsAt({ customerio }: Pick<Stack, 'customerio'>, recorder: Recorder, after = 0): HistoryEvent[] {
  const deliveryIds = new Map<unknown, string>(
    customerio.workspace.sends.map(({ body, deliveryId }) => [body, deliveryId]),
  )
  const contents = new Map(recorder.messages.map(({ planned }) => [planned.mark, contentOf(planned)]))
  return customerio.inbox.of().flatMap(({ seq, body, result, receivedAtMs }): HistoryEvent[] => {
    if (seq <= after) return []
    const mark = markOf(body) ?? ''
    const atMs = receivedAtMs - recorder.startedAtMs
    const key = recorder.keyOf(mark) ?? `unknown ${mark}`
    if (result === 'refused') return [{ f: 'apply', type: 'fail', atMs, key }]
    const effect = { f: 'apply', type: 'ok', atMs, key, content: contents.get(mark) ?? null } as const
    const eventId = eventIdOf(body)
    const deliveryId = deliveryIds.get(body)
    return [
      {
        ...effect,
        effect: result === 'applied',
        ...(eventId !== undefined && { eventId }),
        ...(deliveryId !== undefined && { deliveryId }),
      },
    ]
  })
}

/** What each person of the run shows now. */
export function readsOf({ customerio }: Pick<Stack, 'customerio'>, recorder: Recorder): HistoryEvent[] {
  const shown = new Map<string, string>()
  for (const { identifiers, attributes } of customerio.workspace.people.all()) {
    const mark = attributes.get('chaos')
    if (identifiers.id !== undefined && typeof mark === 'string') shown.set(identifiers.id, mark)
  }
  const people = new Set(recorder.messages.flatMap(({ planned }) => planned.person ?? []))
  const atMs = recorder.now()
  return [...people].map((person) => ({ f: 'read', atMs, person, content: shown.get(person) ?? null }))
}

async function deadLetters(stack: Stack, recorder: Recorder): Promise<HistoryEvent[]> {
  const pulled = await Promise.all(
    TOPICS.flatMap((topic) => deadLetterSubscriptions(stack.topology, topic)).map((name) => pullAll(stack, name)),
  )
  const letters = pulled
    .flat()
    .map(({ attributes, data, publishTime }) => ({ attributes, data, atMs: publishTime.getTime() }))
  return lettersIn(letters, recorder)
}

/** A dead letter, however it was seen. */
export interface SeenLetter {
  readonly attributes: Readonly<Record<string, string>>
  readonly data: Buffer
  /** When it was published. */
  readonly atMs: number
}

/** What dead letters tell of the messages of a run; those of others tell nothing. */
export function lettersIn(letters: readonly SeenLetter[], recorder: Recorder): HistoryEvent[] {
  const ops = recorder.ops()
  return letters.flatMap(({ attributes, data, atMs }): HistoryEvent[] => {
    const op = ops.get(attributes.source_message_id ?? '')
    const meaning = meaningOf(attributes.reason)
    // What Pub/Sub forwarded by itself has no reason; its source was never acknowledged, which says enough.
    if (op === undefined || meaning === undefined) return []
    const told = { f: 'outcome', op, ...meaning } as const
    const attempt = Number(attributes.delivery_attempt)
    return [{ ...told, atMs: atMs - recorder.startedAtMs, attempt, bytes: digestOf(data) }]
  })
}

async function pullAll(stack: Stack, name: string): Promise<Message[]> {
  const waiting = stack.pubsub.stats(`projects/${stack.endpoints.projectId}/subscriptions/${name}`).outstanding
  // By id: what is not acknowledged in time, ten megabytes among them, comes again.
  const messages = new Map<string, Message>()
  if (waiting === 0) return []
  const subscription = stack.client.subscription(name)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  subscription.on('error', reject)
  subscription.on('message', (message) => {
    messages.set(message.id, message)
    message.ack()
    if (messages.size === waiting) resolve()
  })
  await promise
  await subscription.close()
  return [...messages.values()]
}
