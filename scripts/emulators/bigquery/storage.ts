import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { z } from 'zod'
import { type TableName, translate } from './dialect.ts'
import { ApiError, duplicate, invalidQuery, notFound } from './errors.ts'
import { PREPARATION } from './macros.ts'
import { describeField, duckdbType, type Field, fieldsSchema, quoted, sqlType } from './schema.ts'

const tableBodySchema = z.object({
  tableReference: z.object({ tableId: z.string().regex(/^\w{1,1024}$/) }),
  schema: z.object({ fields: fieldsSchema }).optional(),
  view: z.object({ query: z.string().min(1) }).optional(),
  timePartitioning: z.object({ type: z.enum(['HOUR', 'DAY', 'MONTH', 'YEAR']), field: z.string() }).optional(),
  clustering: z.object({ fields: z.array(z.string()).max(4) }).optional(),
  description: z.string().optional(),
})

const routineBodySchema = z.object({
  routineReference: z.object({ routineId: z.string().regex(/^\w{1,256}$/) }),
  routineType: z.literal('TABLE_VALUED_FUNCTION'),
  definitionBody: z.string().min(1),
  arguments: z
    .array(
      z.object({
        name: z.string().regex(/^[A-Za-z_]\w*$/),
        dataType: z.object({ typeKind: z.enum(['STRING', 'DATE', 'INT64']) }),
      }),
    )
    .default([]),
})

/** A table function as it was made. */
export type RoutineBody = z.infer<typeof routineBodySchema>

/** A table or a view as it was made, without what is counted at each read. */
export type TableBody = z.infer<typeof tableBodySchema>

export const describeTable = (body: TableBody): Record<string, unknown> => ({
  ...body,
  ...(body.schema === undefined ? {} : { schema: { fields: body.schema.fields.map(describeField) } }),
})

/** Column of every stored table, hidden from queries: when the row was streamed in, in milliseconds. */
export const STREAMED_AT = '_streamed_at_ms'

/** The table that holds the rows. Queries read `"dataset"."table"`, a view of it without the hidden column. */
export const storedTable = ({ dataset, table }: TableName): string => `_storage.${quoted(`${dataset}.${table}`)}`

