import type { Connection } from '../../../cio/connection.ts'
import { soughtBy } from '../../../cio/dead-letters/whose.ts'
import { hashesInRows } from '../../../cio/person/warehouse.ts'
import type { Stores } from '../../../cio/trace/gather.ts'
import { remembered } from '../../../cio/trace/ledger.ts'
import { TraceRows } from '../../../cio/trace/rows.ts'

/** As far back as `cio-gcp trace` looks by default. */
const LOOK_BACK_MS = 7 * 86_400_000

/** The record and the webhooks of the last days. */
export async function recentRows(connection: Connection, now: () => number): Promise<TraceRows> {
  const { dataset } = connection.topology.bigquery
  return new TraceRows(await connection.bigquery(), dataset, now() - LOOK_BACK_MS)
}

/** The stores of a trace of one message. */
export async function storesOf(
  connection: Connection,
  now: () => number,
  deadLetters: Stores['deadLetters'],
): Promise<Stores> {
  return {
    rows: await recentRows(connection, now),
    remembered: (question) => remembered({ connection }, question),
    deadLetters,
    hashesInRows,
    soughtBy: (names) => (names.length === 0 ? undefined : soughtBy(names)),
  }
}
