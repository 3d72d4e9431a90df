import type { BigQuery } from '@google-cloud/bigquery'
import * as z from 'zod'
import type { NameStore } from './refresh.ts'

/** BigQuery recommends at most 500 rows per request. */
const ROWS_PER_REQUEST = 500

const lists = z.array(z.object({ id: z.string(), name: z.string(), at_ms: z.number() }))

/** The table `names` of the warehouse. */
export function createNameStore(bigquery: BigQuery, dataset: string): NameStore {
  return {
    async listsRead() {
      const [rows] = await bigquery.query(
        `SELECT id, name, UNIX_MILLIS(fetched_at) AS at_ms FROM \`${dataset}.names\` WHERE kind = 'list'
         QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY fetched_at DESC, name) = 1`,
      )
      return new Map(lists.parse(rows).map(({ id, name, at_ms }) => [id, { next: name, atMs: at_ms }]))
    },
    async store(rows) {
      const table = bigquery.dataset(dataset).table('names')
      for (let at = 0; at < rows.length; at += ROWS_PER_REQUEST) {
        // Without insert ids: a row that is there twice changes no view.
        const part = rows.slice(at, at + ROWS_PER_REQUEST).map((json) => ({ json }))
        await table.insert(part, { raw: true, partialRetries: 0 })
      }
    },
  }
}
