import { BigQuery } from '@google-cloud/bigquery'
import * as z from 'zod'
import { type Clock, withTimeout } from '../../shared/clock/index.ts'

/** Views of `terraform/views` whose rows are sends for an operator to look at. */
const VIEWS = ['unsettled_sends', 'sends_without_outcome'] as const

/** How many sends of today and yesterday (UTC) a view holds. */
export interface SendCount {
  readonly view: (typeof VIEWS)[number]
  readonly rows: number
}

export interface SendCountsOptions {
  readonly projectId: string
  readonly dataset: string
  readonly timeoutMs: number
  readonly clock: Clock
}

const DAY_MS = 86_400_000
/** Rounds are more frequent than anybody can decide about a send, and each look reads two partitions. */
const LOOK_EVERY_MS = 900_000
const ROUND_EVERY_MS = 300_000

/** Whether a round that begins now is the first of its quarter of an hour. Pure. */
export function isSendLookDue(nowMs: number): boolean {
  return nowMs % LOOK_EVERY_MS < ROUND_EVERY_MS
}

const rowsSchema = z.array(z.object({ view: z.enum(VIEWS), found: z.coerce.number() }))

/** Counts the rows of both views in one query. Rejects when BigQuery does not say in time. */
export function createSendCounts(options: SendCountsOptions): () => Promise<readonly SendCount[]> {
  const { projectId, dataset, timeoutMs, clock } = options
  const bigquery = new BigQuery({ projectId, retryOptions: { autoRetry: false } })
  return async () => {
    const yesterday = new Date(clock.now() - DAY_MS).toISOString().slice(0, 10)
    const query = `
      SELECT 'unsettled_sends' AS view, COUNT(*) AS found FROM \`${dataset}.unsettled_sends_since\`(DATE '${yesterday}')
      UNION ALL
      SELECT 'sends_without_outcome', COUNT(*) FROM \`${dataset}.sends_without_outcome\``
    const [rows] = await withTimeout(clock, timeoutMs, bigquery.query({ query, useQueryCache: false }))
    return rowsSchema.parse(rows).map(({ view, found }) => ({ view, rows: found }))
  }
}
