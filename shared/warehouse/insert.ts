import { type BatchAnswer, bisect } from '../batching/index.ts'
import type { Log } from '../logging/index.ts'
import type { Outcome, Refused, Retry } from '../outcome/index.ts'
import type { DecodedEvent } from './decode.ts'
import { MAX_ROW_BYTES, type Row, rowBytes, type TableName } from './row.ts'

/** What became of one row of a request that BigQuery looked at row by row. */
export type RowFailure = Refused | Retry | { readonly kind: 'stopped' }

/** What one insert came to. */
export type InsertAnswer =
  | { readonly kind: 'inserted' }
  /** Some rows were refused, by their index; `stopped`: nothing is wrong with it, but another row stopped the request. */
  | { readonly kind: 'perRow'; readonly failures: ReadonlyMap<number, RowFailure> }
  /** The request as a whole was refused (400, 413), which says nothing of its rows. */
  | { readonly kind: 'refusedWhole'; readonly outcome: Refused }
  | { readonly kind: 'failed'; readonly outcome: Retry }

/** Inserts rows of one table in one request, in bounded time. Must not throw. */
export type InsertRows = (table: TableName, rows: readonly Row[]) => Promise<InsertAnswer>

/** BigQuery recommends at most 500 rows per request. */
const ROWS_PER_REQUEST = 500
/** Each round takes at least one bad row out. BigQuery names all bad rows at once, so two rounds are the rule. */
const MAX_ROUNDS = 10

/** Nothing in a row of the quarantine can be wrong (it is bytes and names), so it is the table, or BigQuery. */
const QUARANTINE_REFUSED: Retry = {
  kind: 'retry',
  cause: 'configuration',
  error: 'BigQuery refuses rows of the quarantine',
}
const STILL_STOPPED: Retry = { kind: 'retry', cause: 'transient', error: 'BigQuery keeps stopping the request' }

/**
 * Inserts the rows of many events in as few requests as there are tables.
 *
 * One outcome per event, in order: delivered when every row of it is stored. A row that BigQuery refuses is replaced by
 * the event's row in the quarantine; when that is refused too, the event is retried, and when no row can hold it, it is
 * refused and goes to the dead letters. An event that is retried may have rows that are stored already: `event_id` tells.
 */
export async function insertEvents(
  events: readonly DecodedEvent[],
  insert: InsertRows,
  log: Pick<Log, 'warning'>,
): Promise<Outcome[]> {
  const rowOutcomes = await insertAll(
    events.map(({ rows }) => rows),
    insert,
  )
  const outcomes = rowOutcomes.map(worst)
  const refused = outcomes.flatMap((outcome, index) => (outcome.kind === 'refused' ? [{ index, outcome }] : []))
  const replacements = refused.map(({ index, outcome }) => events[index]?.quarantineRow(outcome.error))
  const stored = await insertAll(
    replacements.map((row) => (row === undefined ? [] : [row])),
    insert,
  )
  refused.forEach(({ index, outcome }, position) => {
    const eventId = events[index]?.eventId
    for (const { table, outcome: rowOutcome } of rowOutcomes[index] ?? []) {
      if (rowOutcome.kind !== 'refused') continue
      const about = {
        event: 'row_refused',
        table,
        reason: rowOutcome.reason,
        ...(eventId !== undefined && { eventId }),
      }
      log.warning('BigQuery refused a row', about)
    }
    if (replacements[position] !== undefined) outcomes[index] = worst(stored[position] ?? [])
    else outcomes[index] = outcome
  })
  return outcomes.map((outcome) => ({ ...outcome, batchSize: events.length }))
}

/** What became of one row. */
interface RowOutcome {
  readonly table: TableName
  readonly outcome: Outcome
}

/** The outcomes of each group's rows, all inserted together; in the order of the groups. */
async function insertAll(groups: readonly (readonly Row[])[], insert: InsertRows): Promise<RowOutcome[][]> {
  const places = groups.flatMap((rows, group) => rows.map((row) => ({ row, group })))
  const rowOutcomes: RowOutcome[][] = groups.map(() => [])
  await Promise.all(
    [...Map.groupBy(places, ({ row }) => row.table)].map(async ([table, ofTable]) => {
      for (const chunk of chunks(ofTable)) {
        const rows = chunk.map(({ row }) => row)
        const outcomes = await bisect<Row, Outcome>(rows, (part) => insertOnce(table, part, insert))
        chunk.forEach(({ group }, index) => {
          const outcome = outcomes[index]
          if (outcome === undefined) return
          const refused = outcome.kind === 'refused' && table === 'webhook_quarantine'
          rowOutcomes[group]?.push({ table, outcome: refused ? QUARANTINE_REFUSED : outcome })
        })
      }
    }),
  )
  return rowOutcomes
}

/** Inserts rows, and inserts again without the bad ones what they stopped. */
async function insertOnce(table: TableName, rows: readonly Row[], insert: InsertRows): Promise<BatchAnswer<Outcome>> {
  const outcomes: Outcome[] = rows.map(() => STILL_STOPPED)
  let pending = rows.map((_, index) => index)
  const decidePending = (outcome: Outcome): void => {
    for (const index of pending) outcomes[index] = outcome
  }
  for (let round = 0; round < MAX_ROUNDS && pending.length > 0; round++) {
    const answer = await insert(
      table,
      pending.flatMap((index) => rows[index] ?? []),
    )
    if (answer.kind === 'perRow') {
      pending = pending.filter((index, position) => {
        const failure = answer.failures.get(position)
        if (failure?.kind !== 'stopped') outcomes[index] = failure ?? { kind: 'delivered' }
        return failure?.kind === 'stopped'
      })
      continue
    }
    if (round === 0 && answer.kind === 'refusedWhole') return answer
    if (round === 0 && answer.kind === 'failed') return { kind: 'undecided', outcome: answer.outcome }
    decidePending(
      answer.kind === 'inserted' ? { kind: 'delivered' } : answer.kind === 'failed' ? answer.outcome : STILL_STOPPED,
    )
    pending = []
  }
  return { kind: 'perItem', outcomes }
}

/** Requests that BigQuery takes. A row is at most as large as a request may be. */
function chunks<T extends { readonly row: Row }>(places: readonly T[]): T[][] {
  const found: T[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const place of places) {
    const size = rowBytes(place.row)
    const last = found.at(-1)
    if (last === undefined || last.length >= ROWS_PER_REQUEST || bytes + size > MAX_ROW_BYTES) {
      found.push([place])
      bytes = size
    } else {
      last.push(place)
      bytes += size
    }
  }
  return found
}

/** Retry before refused: what is retried may turn out well, and is looked at again then. */
function worst(rowOutcomes: readonly RowOutcome[]): Outcome {
  const outcomes = rowOutcomes.map(({ outcome }) => outcome)
  return (
    outcomes.find(({ kind }) => kind === 'retry') ??
    outcomes.find(({ kind }) => kind === 'refused') ?? { kind: 'delivered' }
  )
}
