import { type EventEmitter, once } from 'node:events'
import * as z from 'zod'
import { NOT_SENT_REASONS } from '../../shared/outcome/index.ts'
import type { LogSink } from '../emulators/logging/index.ts'
import type { PubSubEvents } from '../emulators/pubsub/index.ts'
import type { HistoryEvent } from '../history/format.ts'
import type { Stack } from '../local/stack.ts'
import { meaningOf } from './meaning.ts'
import { storedBytes } from './record-sizes.ts'
import { deliveryOf, type Recorder } from './recorder.ts'

const names = z.object({ message_id: z.string(), source_message_id: z.string().nullish(), attempt: z.number() })
const row = names.extend({
  ended_at: z.object({ value: z.coerce.date() }),
  outcome: z.enum(['delivered', 'refused', 'exhausted', 'retry', ...NOT_SENT_REASONS]),
  reason: z.string().nullable(),
  delivery_id: z.string().nullable(),
})
const entry = z.object({
  timestamp: z.coerce.date(),
  jsonPayload: z.discriminatedUnion('event', [
    names.extend({ event: z.literal('message') }),
    z.object({ event: z.literal('message_not_read') }),
  ]),
})

/** Keeps the log lines of pushes that the record leaves out: nothing was tried, or not even the message was read. */
export class UntriedLines implements LogSink {
  readonly filter = 'jsonPayload.cause="busy" OR jsonPayload.event="message_not_read"'
  readonly #entries: string[] = []

  deliver(entries: readonly string[]): void {
    this.#entries.push(...entries)
  }

  events(recorder: Recorder): HistoryEvent[] {
    const ops = recorder.ops()
    return this.#entries.map((text): HistoryEvent => {
      const { timestamp, jsonPayload: line } = entry.parse(JSON.parse(text))
      const atMs = Math.max(0, timestamp.getTime() - recorder.startedAtMs)
      if (line.event === 'message_not_read') return { f: 'unread', atMs }
      return { f: 'untried', atMs, ...namesOf(line, ops) }
    })
  }
}

/** Resolves when the record has every line that the functions wrote. */
export async function recordIsWritten(
  { pubsub, endpoints, topology }: Stack,
  events: EventEmitter<PubSubEvents>,
): Promise<void> {
  const [name] = Object.entries(topology.subscriptions).find(([, { topic }]) => topic === topology.record.topic) ?? []
  const subscription = `projects/${endpoints.projectId}/subscriptions/${name}`
  while (pubsub.stats(subscription).outstanding > 0) await once(events, 'delivered')
}

/** What the table `message_outcomes` holds. Of a row that was written twice, once. */
export async function recordRows({ warehouse, topology }: Stack, recorder: Recorder): Promise<HistoryEvent[]> {
  const ops = recorder.ops()
  const [rows] = await warehouse.query(
    `SELECT DISTINCT insert_id, message_id, source_message_id, attempt, ended_at, outcome, reason, delivery_id
     FROM \`${topology.bigquery.dataset}.message_outcomes\``,
  )
  return rows.map((found): HistoryEvent => {
    const { ended_at, outcome, reason, delivery_id, ...of } = row.parse(found)
    return {
      f: 'record',
      atMs: Math.max(0, ended_at.value.getTime() - recorder.startedAtMs),
      ...namesOf(of, ops),
      outcome: meaningOf(reason)?.outcome ?? outcome,
      ...(delivery_id !== null && { deliveryId: delivery_id }),
    }
  })
}

/** What a row of the record takes in BigQuery, on the average. */
export async function meanRowBytes({ warehouse, topology }: Stack): Promise<number> {
  const [rows] = await warehouse.query(`SELECT * FROM \`${topology.bigquery.dataset}.message_outcomes\``)
  const bytes = rows.map((row) => Object.values(row).reduce((sum: number, value) => sum + storedBytes(value), 0))
  return bytes.reduce((sum, each) => sum + each, 0) / Math.max(1, bytes.length)
}

/** What went on in the bulk lane has another id there. */
function namesOf({ message_id, source_message_id, attempt }: z.infer<typeof names>, ops: ReadonlyMap<string, string>) {
  const original = source_message_id ?? message_id
  return { op: ops.get(original) ?? `unknown ${original}`, delivery: deliveryOf(message_id, attempt) }
}
