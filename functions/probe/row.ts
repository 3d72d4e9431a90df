import { BigQuery } from '@google-cloud/bigquery'
import { type Clock, withTimeout } from '../../shared/clock/index.ts'
import { PROBE_STEP_TIMEOUT_MS } from '../../shared/config/index.ts'
import { PROBE_OBJECT_TYPE } from '../../shared/webhooks/index.ts'
import type { WayBack } from './way-back.ts'

export interface RowQueryOptions {
  readonly projectId: string
  readonly dataset: string
  readonly clock: Clock
}

/**
 * Looks for a round's webhook among the rows of `webhook_events`. The time selects one partition and the object type
 * clusters it, so that a look reads little even of a large table. The client finds `BIGQUERY_EMULATOR_HOST` by itself.
 */
export function createRowQuery({ projectId, dataset, clock }: RowQueryOptions): WayBack['isStored'] {
  const bigquery = new BigQuery({ projectId, retryOptions: { autoRetry: false } })
  return async ({ id, startedAt }) => {
    const partition = `timestamp = TIMESTAMP_SECONDS(${startedAt}) AND object_type = '${PROBE_OBJECT_TYPE}'`
    const query = `SELECT 1 AS found FROM \`${dataset}.webhook_events\` WHERE ${partition} AND event_id = @eventId LIMIT 1`
    const params = { eventId: id }
    const [rows] = await withTimeout(
      clock,
      PROBE_STEP_TIMEOUT_MS,
      bigquery.query({ query, params, useQueryCache: false }),
    )
    return rows.length > 0
  }
}
