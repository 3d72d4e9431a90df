import type { MessageRow } from '../../console/areas/messages/row.ts'
import type { Context } from '../context.ts'
import { usageError } from '../errors.ts'
import { bytes, count, duration, table } from '../output.ts'
import { parseFilter } from './filter.ts'
import { bytesOf, MOST_ROWS, messagesOf } from './recorded.ts'

/** Beyond it somebody has to agree: 100 GB. */
const ASK_BEYOND_BYTES = 1e11

export interface MessagesOptions {
  /** How far to look back, in milliseconds. */
  readonly since: number
  readonly limit: number
}

/** Lists the messages of the record that pass a filter of the console's page, the newest first. */
export async function messages(
  { connection, output, prompts, now }: Context,
  words: readonly string[],
  { since, limit }: MessagesOptions,
): Promise<void> {
  const { matches, problem } = parseFilter(words.join(' '))
  if (problem !== undefined) throw usageError(problem)
  const sinceMs = now() - since
  const days = { from: dayOf(sinceMs), to: dayOf(now()) }
  if (!connection.local) {
    const size = await bytesOf(connection, days)
    output.note(`reads at most ${bytes(size)} of BigQuery, the days ${days.from} to ${days.to} of message_outcomes`)
    if (size > ASK_BEYOND_BYTES) await prompts.confirm(`Read ${bytes(size)} of BigQuery?`)
  }
  const { rows, more } = await messagesOf(connection, days, !connection.local)
  const found = rows.filter((row) => row.publishedAtMs >= sinceMs && matches(row))
  const shown = found.slice(0, limit)
  output.result(shown.map(document), () =>
    shown.length === 0
      ? 'no messages'
      : table(
          ['id', 'published', 'topic', 'what', 'template', 'outcome', 'reason', 'attempts', 'took'],
          shown.map(cells),
        ),
  )
  if (found.length > limit)
    output.note(`${count(found.length, 'message')} found, the newest ${limit} are shown: --limit`)
  if (more) output.note(`only the newest ${MOST_ROWS} messages of these days were looked at: give a shorter --since`)
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10)

/** For programs. */
function document({ id, publishedAtMs, topic, what, template, outcome, reason, attempts, latencyMs }: MessageRow) {
  const publishedAt = new Date(publishedAtMs).toISOString()
  return { id, publishedAt, topic, what, template, outcome, reason, attempts, latencyMs }
}

function cells(row: MessageRow): readonly string[] {
  const { id, publishedAt, topic, what, template = '', outcome, reason = '', attempts, latencyMs } = document(row)
  const took = latencyMs === undefined ? '' : latencyMs < 1_000 ? `${latencyMs} ms` : duration(latencyMs)
  return [id, publishedAt, topic, what, template, outcome, reason, String(attempts), took]
}
