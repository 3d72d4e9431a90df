import type { BigQuery } from '@google-cloud/bigquery'
import * as z from 'zod'
import type { NameStore } from './refresh.ts'

/** BigQuery recommends at most 500 rows per request. */
const ROWS_PER_REQUEST = 500

const sources = z.array(z.object({ source: z.string() }))

/** The table `names` of the warehouse. */
export function createNameStore(bigquery: BigQuery, dataset: string): NameStore {
  return {
    async freshSources(sinceMs) {
      const since = `TIMESTAMP '${new Date(sinceMs).toISOString()}'`
      const [rows] = await bigquery.query(
        `SELECT DISTINCT source FROM \`${dataset}.names\` WHERE fetched_at >= ${since}`,
      )
      return new Set(sources.parse(rows).map(({ source }) => source))
    },
    async store(rows) {
      const table = bigquery.dataset(dataset).table('names')
      for (let at = 0; at < rows.length; at += ROWS_PER_REQUEST) {
        const part = rows.slice(at, at + ROWS_PER_REQUEST)
        const wire = part.map((json) => ({ insertId: `${json.kind}/${json.id}/${json.fetched_at}`, json }))
        await table.insert(wire, { raw: true, partialRetries: 0 })
      }
    },
  }
}
