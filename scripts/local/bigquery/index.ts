export { deployWarehouse, tableFields, viewQuery } from './deploy.ts'
export type { Misbehaviour } from './misbehaviour.ts'
export { type BigQueryOptions, type LocalBigQuery, startBigQuery } from './server.ts'
