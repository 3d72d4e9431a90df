import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Message } from '@google-cloud/pubsub'
import * as z from 'zod'
import { DEAD_LETTER_REASONS, type DeadLetterReason } from '../../shared/outcome/index.ts'
import type { HistoryEvent, Of } from '../history/format.ts'
import type { Stack } from '../local/stack.ts'
import { TOPICS } from './messages.ts'
import { contentOf, digestOf, type Recorder } from './recorder.ts'
import { eventIdOf, markOf } from './request-body.ts'

type Told = Pick<Of<'outcome'>, 'outcome' | 'because'>

/** What each reason of a dead letter means in a history. */
const MEANING: Readonly<Record<DeadLetterReason, Told>> = {
  not_json: { outcome: 'refused', because: 'invalid' },
  contract: { outcome: 'refused', because: 'invalid' },
  refused: { outcome: 'refused', because: 'refused' },
  content_changed: { outcome: 'refused', because: 'key reused' },
  uncertain: { outcome: 'uncertain' },
  exhausted: { outcome: 'exhausted' },
}
const reasonOf = z.enum(DEAD_LETTER_REASONS)

/** Adds to a history what can be seen once everything is over. */
export async function addEvidence(recorder: Recorder, stack: Stack): Promise<void> {
  recorder.add(...effectsAt(stack, recorder), ...readsOf(stack, recorder))
  recorder.add(...(await deadLetters(stack, recorder)), ...logged(stack.endpoints.logs, recorder))
}

/** What Customer.io took, ignored and refused, message by message. */
function effectsAt({ customerio }: Stack, recorder: Recorder): HistoryEvent[] {
  const contents = new Map(recorder.messages.map(({ planned }) => [planned.mark, contentOf(planned)]))
  return customerio.inbox.of().flatMap(({ body, result, receivedAtMs }): HistoryEvent[] => {
    const mark = markOf(body) ?? ''
    const atMs = receivedAtMs - recorder.startedAtMs
    const key = recorder.keyOf(mark) ?? `unknown ${mark}`
    if (result === 'refused') return [{ f: 'apply', type: 'fail', atMs, key }]
    const effect = { f: 'apply', type: 'ok', atMs, key, content: contents.get(mark) ?? null } as const
    const eventId = eventIdOf(body)
    return [{ ...effect, effect: result === 'applied', ...(eventId !== undefined && { eventId }) }]
  })
}

function readsOf({ customerio }: Stack, recorder: Recorder): HistoryEvent[] {
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
  const ops = opsOf(recorder)
  const pulled = await Promise.all(TOPICS.map((topic) => pullAll(stack, `${topic}-dead-letter`)))
  return pulled.flat().flatMap(({ attributes, data, publishTime }): HistoryEvent[] => {
    const op = ops.get(attributes.source_message_id ?? '')
    const reason = reasonOf.safeParse(attributes.reason)
    // What Pub/Sub forwarded by itself has no reason; its source was never acknowledged, which says enough.
    if (op === undefined || !reason.success) return []
    const told = { f: 'outcome', by: 'dead letter', op, ...MEANING[reason.data] } as const
    const atMs = publishTime.getTime() - recorder.startedAtMs
    return [{ ...told, atMs, attempt: Number(attributes.delivery_attempt), bytes: digestOf(data) }]
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

const logLine = z.object({
  time: z.coerce.date(),
  event: z.literal('message'),
  answer: z.literal(204),
  message_id: z.string(),
  source_message_id: z.string().optional(),
  reason: reasonOf.optional(),
})

/** The final outcomes that the functions' logs tell an operator. A line that was cut by a kill tells nothing. */
function logged(directory: string, recorder: Recorder): HistoryEvent[] {
  const ops = opsOf(recorder)
  const lines = readdirSync(directory).flatMap((file) => readFileSync(join(directory, file), 'utf8').split('\n'))
  return lines.flatMap((line): HistoryEvent[] => {
    const read = logLine.safeParse(parsed(line))
    // What went on in the bulk lane has another id there.
    const op = ops.get(read.data?.source_message_id ?? read.data?.message_id ?? '')
    if (!read.success || op === undefined) return []
    const { reason, time } = read.data
    const { outcome } = reason === undefined ? { outcome: 'delivered' as const } : MEANING[reason]
    return [{ f: 'outcome', by: 'log', op, outcome, atMs: Math.max(0, time.getTime() - recorder.startedAtMs) }]
  })
}

function parsed(line: string): unknown {
  if (!line.includes('"message_id"')) return undefined
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function opsOf({ messages }: Recorder): ReadonlyMap<string, string> {
  return new Map(messages.flatMap(({ messageId, op }) => (messageId === undefined ? [] : [[messageId, op]])))
}
