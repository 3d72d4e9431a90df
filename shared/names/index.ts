/** Names of what webhooks have only ids for, fetched from the App API into the warehouse's table `names`. */
export { createNameStore } from './bigquery.ts'
export { NAME_LISTS, type NameRow, type NameStore, refreshNames } from './refresh.ts'
