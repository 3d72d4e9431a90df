import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { parse } from 'yaml'
import { z } from 'zod'
import { tableFields } from '../../scripts/local/deploy-warehouse.ts'
import { PROJECT_ROOT, readTopology } from '../../scripts/topology/topology.ts'
import { columnsOfView, openPlans } from './bytes.ts'

/**
 * Writes COLUMNS.md: what each column of each view means, from the descriptions of the tables that the view reads and from
 * columns.yaml. Fails when one has no description, or a line of columns.yaml describes no column.
 *
 *   node terraform/views/columns.ts
 */

const { tables, views } = readTopology().bigquery
const described = z.array(z.looseObject({ name: z.string(), description: z.string() }))
const tableColumns = Object.entries(tables).map(([table, { schema }]) => {
  const fields = described.parse(tableFields(PROJECT_ROOT, schema))
  return [table, new Map(fields.map(({ name, description }) => [name, description]))] as const
})

/** The text of COLUMNS.md. Throws an Error that lists what is missing and what is too much. */
export async function columnsPage(plans: DuckDBConnection): Promise<string> {
  const own = z
    .record(z.string(), z.string())
    .parse(parse(readFileSync(join(import.meta.dirname, 'columns.yaml'), 'utf8')))
  const unused = new Set(Object.keys(own))
  const missing: string[] = []
  const sections: string[] = []
  for (const view of Object.keys(views)) {
    const sql = readFileSync(join(import.meta.dirname, `${view}.sql`), 'utf8')
    const read = tableColumns.filter(([table]) => sql.includes(`\${dataset}.${table}\``))
    const lines = ['', `## ${view}`, '', '| column | meaning |', '|---|---|']
    for (const column of await columnsOfView(plans, view)) {
      const key = [`${view}.${column}`, column].find((each) => Object.hasOwn(own, each))
      if (key !== undefined) unused.delete(key)
      const meaning = key === undefined ? read.find(([, columns]) => columns.has(column))?.[1].get(column) : own[key]
      if (meaning === undefined) missing.push(`${view}.${column}`)
      lines.push(`| \`${column}\` | ${meaning?.replaceAll('|', '\\|') ?? ''} |`)
    }
    sections.push(lines.join('\n'))
  }
  const problems = [
    ...missing.map((each) => `${each} is not described`),
    ...[...unused].map((each) => `${each} is no column`),
  ]
  if (problems.length > 0) throw new Error(`terraform/views/columns.yaml: ${problems.join('; ')}`)
  return `# Columns of the views\n\nWritten by \`node terraform/views/columns.ts\`. The tables describe their columns in BigQuery itself.\n${sections.join('\n')}\n`
}

async function main(): Promise<void> {
  writeFileSync(join(import.meta.dirname, 'COLUMNS.md'), await columnsPage(await openPlans()))
}

if (process.argv[1] === import.meta.filename) void main()
