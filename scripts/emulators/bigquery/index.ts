export type { Misbehaviour } from './misbehaviour.ts'
export { type BigQueryOptions, type LocalBigQuery, startBigQuery } from './server.ts'
