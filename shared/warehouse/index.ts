/** From a webhook to rows of BigQuery: `decodeWebhookEvent` decides what they are, `insertEvents` makes them safe. */
export { type BigQueryRowsOptions, createBigQueryRows } from './bigquery.ts'
export { type Decoded, type DecodedEvent, decodeWebhookEvent, type WebhookEventMessage } from './decode.ts'
export { type InsertAnswer, type InsertRows, insertEvents, type RowFailure } from './insert.ts'
export { createNoveltyFilter, type Novelty } from './novelties.ts'
export { MAX_ROW_BYTES, type Row, type TableName } from './row.ts'
