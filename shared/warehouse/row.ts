import { createHash } from 'node:crypto'

/** The tables of the warehouse, as `terraform/pipeline.yaml` names them. */
export type TableName = 'webhook_events' | 'subscription_changes' | 'webhook_quarantine'

/** A row as `insertAll` takes it: BigQuery drops a second one with the same `insertId` for about a minute. */
export interface Row {
  readonly table: TableName
  readonly insertId: string
  readonly json: Readonly<Record<string, unknown>>
}

/**
 * A row beyond this is not tried: BigQuery takes 10 MB a request, and an event can have more rows than this one.
 * https://cloud.google.com/bigquery/quotas#streaming_inserts
 */
export const MAX_ROW_BYTES = 7_500_000

const MAX_INSERT_ID_CHARACTERS = 128

/** An insert id of what makes the row what it is; hashed when BigQuery would find it too long. */
export function insertIdOf(...parts: readonly string[]): string {
  const id = parts.join('/').toWellFormed()
  return id.length <= MAX_INSERT_ID_CHARACTERS ? id : createHash('sha256').update(id).digest('hex')
}

/** A row is measured where it is made, where it waits for a batch and where requests are cut, and may have megabytes. */
const measured = new WeakMap<Row, number>()

/** Bytes that the row takes in a request, with the words around it. */
export function rowBytes(row: Row): number {
  let bytes = measured.get(row)
  if (bytes === undefined) {
    bytes = Buffer.byteLength(JSON.stringify(row.json)) + 200
    measured.set(row, bytes)
  }
  return bytes
}
