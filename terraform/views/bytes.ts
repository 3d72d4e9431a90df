import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { z } from 'zod'
import { translate } from '../../scripts/emulators/bigquery/dialect.ts'
import { PREPARATION } from '../../scripts/emulators/bigquery/macros.ts'
import { type Field, fieldsSchema, quoted, sqlType } from '../../scripts/emulators/bigquery/schema.ts'
import { recentWebhookSamples } from '../../scripts/emulators/customerio/samples/index.ts'
import { tableFields, viewQuery } from '../../scripts/local/deploy-warehouse.ts'
import { PROJECT_ROOT, readTopology } from '../../scripts/topology/topology.ts'
import { decodeWebhookEvent } from '../../shared/warehouse/index.ts'

/**
 * Computes what a query of each view reads of a table of 1 TB, from the columns that DuckDB's plan of it scans and the sizes
 * of the columns in the sample webhooks, and writes the table into README.md. `--check` writes nothing and fails when the
 * README is not current; `--views FOLDER` prints the table for other queries, such as those of an earlier version.
 *
 *   node terraform/views/bytes.ts [--check | --views FOLDER]
 *
 * That BigQuery reads the same columns and applies a filter to the table where DuckDB does is expected, not proven: README.md
 * names the dry run that decides it.
 */

const BEGIN = '<!-- bytes: written by `node terraform/views/bytes.ts` -->'
const END = '<!-- end of bytes -->'
const WHOLE_TABLE_GB = 1_000

/** What one query reads of a table. */
export interface Reading {
  readonly table: string
  readonly columns: readonly string[]
  /** Whether the plan applies a condition on the partition column in the scan of the table. */
  readonly prunes: boolean
}

const { tables, views, dataset } = readTopology().bigquery
const columnsOf = new Map<string, readonly Field[]>(
  Object.entries(tables).map(([name, { schema }]) => [name, fieldsSchema.parse(tableFields(PROJECT_ROOT, schema))]),
)

const EXTREMES: Readonly<Record<Field['type'], readonly [string, string]>> = {
  STRING: ["'a'", "'z'"],
  BYTES: ["'a'", "'z'"],
  INTEGER: ['0', '9'],
  FLOAT: ['0', '9'],
  BOOLEAN: ['FALSE', 'TRUE'],
  TIMESTAMP: ["TIMESTAMP '2020-01-01'", "TIMESTAMP '2030-01-01'"],
  DATE: ["DATE '2020-01-01'", "DATE '2030-01-01'"],
  JSON: ["'{}'", "'{}'"],
  RECORD: ['NULL', 'NULL'],
}

/** DuckDB computes the windows of a view that a query does not ask for. The column alone is read only if it is asked for. */
const WINDOW_OF_ONE_COLUMN = /\bMIN\((received_at)\) OVER \([^()]*\)/g

/** A DuckDB with the tables and views of `pipeline.yaml`. */
export async function openPlans(folder = join(PROJECT_ROOT, 'terraform/views')): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  for (const statement of [...PREPARATION, 'SET VARIABLE now = make_timestamp(0)', `CREATE SCHEMA ${dataset}`])
    await connection.run(statement)
  for (const [name, fields] of columnsOf) {
    const columns = fields.map((field) => `${quoted(field.name)} ${sqlType(field)}`)
    await connection.run(`CREATE TABLE ${dataset}.${quoted(name)} (${columns.join(', ')})`)
    // Two rows, the least and the greatest: a plan for an empty table scans nothing.
    for (const row of [0, 1]) {
      const values = fields.map(({ mode, type }) => (mode === 'REPEATED' ? 'NULL' : EXTREMES[type][row]))
      await connection.run(`INSERT INTO ${dataset}.${quoted(name)} VALUES (${values.join(', ')})`)
    }
  }
  for (const name of Object.keys(views)) {
    const query = viewQuery(folder, `../${name}.sql`, 'project', dataset).replaceAll(WINDOW_OF_ONE_COLUMN, '$1')
    const { sql } = translate(query, { written: ({ table }) => table })
    await connection.run(`CREATE VIEW ${dataset}.${quoted(name)} AS ${sql}`)
  }
  return connection
}

/** The names of a view's columns. */
export async function columnsOfView(connection: DuckDBConnection, view: string): Promise<string[]> {
  const described = await connection.runAndReadAll(`SELECT column_name FROM (DESCRIBE ${dataset}.${quoted(view)})`)
  return described.getRows().map(([column]) => String(column))
}

interface PlanNode {
  readonly name: string
  readonly extra_info: Readonly<Record<string, unknown>>
  readonly children: readonly PlanNode[]
}
const planNode: z.ZodType<PlanNode> = z.object({
  name: z.string(),
  extra_info: z.record(z.string(), z.unknown()),
  get children() {
    return z.array(planNode).default([])
  },
})

/** What the plan of a query scans, table by table. */
export async function readingsOf(connection: DuckDBConnection, query: string): Promise<Reading[]> {
  const { sql } = translate(query, { written: ({ table }) => table })
  const [[, plan] = []] = (await connection.runAndReadAll(`EXPLAIN (FORMAT json) ${sql}`)).getRows()
  const scans = z
    .array(planNode)
    .parse(JSON.parse(String(plan)))
    .flatMap((node) => scansOf(node))
  return [...Map.groupBy(scans, ({ table }) => table)].map(([table, ofTable]) => ({
    table,
    columns: [...new Set(ofTable.flatMap(({ columns }) => columns))],
    prunes: ofTable.every(({ prunes }) => prunes),
  }))
}

