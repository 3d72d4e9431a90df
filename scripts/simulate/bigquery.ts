import { z } from 'zod'
import type { Insert } from './network.ts'

const row = z.object({
  json: z.looseObject({
    event_id: z.string().optional(),
    /** Of the quarantine: the webhook, in base64. */
    body: z.string().optional(),
    data: z.string().optional(),
  }),
})
/** A row that is safe. */
export type Stored = z.infer<typeof row>['json']

/** What makes BigQuery refuse a row of `webhook_events`. */
export const REFUSED_ROW = 'refused by BigQuery'

/**
 * BigQuery as `tabledata.insertAll` takes rows: one that it refuses stops the others, and nothing of the request is stored.
 *
 * @param onStored told of each row that is safe
 */
export function createBigQuery(onStored: (table: string, stored: Stored) => void): Insert {
  return (table, rows) => {
    const read = rows.map((each) => row.parse(each).json)
    const refused = read.map(({ data }) => table === 'webhook_events' && data?.includes(REFUSED_ROW) === true)
    if (refused.includes(true)) {
      const insertErrors = refused.map((isRefused, index) => ({
        index,
        errors: [
          isRefused ? { reason: 'invalid', message: 'no such time', location: 'timestamp' } : { reason: 'stopped' },
        ],
      }))
      throw Object.assign(new Error('some rows were refused'), { response: { insertErrors } })
    }
    for (const each of read) onStored(table, each)
  }
}
