import { BigQuery, type Dataset } from '@google-cloud/bigquery'
import { systemClock } from '../../shared/clock/index.ts'
import { createBigQueryRows, decodeWebhookEvent, insertEvents, type Row } from '../../shared/warehouse/index.ts'
import { type BigQueryOptions, type LocalBigQuery, startBigQuery } from '../emulators/bigquery/index.ts'
import { deployWarehouse } from '../local/deploy-warehouse.ts'
import { PROJECT_ROOT, readTopology } from '../topology/topology.ts'

/** A local BigQuery with the tables and views of `terraform/`, for tests. */
export interface TestWarehouse {
  readonly server: LocalBigQuery
  readonly bigquery: BigQuery
  readonly dataset: Dataset
  /** Stores webhooks as the warehouse function does. Throws unless every one is safe. */
  receive(...bodies: readonly unknown[]): Promise<void>
  /** Stores rows as they are, each as often as it is given. */
  store(...rows: readonly { readonly table: string; readonly json: Row['json'] }[]): Promise<void>
  /** Rows with timestamps and dates as ISO text, and without the columns that are null. */
  query(sql: string, params?: Record<string, unknown>): Promise<Record<string, unknown>[]>
  /** Takes all rows out of all tables, and forgets insert ids. */
  clear(): Promise<void>
  close(): Promise<void>
}

/** Limits of batches for a handler under test: one insert at a time, and no more messages than a test sends. */
export const WAREHOUSE_BATCH = {
  maxItems: 500,
  maxBytes: 8e6,
  maxItemBytes: 8e6,
  maxInFlight: 1,
  maxWaitMs: 10_000,
  maxQueueItems: 300,
  maxBlockedItems: 150,
}

export async function startTestWarehouse(
  options: BigQueryOptions & { readonly now: () => number },
): Promise<TestWarehouse> {
  const server = await startBigQuery(options)
  process.env.BIGQUERY_EMULATOR_HOST = server.url
  const bigquery = new BigQuery({ projectId: 'local-project', retryOptions: { autoRetry: false } })
  const topology = readTopology().bigquery
  const dataset = await deployWarehouse(bigquery, topology, PROJECT_ROOT)
  const insert = createBigQueryRows({ dataset: async () => dataset, timeoutMs: 10_000, clock: systemClock })
  let messages = 0
  return {
    server,
    bigquery,
    dataset,
    receive: async (...bodies) => {
      const events = bodies.map((body) => {
        const decoded = decodeWebhookEvent(
          {
            data: Buffer.from(JSON.stringify(body)),
            attributes: { received_at: new Date(options.now()).toISOString(), signature_timestamp: '1793610000' },
            messageId: String(++messages),
            publishTime: '',
          },
          options.now(),
        )
        if (!decoded.ok) throw new Error(decoded.error)
        return decoded.value
      })
      const outcomes = await insertEvents(events, insert, { warning: () => {} })
      const failed = outcomes.find(({ kind }) => kind !== 'delivered')
      if (failed !== undefined) throw new Error(JSON.stringify(failed))
    },
    store: async (...rows) => {
      for (const [table, ofTable] of Map.groupBy(rows, (row) => row.table)) {
        await dataset.table(table).insert(
          ofTable.map(({ json }) => ({ json })),
          { raw: true },
        )
      }
    },
    query: async (sql, params = {}) => {
      const [rows] = await bigquery.query({ query: sql, params })
      return rows.map((row: Record<string, unknown>) =>
        Object.fromEntries(
          Object.entries(row).flatMap(([name, value]) => (value === null ? [] : [[name, plain(value)]])),
        ),
      )
    },
    clear: () => server.clear(),
    close: async () => {
      await server.close()
      delete process.env.BIGQUERY_EMULATOR_HOST
    },
  }
}

function plain(value: unknown): unknown {
  const isMoment = typeof value === 'object' && value !== null && 'value' in value
  return isMoment ? value.value : value
}
