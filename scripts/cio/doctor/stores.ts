import { z } from 'zod'
import { tableFields } from '../../local/deploy-warehouse.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { type Finding, ok, wrong } from './finding.ts'

const APPLY = 'Run terraform apply.'
const tableSchema = z.looseObject({
  schema: z.looseObject({ fields: z.array(z.looseObject({ name: z.string() })) }).optional(),
})

/** Every table with its columns, and every view. */
export async function examineWarehouse({ connection }: Context): Promise<readonly Finding[]> {
  const bigquery = await connection.bigquery()
  const { dataset: name, tables, views } = connection.topology.bigquery
  const dataset = bigquery.dataset(name)
  const findings: Finding[] = []
  for (const [id, { schema }] of Object.entries(tables)) {
    const columns = await columnsOf(dataset.table(id))
    if (columns === undefined) {
      findings.push(wrong('warehouse', `table ${id} is missing`, APPLY))
      continue
    }
    const missing = tableFields(PROJECT_ROOT, schema)
      .map((field) => String(field.name))
      .filter((field) => !columns.includes(field))
    if (missing.length > 0) findings.push(wrong('warehouse', `table ${id} lacks ${missing.join(', ')}`, APPLY))
  }
  for (const id of Object.keys(views)) {
    if ((await columnsOf(dataset.table(id))) === undefined)
      findings.push(wrong('warehouse', `view ${id} is missing`, APPLY))
  }
  if (findings.length > 0) return findings
  return [ok('warehouse', `${Object.keys(tables).length} tables and ${Object.keys(views).length} views in ${name}`)]
}

/** Undefined when there is no such table. */
async function columnsOf(table: { getMetadata(): Promise<unknown> }): Promise<readonly string[] | undefined> {
  try {
    const [metadata] = z.array(z.unknown()).parse(await table.getMetadata())
    return tableSchema.parse(metadata).schema?.fields.map(({ name }) => name) ?? []
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 404) return undefined
    throw error
  }
}

/** That the ledger's database answers. */
export async function examineLedger({ connection }: Context): Promise<readonly Finding[]> {
  const { database, collection } = connection.topology.ledger
  const firestore = await connection.firestore()
  await firestore.collection(collection).limit(1).get()
  return [ok('send ledger', `database ${database} answers`)]
}
