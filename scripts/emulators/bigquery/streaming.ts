import type { DuckDBValue } from '@duckdb/node-api'
import { z } from 'zod'
import type { TableName } from './dialect.ts'
import { invalid } from './errors.ts'
import { parseRow, type RowError } from './row.ts'
import { quoted } from './schema.ts'
import type { Storage, TableBody } from './storage.ts'

const ROWS_PER_REQUEST = 50_000
/** BigQuery's insertId de-duplicates for at least a minute, best effort: here for exactly a minute. */
const INSERT_ID_MS = 60_000
const DAY_MS = 86_400_000
/** How far from today a row may be streamed into a partition by column. */
const DAYS_PAST = 1825
const DAYS_FUTURE = 366

const requestSchema = z.object({
  rows: z.array(z.object({ insertId: z.string().max(128).optional(), json: z.unknown() })).default([]),
  skipInvalidRows: z.boolean().default(false),
  ignoreUnknownValues: z.boolean().default(false),
})

export interface InsertError {
  readonly index: number
  readonly errors: readonly (RowError & { readonly debugInfo: '' })[]
}

/** Why a row is to be refused although it fits the table, or undefined. */
export type RefuseRow = (table: string, row: unknown) => string | undefined

/** `tabledata.insertAll`, with BigQuery's memory of insert ids. */
export class Streaming {
  readonly #storage: Storage
  readonly #now: () => number
  readonly #seenUntilMs = new Map<string, number>()

  constructor(storage: Storage, now: () => number) {
    this.#storage = storage
    this.#now = now
  }

  /**
   * Stores the rows of a request, or says which cannot be stored. Without `skipInvalidRows` one bad row stops all: the others
   * come back as `stopped`, and nothing is stored.
   */
  async insertAll(name: TableName, body: unknown, refuse: RefuseRow): Promise<readonly InsertError[]> {
    const request = requestSchema.safeParse(body)
    if (!request.success) throw invalid(z.prettifyError(request.error))
    const { rows, skipInvalidRows, ignoreUnknownValues } = request.data
    if (rows.length === 0) throw invalid('No rows present in the request.')
    if (rows.length > ROWS_PER_REQUEST)
      throw invalid(`too many rows present in the request, limit: ${ROWS_PER_REQUEST}`)

    const fields = this.#storage.fields(name)
    const table = this.#storage.table(name)
    const errors: InsertError[] = []
    const good: { readonly key: string | undefined; readonly values: readonly DuckDBValue[] }[] = []
    rows.forEach(({ insertId, json }, index) => {
      const parsed = parseRow(json, fields, ignoreUnknownValues)
      const refusal = parsed.ok ? (this.#outOfBounds(table, parsed.values) ?? refuse(name.table, json)) : undefined
      if (!parsed.ok) errors.push(insertError(index, parsed.errors))
      else if (refusal !== undefined)
        errors.push(insertError(index, [{ reason: 'invalid', location: '', message: refusal }]))
      else
        good.push({ key: insertId === undefined ? undefined : JSON.stringify([name, insertId]), values: parsed.values })
    })
    if (errors.length > 0 && !skipInvalidRows) {
      const bad = new Map(errors.map((error) => [error.index, error]))
      const stopped: RowError = { reason: 'stopped', location: '', message: '' }
      return rows.map((_, index) => bad.get(index) ?? insertError(index, [stopped]))
    }
    await this.#storage.append(
      name,
      good.filter(({ key }) => key === undefined || this.#isNew(key)).map(({ values }) => values),
    )
    return errors
  }

  /**
   * Stores rows as the Storage Write API does: what it refuses comes back with the reason, by index, and DML may change at
   * once what it stored (https://docs.cloud.google.com/bigquery/docs/data-manipulation-language#limitations).
   */
  async append(
    name: TableName,
    rows: readonly unknown[],
    ignoreUnknown: boolean,
    refuse: RefuseRow,
  ): Promise<ReadonlyMap<number, string>> {
    const fields = this.#storage.fields(name)
    const table = this.#storage.table(name)
    const refused = new Map<number, string>()
    const good: (readonly DuckDBValue[])[] = []
    rows.forEach((row, index) => {
      const parsed = parseRow(row, fields, ignoreUnknown)
      const why = parsed.ok
        ? (this.#outOfBounds(table, parsed.values) ?? refuse(name.table, row))
        : parsed.errors.map(({ message }) => message).join('; ')
      if (why !== undefined) refused.set(index, why)
      else if (parsed.ok) good.push(parsed.values)
    })
    await this.#storage.append(name, good, 0)
    return refused
  }

  /** Forgets which insert ids there were. */
  clear(): void {
    this.#seenUntilMs.clear()
  }

  #isNew(key: string): boolean {
    const nowMs = this.#now()
    for (const [old, untilMs] of this.#seenUntilMs) {
      if (untilMs > nowMs) break
      this.#seenUntilMs.delete(old)
    }
    if (this.#seenUntilMs.has(key)) return false
    this.#seenUntilMs.set(key, nowMs + INSERT_ID_MS)
    return true
  }

  #outOfBounds(table: TableBody, values: readonly DuckDBValue[]): string | undefined {
    const partition = table.timePartitioning?.field
    const value = values[table.schema?.fields.findIndex(({ name }) => name === partition) ?? -1]
    if (typeof value !== 'object' || value === null || !('micros' in value) || typeof value.micros !== 'bigint')
      return undefined
    const daysFromNow = (Number(value.micros) / 1000 - this.#now()) / DAY_MS
    if (daysFromNow >= -DAYS_PAST && daysFromNow <= DAYS_FUTURE) return undefined
    return (
      `Value ${value.micros} for field ${partition} of the destination table ${quoted(table.tableReference.tableId)} is outside ` +
      `the allowed bounds. You can only stream to date range within ${DAYS_PAST} days in the past and ${DAYS_FUTURE} days in ` +
      'the future relative to the current date.'
    )
  }
}

function insertError(index: number, errors: readonly RowError[]): InsertError {
  return { index, errors: errors.map((error) => ({ ...error, debugInfo: '' })) }
}
