import type { BigQuery } from '@google-cloud/bigquery'
import { z } from 'zod'
import { QUARANTINE_REASONS as ON_ARRIVAL } from '../../../shared/webhooks/index.ts'

/** Why a webhook is in the quarantine: found by the webhook function, by the warehouse, or by BigQuery. */
export const QUARANTINE_REASONS = [
  ...ON_ARRIVAL,
  'too_deep',
  'no_timestamp',
  'timestamp_out_of_range',
  'preferences_not_understood',
  'no_person',
  'row_refused',
] as const

export interface QuarantineFilter {
  readonly id?: readonly string[]
  readonly reason?: readonly string[]
  /** Milliseconds. */
  readonly youngerThan?: number
}

const moment = z.object({ value: z.string() }).transform(({ value }) => value)

const rowSchema = z.object({
  message_id: z.string(),
  received_at: moment,
  reason: z.string(),
  error: z.string().nullish(),
  event_id: z.string().nullish(),
  object_type: z.string().nullish(),
  metric: z.string().nullish(),
  signature_timestamp: z.string().nullish(),
  traceparent: z.string().nullish(),
  truncated: z.string().nullish(),
  body: z.instanceof(Buffer),
})
export type QuarantinedWebhook = z.infer<typeof rowSchema>

/** The table `webhook_quarantine`. */
export class Quarantine {
  readonly #bigquery: BigQuery
  readonly #table: string

  constructor(bigquery: BigQuery, dataset: string) {
    this.#bigquery = bigquery
    this.#table = `\`${bigquery.projectId}.${dataset}.webhook_quarantine\``
  }

  /** Newest first. A webhook that Pub/Sub delivered twice is one. */
  async find({ id, reason, youngerThan }: QuarantineFilter, nowMs: number): Promise<readonly QuarantinedWebhook[]> {
    const since = this.#bigquery.timestamp(new Date(youngerThan === undefined ? 0 : nowMs - youngerThan))
    const conditions = ['received_at >= @since']
    if (id !== undefined) conditions.push('message_id IN UNNEST(@id)')
    if (reason !== undefined) conditions.push('reason IN UNNEST(@reason)')
    const query = `SELECT * FROM ${this.#table} WHERE ${conditions.join(' AND ')}
      QUALIFY ROW_NUMBER() OVER (PARTITION BY message_id ORDER BY received_at) = 1
      ORDER BY received_at DESC`
    const params = {
      since,
      ...(id !== undefined && { id: [...id] }),
      ...(reason !== undefined && { reason: [...reason] }),
    }
    const [rows] = await this.#bigquery.query({ query, params })
    return z.array(rowSchema).parse(rows)
  }

  /** False when BigQuery does not let the rows go yet. */
  async remove(ids: readonly string[]): Promise<boolean> {
    const query = `DELETE FROM ${this.#table} WHERE received_at >= TIMESTAMP '2000-01-01 00:00:00+00' AND message_id IN UNNEST(@ids)`
    try {
      await this.#bigquery.query({ query, params: { ids: [...ids] } })
      return true
    } catch (error) {
      if (error instanceof Error && error.message.includes('streaming buffer')) return false
      throw error
    }
  }
}
