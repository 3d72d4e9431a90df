/** From a webhook to rows of BigQuery: `decodeWebhookEvent` decides what they are, `insertEvents` makes them safe. */
export { createBigQueryRows, type InsertTarget } from './bigquery.ts'
export { type DecodedEvent, decodeWebhookEvent } from './decode.ts'
export { insertEvents } from './insert.ts'
export { createNoveltyFilter } from './novelties.ts'
export type { Row, TableName } from './row.ts'