/** Datasets, tables and views in one DuckDB. What is done here is done one after the other. */
export class Storage {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  readonly #now: () => number
  readonly #datasets = new Map<string, Map<string, TableBody>>()
  readonly #routines = new Map<string, RoutineBody>()
  #queue: Promise<unknown> = Promise.resolve()
  #isClosed = false

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, now: () => number) {
    this.#instance = instance
    this.#connection = connection
    this.#now = now
  }

  /** Opens (and makes, where there is none) the database file `path`, or one in memory for `:memory:`. */
  static async open(path: string, now: () => number): Promise<Storage> {
    const instance = await DuckDBInstance.create(path)
    const storage = new Storage(instance, await instance.connect(), now)
    for (const statement of PREPARATION) await storage.#connection.run(statement)
    await storage.#load()
    return storage
  }

  /** Ends what was asked for before it, and takes no more: a database that is closed under its work takes the process with it. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#queue
    this.#connection.closeSync()
    this.#instance.closeSync()
  }

  /** Runs `work` when everything asked for before it has ended; nothing else touches the database meanwhile. */
  exclusively<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new Error('the local BigQuery is closed'))
    const result = this.#queue.then(async () => {
      await this.#connection.run(`SET VARIABLE now = make_timestamp(${Math.trunc(this.#now())} * 1000)`)
      return await work(this.#connection)
    })
    this.#queue = result.catch(() => undefined)
    return result
  }

  datasets(): string[] {
    return [...this.#datasets.keys()]
  }

  async createDataset(dataset: string): Promise<void> {
    if (!/^\w{1,1024}$/.test(dataset) || dataset.startsWith('_'))
      throw new ApiError(400, 'invalid', 'Invalid dataset ID')
    if (this.#datasets.has(dataset)) throw duplicate(`Dataset ${dataset}`)
    this.#datasets.set(dataset, new Map())
    await this.exclusively(async (connection) => {
      await connection.run(`CREATE SCHEMA IF NOT EXISTS ${quoted(dataset)}`)
      await connection.run('INSERT INTO _storage.datasets VALUES ($1)', [dataset])
    })
  }

  tables(dataset: string): TableBody[] {
    const tables = this.#datasets.get(dataset)
    if (tables === undefined) throw notFound(`Dataset ${dataset}`)
    return [...tables.values()]
  }

  table(name: TableName): TableBody {
    const table = this.tables(name.dataset).find((body) => body.tableReference.tableId === name.table)
    if (table === undefined) throw notFound(`Table ${name.dataset}.${name.table}`)
    return table
  }

  /** The columns of a table that rows can be streamed into. */
  fields(name: TableName): readonly Field[] {
    const { schema } = this.table(name)
    if (schema === undefined)
      throw new ApiError(400, 'invalid', `Cannot add rows to a view: ${name.dataset}.${name.table}`)
    return schema.fields
  }

  /** Makes a table or a view, as `tables.insert` does. A view's query is run once, so that a wrong one is refused here. */
  async createTable(dataset: string, body: unknown): Promise<TableBody> {
    const table = tableBodySchema.safeParse(body)
    if (!table.success) throw new ApiError(400, 'invalid', z.prettifyError(table.error))
    const name = { dataset, table: table.data.tableReference.tableId }
    if (this.tables(dataset).some((other) => other.tableReference.tableId === name.table)) {
      throw duplicate(`Table ${dataset}.${name.table}`)
    }
    await this.exclusively(async (connection) => {
      for (const statement of definition(name, table.data)) await run(connection, statement)
      await connection.run('INSERT INTO _storage.tables VALUES ($1, $2, $3)', [
        dataset,
        name.table,
        JSON.stringify(table.data),
      ])
    })
    this.#datasets.get(dataset)?.set(name.table, table.data)
    return table.data
  }

  /** Puts another query in place of a view's. */
  async updateView(name: TableName, body: unknown): Promise<TableBody> {
    const changed = tableBodySchema.safeParse({ ...this.table(name), ...(typeof body === 'object' ? body : {}) })
    if (!changed.success || changed.data.view === undefined) {
      throw new ApiError(400, 'invalid', 'The local BigQuery changes the query of a view, and nothing else')
    }
    const { data } = changed
    await this.exclusively(async (connection) => {
      for (const statement of definition(name, data)) await run(connection, statement)
      const values = [name.dataset, name.table, JSON.stringify(data)]
      await connection.run('UPDATE _storage.tables SET body = $3 WHERE dataset = $1 AND name = $2', values)
    })
    this.#datasets.get(name.dataset)?.set(name.table, data)
    return data
  }

  async deleteTable(name: TableName): Promise<void> {
    this.table(name)
    await this.exclusively(async (connection) => {
      await connection.run(`DROP VIEW ${quoted(name.dataset)}.${quoted(name.table)}`)
      await connection.run(`DROP TABLE IF EXISTS ${storedTable(name)}`)
      await connection.run('DELETE FROM _storage.tables WHERE dataset = $1 AND name = $2', [name.dataset, name.table])
    })
    this.#datasets.get(name.dataset)?.delete(name.table)
  }

  async deleteDataset(dataset: string): Promise<void> {
    if (this.tables(dataset).length > 0) throw new ApiError(400, 'resourceInUse', `Dataset ${dataset} is still in use`)
    await this.exclusively(async (connection) => {
      await connection.run(`DROP SCHEMA ${quoted(dataset)} CASCADE`)
      await connection.run('DELETE FROM _storage.datasets WHERE name = $1', [dataset])
      await connection.run('DELETE FROM _storage.routines WHERE dataset = $1', [dataset])
    })
    for (const key of [...this.#routines.keys()]) if (key.startsWith(`${dataset}.`)) this.#routines.delete(key)
    this.#datasets.delete(dataset)
  }

  /**
   * Adds rows whose values `parseRow` made for the table's fields. All of them, or none when it throws.
   *
   * @param streamedAtMs since when they are in the streaming buffer; 0 for rows that are not
   */
  async append(
    name: TableName,
    rows: readonly (readonly DuckDBValue[])[],
    streamedAtMs = Math.trunc(this.#now()),
  ): Promise<void> {
    const types = this.fields(name).map(duckdbType)
    await this.exclusively(async (connection) => {
      const appender = await connection.createAppender(`${name.dataset}.${name.table}`, '_storage')
      for (const row of rows) {
        types.forEach((type, index) => {
          appender.appendValue(row[index] ?? null, type)
        })
        appender.appendBigInt(BigInt(streamedAtMs))
        appender.endRow()
      }
      appender.closeSync()
    })
  }

  routine({ dataset, table }: TableName): RoutineBody {
    const routine = this.#routines.get(`${dataset}.${table}`)
    if (routine === undefined) throw notFound(`Routine ${dataset}.${table}`)
    return routine
  }

  /** Makes a table function, as `routines.insert` and `routines.update` do; `existing` says which of the two is meant. */
  async putRoutine(dataset: string, body: unknown, existing: boolean): Promise<RoutineBody> {
    const routine = routineBodySchema.safeParse(body)
    if (!routine.success) throw new ApiError(400, 'invalid', z.prettifyError(routine.error))
    const { routineId } = routine.data.routineReference
    this.tables(dataset)
    const key = `${dataset}.${routineId}`
    if (existing !== this.#routines.has(key)) throw existing ? notFound(`Routine ${key}`) : duplicate(`Routine ${key}`)
    await this.exclusively(async (connection) => {
      await run(connection, macroOf(dataset, routine.data))
      await connection.run('DELETE FROM _storage.routines WHERE dataset = $1 AND name = $2', [dataset, routineId])
      const values = [dataset, routineId, JSON.stringify(routine.data)]
      await connection.run('INSERT INTO _storage.routines VALUES ($1, $2, $3)', values)
    })
    this.#routines.set(key, routine.data)
    return routine.data
  }

  /** Deletes the rows of every table. */
  async clear(): Promise<void> {
    await this.exclusively(async (connection) => {
      for (const [dataset, tables] of this.#datasets) {
        for (const { schema, tableReference } of tables.values()) {
          if (schema === undefined) continue // a view
          await connection.run(`DELETE FROM ${storedTable({ dataset, table: tableReference.tableId })}`)
        }
      }
    })
  }

  async #load(): Promise<void> {
    const connection = this.#connection
    await connection.run('CREATE SCHEMA IF NOT EXISTS _storage')
    await connection.run('CREATE TABLE IF NOT EXISTS _storage.datasets (name VARCHAR)')
    await connection.run('CREATE TABLE IF NOT EXISTS _storage.tables (dataset VARCHAR, name VARCHAR, body VARCHAR)')
    await connection.run('CREATE TABLE IF NOT EXISTS _storage.routines (dataset VARCHAR, name VARCHAR, body VARCHAR)')
    for (const [dataset] of (await connection.runAndReadAll('SELECT name FROM _storage.datasets')).getRows()) {
      this.#datasets.set(String(dataset), new Map())
    }
    const routines = await connection.runAndReadAll('SELECT dataset, name, body FROM _storage.routines')
    for (const [dataset, name, body] of routines.getRows())
      this.#routines.set(`${dataset}.${name}`, routineBodySchema.parse(JSON.parse(String(body))))
    const tables = await connection.runAndReadAll('SELECT dataset, name, body FROM _storage.tables ORDER BY rowid')
    for (const [dataset, name, body] of tables.getRows()) {
      this.#datasets.get(String(dataset))?.set(String(name), tableBodySchema.parse(JSON.parse(String(body))))
    }
  }
}

/** What makes a table, or puts a view where there may be one. */
function definition(name: TableName, body: TableBody): string[] {
  const visible = `${quoted(name.dataset)}.${quoted(name.table)}`
  if (body.view !== undefined) {
    const { kind, sql } = translate(body.view.query, { written: storedTable })
    if (kind !== 'SELECT') throw invalidQuery('A view must be a SELECT')
    return [`CREATE OR REPLACE VIEW ${visible} AS ${sql}`]
  }
  if (body.schema === undefined) throw new ApiError(400, 'invalid', 'A table needs a schema, a view a query')
  const columns = body.schema.fields.map((field) => `${quoted(field.name)} ${sqlType(field)}`)
  return [
    `CREATE TABLE ${storedTable(name)} (${[...columns, `${STREAMED_AT} BIGINT`].join(', ')})`,
    `CREATE VIEW ${visible} AS SELECT * EXCLUDE (${STREAMED_AT}) FROM ${storedTable(name)}`,
  ]
}

/** A table function is a macro of DuckDB's, whose arguments have no type of their own. */
function macroOf(dataset: string, { routineReference, definitionBody, arguments: given }: RoutineBody): string {
  const types = { STRING: 'VARCHAR', DATE: 'DATE', INT64: 'BIGINT' }
  const argumentTypes = new Map(given.map(({ name, dataType }) => [name.toUpperCase(), types[dataType.typeKind]]))
  const { kind, sql } = translate(definitionBody, { written: storedTable, argumentTypes })
  if (kind !== 'SELECT') throw invalidQuery('A table function must be a SELECT')
  const name = `${quoted(dataset)}.${quoted(routineReference.routineId)}`
  return `CREATE OR REPLACE MACRO ${name}(${[...argumentTypes.keys()].join(', ')}) AS TABLE ${sql}`
}

/** Runs what came out of somebody's SQL: DuckDB's complaint becomes BigQuery's kind of error. */
export async function run(connection: DuckDBConnection, sql: string): Promise<void> {
  try {
    await connection.run(sql)
  } catch (error) {
    throw queryError(error)
  }
}

export function queryError(error: unknown): ApiError {
  const message = String(error).replace(/^Error: /, '')
  return /^Catalog Error: (Table|Schema)/.test(message) ? notFound(message) : invalidQuery(`DuckDB: ${message}`)
}
