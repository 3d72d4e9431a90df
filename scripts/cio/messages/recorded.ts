import { z } from 'zod'
import type { MessageRow } from '../../console/areas/messages/row.ts'
import { maskText } from '../../console/masked.ts'
import { ownName } from '../../topology/names.ts'
import type { Connection } from '../connection.ts'

/** What was found, the newest first. */
export interface RecordedMessages {
  readonly rows: readonly MessageRow[]
  /** Whether there are more than these. */
  readonly more: boolean
}

/** Days in UTC, such as 2026-11-26, both included. */
export interface Days {
  readonly from: string
  readonly to: string
}

/** So many are read at most. */
export const MOST_ROWS = 10_000

/**
 * The messages of these days as the record has them, by the view `published_messages`. Nothing in a row names a person: the
 * record knows them by hashes.
 *
 * @param masked true: without what looks like an address in the name of an event or a template
 */
export async function messagesOf(
  { bigquery, topology }: Pick<Connection, 'bigquery' | 'topology'>,
  days: Days,
  masked: boolean,
): Promise<RecordedMessages> {
  const client = await bigquery()
  const [rows] = await client.query(statementOf(client, topology.bigquery.dataset, days))
  const messages = z.array(rowSchema).parse(rows)
  return {
    rows: messages.slice(0, MOST_ROWS).map((row) => {
      const { what, template } = row
      const names = masked ? { what: maskText(what), template: template && maskText(template) } : { what, template }
      return { ...row, ...names, topic: ownName(topology, row.topic) }
    }),
    more: messages.length > MOST_ROWS,
  }
}

/** Bytes that {@link messagesOf} will read at most, by a dry run, which reads nothing. */
export async function bytesOf(
  { bigquery, topology }: Pick<Connection, 'bigquery' | 'topology'>,
  days: Days,
): Promise<number> {
  const client = await bigquery()
  const [job] = await client.createQueryJob({ ...statementOf(client, topology.bigquery.dataset, days), dryRun: true })
  return z.coerce.number().parse(job.metadata.statistics?.totalBytesProcessed)
}

type Client = Awaited<ReturnType<Connection['bigquery']>>

function statementOf(client: Client, dataset: string, { from, to }: Days) {
  const query = `SELECT message_id, topic, publish_time, action, event_name, channel, template, outcome, reason, attempts, ended_at
    FROM \`${client.projectId}.${dataset}.published_messages_between\`(@from_day, @to_day)
    ORDER BY publish_time DESC LIMIT ${MOST_ROWS + 1}`
  return { query, params: { from_day: client.date(from), to_day: client.date(to) } }
}

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)
const time = z.object({ value: z.string() }).transform(({ value }) => Date.parse(value))

const rowSchema = z
  .object({
    ...{ message_id: z.string(), topic: z.string(), publish_time: time.nullish(), ended_at: time.nullish() },
    ...{ action: text, event_name: text, channel: text, template: text, outcome: z.string(), reason: text },
    attempts: z.coerce.number(),
  })
  .transform(
    ({
      message_id: id,
      topic,
      publish_time,
      ended_at,
      action,
      event_name,
      channel,
      template,
      outcome,
      reason,
      attempts,
    }): MessageRow => ({
      ...{
        id,
        topic,
        template,
        reason,
        attempts,
        publishedAtMs: publish_time ?? ended_at ?? 0,
        lane: undefined,
        person: undefined,
      },
      what: channel ?? [action, event_name].filter((part) => part !== undefined).join(' '),
      outcome: reason === 'uncertain' ? 'uncertain' : outcome,
      latencyMs: publish_time == null || ended_at == null ? undefined : Math.max(0, ended_at - publish_time),
    }),
  )
