import { randomUUID } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import { type Translated, translate } from './dialect.ts'
import { encodeRow, type ResultField, resultField } from './encode.ts'
import { ApiError, notFound } from './errors.ts'
import { boundParameters, type Parameters } from './parameters.ts'
import { quoted } from './schema.ts'
import { queryError, STREAMED_AT, type Storage, storedTable } from './storage.ts'

/** A query that has ended. */
export interface Job {
  readonly id: string
  readonly sql: string
  readonly statementType: Translated['kind']
  readonly fields: readonly ResultField[]
  readonly rows: readonly ReturnType<typeof encodeRow>[]
  /** How many rows a DELETE or an UPDATE changed. */
  readonly affectedRows?: number
}

const JOBS_KEPT = 100

/** Runs queries and keeps the results of the last hundred for `getQueryResults`. */
export class Queries {
  readonly #storage: Storage
  readonly #now: () => number
  readonly #streamingBufferMs: number
  readonly #jobs = new Map<string, Job>()

  constructor(storage: Storage, now: () => number, streamingBufferMs: number) {
    this.#storage = storage
    this.#now = now
    this.#streamingBufferMs = streamingBufferMs
  }

  /** Runs one statement to its end. Throws an `ApiError` when BigQuery would refuse it. */
  async run(sql: string, parameters: Parameters, id: string = randomUUID()): Promise<Job> {
    const translated = translate(sql, { written: storedTable })
    const bound = boundParameters(parameters)
    const result = await this.#storage.exclusively((connection) =>
      translated.target === undefined
        ? read(connection, translated, bound)
        : this.#change(connection, translated, bound),
    )
    const job: Job = { id, sql, statementType: translated.kind, ...result }
    this.#jobs.set(id, job)
    for (const oldest of [...this.#jobs.keys()].slice(0, -JOBS_KEPT)) this.#jobs.delete(oldest)
    return job
  }

  /**
   * Checks a statement without running it, and gives the bytes of the tables and views that it names, as text and whole:
   * more than BigQuery would read.
   */
  async dryRun(sql: string, parameters: Parameters): Promise<number> {
    const translated = translate(sql, { written: storedTable })
    const bound = boundParameters(parameters)
    return await this.#storage.exclusively(async (connection) => {
      await read(connection, { ...translated, sql: `EXPLAIN ${translated.sql}` }, bound)
      let bytes = 0
      for (const { dataset, table } of translated.read) {
        const whole = `SELECT sum(strlen(whole::VARCHAR)) FROM ${quoted(dataset)}.${quoted(table)} AS whole`
        bytes += Number((await connection.runAndReadAll(whole)).getRows()[0]?.[0] ?? 0)
      }
      return bytes
    })
  }

  job(id: string): Job {
    const job = this.#jobs.get(id)
    if (job === undefined) throw notFound(`Job ${id}`)
    return job
  }

  /** How many rows of a table a DELETE or an UPDATE may not touch yet, and when the oldest of them came. */
  async buffered(stored: string): Promise<{ readonly rows: number; readonly oldestMs: number }> {
    const [[rows, oldest] = []] = await this.#storage.exclusively(async (connection) => {
      const sql = `SELECT count(*), min(${STREAMED_AT}) FROM ${stored} WHERE ${STREAMED_AT} > ${this.#bufferStart}`
      return (await connection.runAndReadAll(sql)).getRows()
    })
    return { rows: Number(rows), oldestMs: Number(oldest) }
  }

  /** Nothing is kept back when the buffer has no length, whatever the clock does. */
  get #bufferStart(): bigint {
    return this.#streamingBufferMs === 0 ? 2n ** 62n : BigInt(Math.trunc(this.#now() - this.#streamingBufferMs))
  }

  async #change(connection: DuckDBConnection, { sql, target }: Translated, bound: ReturnType<typeof boundParameters>) {
    await connection.run('BEGIN TRANSACTION')
    try {
      const changed = await connection.runAndReadAll(`${sql} RETURNING ${STREAMED_AT}`, ...bound)
      const streamed = changed.getRows().map(([at]) => at)
      const start = this.#bufferStart
      if (streamed.some((at) => typeof at === 'bigint' && at > start)) {
        const table = `${target?.dataset}.${target?.table}`
        throw new ApiError(
          400,
          'invalidQuery',
          `UPDATE or DELETE statement over table ${table} would affect rows in the streaming buffer, which is not supported`,
        )
      }
      await connection.run('COMMIT')
      return { fields: [], rows: [], affectedRows: streamed.length }
    } catch (error) {
      await connection.run('ROLLBACK')
      throw error instanceof ApiError ? error : queryError(error)
    }
  }
}

async function read(connection: DuckDBConnection, { sql }: Translated, bound: ReturnType<typeof boundParameters>) {
  try {
    const result = await connection.runAndReadAll(sql, ...bound)
    const names = result.columnNames()
    const fields = result.columnTypes().map((type, index) => resultField(names[index] ?? '', type))
    return { fields, rows: result.getRows().map(encodeRow) }
  } catch (error) {
    throw error instanceof ApiError ? error : queryError(error)
  }
}