/** `conditions`: what nodes above keep of the rows. One above a window or a group is about what that makes of them. */
function scansOf({ name, extra_info, children }: PlanNode, conditions: readonly unknown[] = []): Reading[] {
  const table =
    String(extra_info.Table ?? '')
      .split('.')
      .at(-1) ?? ''
  const fields = columnsOf.get(table)
  const ownConditions = /WINDOW|GROUP|AGGREGATE/.test(name) ? [] : [...conditions, extra_info.Expression]
  if (fields === undefined) return children.flatMap((child) => scansOf(child, ownConditions))
  const words = new Set(JSON.stringify([extra_info.Projections, extra_info.Filters]).match(/\w+/g))
  const columns = fields.map((field) => field.name).filter((column) => words.has(column))
  const partitionField = tables[table]?.partition_field ?? ''
  const compared = new RegExp(`\\b${partitionField}"?( AS DATE)?\\)? *[<>=]`)
  const prunes = compared.test([extra_info.Filters, ...conditions].flat().join(' '))
  return [{ table, columns, prunes }]
}

/** BigQuery's logical size of a value. https://cloud.google.com/bigquery/pricing#data */
function sizeOf(value: unknown, field: Field): number {
  if (value === undefined || value === null) return 0
  if (Array.isArray(value)) return value.reduce((bytes: number, each) => bytes + sizeOf(each, field), 0)
  if (field.type === 'RECORD') {
    const record = z.record(z.string(), z.unknown()).parse(value)
    return field.fields.reduce((bytes, child) => bytes + sizeOf(record[child.name], child), 0)
  }
  if (field.type === 'BOOLEAN') return 1
  if (field.type === 'STRING' || field.type === 'JSON') return 2 + Buffer.byteLength(String(value))
  return field.type === 'BYTES' ? 2 + Buffer.byteLength(String(value), 'base64') : 8
}

/** Which part of a table each of its columns is, over one row of each documented kind of event. */
export function sharesOf(table: string): ReadonlyMap<string, number> {
  const rows = recentWebhookSamples().flatMap(({ event }) => {
    const message = { data: Buffer.from(JSON.stringify(event)), attributes: {}, messageId: '1', publishTime: '' }
    const decoded = decodeWebhookEvent(message, event.timestamp * 1_000)
    return decoded.ok ? decoded.value.rows.filter((row) => row.table === table) : []
  })
  const fields = columnsOf.get(table) ?? []
  const sizes = fields.map((field) => rows.reduce((bytes, { json }) => bytes + sizeOf(json[field.name], field), 0))
  const whole = sizes.reduce((sum, size) => sum + size, 0)
  return new Map(fields.map(({ name }, index) => [name, whole === 0 ? 0 : (sizes[index] ?? 0) / whole]))
}

const gigabytes = ({ table, columns }: Reading): number => {
  const shares = sharesOf(table)
  return columns.reduce((sum, name) => sum + WHOLE_TABLE_GB * (shares.get(name) ?? 0), 0)
}

/** The table of README.md: a line per view over `webhook_events`. */
export async function bytesTable(connection: DuckDBConnection): Promise<string> {
  const lines = [
    '| view | every column | `data` left out, or a count by metric | a filter on time reaches the table |',
    '|---|--:|--:|---|',
  ]
  for (const name of Object.keys(views)) {
    const from = `FROM ${dataset}.${name}`
    const columns = await columnsOfView(connection, name)
    const narrow = columns.includes('metric')
      ? `SELECT metric, COUNT(*) ${from} GROUP BY metric`
      : `SELECT COUNT(*) ${from}`
    const time = columns.find((column) => ['timestamp', 'day'].includes(column))
    const of = async (query: string) =>
      (await readingsOf(connection, query)).find(({ table }) => table === 'webhook_events')
    const whole = await of(`SELECT * ${from}`)
    if (whole === undefined) continue
    const counted = await of(narrow)
    const filtered = time === undefined ? undefined : await of(`SELECT * ${from} WHERE ${time} >= '2026-11-01'`)
    const gb = (reading: Reading | undefined) => (reading === undefined ? '' : `${gigabytes(reading).toFixed(0)} GB`)
    const answer = filtered === undefined ? 'it shows no time of events' : filtered.prunes ? 'yes' : 'no'
    lines.push(`| \`${name}\` | ${gb(whole)} | ${gb(counted)} | ${answer} |`)
  }
  return lines.join('\n')
}

/** The README's text with the table between the marks renewed. Throws when the marks are missing. */
export function withBytes(readme: string, table: string): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`README.md lacks the lines "${BEGIN}" and "${END}"`)
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${readme.slice(end)}`
}

async function main(): Promise<void> {
  const path = join(import.meta.dirname, 'README.md')
  const folder = process.argv.includes('--views') ? process.argv.at(-1) : undefined
  const table = await bytesTable(await openPlans(folder))
  const before = readFileSync(path, 'utf8')
  if (folder !== undefined) console.log(table)
  else if (!process.argv.includes('--check')) writeFileSync(path, withBytes(before, table))
  else if (withBytes(before, table) !== before) {
    console.error('terraform/views/README.md is not current: run `node terraform/views/bytes.ts`')
    process.exitCode = 1
  }
}

if (process.argv[1] === import.meta.filename) void main()
