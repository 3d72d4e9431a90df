import { Timestamp } from '@google-cloud/firestore'
import { z } from 'zod'
import { systemClock, withTimeout } from '../../../shared/clock/index.ts'
import { codeOf } from '../../../shared/errors/index.ts'
import { describeLedgerError } from '../../../shared/ledger/index.ts'
import { tableFields } from '../../local/deploy-warehouse.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { type Finding, ok, wrong } from '../finding.ts'
import { HASH_KEYS, lostKeys } from '../secrets/hash-keys.ts'

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
    if (codeOf(error) === 404) return undefined
    throw error
  }
}

const LEDGER_TIMEOUT_MS = 10_000

/** What to do about an error of Firestore's, by gRPC's number. */
const LEDGER_FIXES: Readonly<Record<string, string>> = {
  5: APPLY,
  7: 'Apply Terraform, which gives the functions roles/datastore.user; you need it too.',
  16: 'Run `gcloud auth application-default login`.',
}

/**
 * That the ledger's database answers, and takes writes: an update of a document that is not there, under a condition that
 * nothing fulfils, changes nothing.
 */
export async function examineLedger(context: Context): Promise<readonly Finding[]> {
  const { connection } = context
  const { database, collection } = connection.topology.ledger
  const documents = (await connection.firestore()).collection(collection)
  const nothing = documents.doc('doctor').update({ state: 'released' }, { lastUpdateTime: Timestamp.fromMillis(0) })
  const steps = [
    { what: 'be read', request: documents.limit(1).get() },
    { what: 'be written', request: nothing.catch(unlessConditionFails) },
  ]
  const findings = await Promise.all(steps.map(({ what, request }) => look(what, request)))
  const problems = [...findings.flat(), ...(await examineHashKeys(context))]
  return problems.length > 0 ? problems : [ok('send ledger', `database ${database} can be read and written`)]

  async function look(what: string, request: Promise<unknown>): Promise<readonly Finding[]> {
    try {
      await withTimeout(systemClock, LEDGER_TIMEOUT_MS, request)
      return []
    } catch (error) {
      const fix = LEDGER_FIXES[codeOf(error) ?? 0] ?? 'Look at https://status.cloud.google.com.'
      const note = `database ${database} cannot ${what}: ${describeLedgerError(error)}. No transactional message is sent`
      return [wrong('send ledger', note, fix)]
    }
  }
}

/** Records whose key is gone keep their messages waiting, since nobody can tell whether the content is the same. */
async function examineHashKeys(context: Context): Promise<readonly Finding[]> {
  const stored = (await context.connection.secrets().latest(HASH_KEYS))?.value ?? ''
  const lost = await withTimeout(systemClock, LEDGER_TIMEOUT_MS, lostKeys(context, stored)).catch(() => [])
  if (lost.length === 0) return []
  const note = `records were made with key ${lost.join(', ')}, which ${HASH_KEYS} no longer has`
  return [wrong('send ledger', note, `Put it back, after the current one: npx cio-gcp secrets set ${HASH_KEYS}`)]
}

const NOT_FOUND = 5
const FAILED_PRECONDITION = 9

function unlessConditionFails(error: unknown): void {
  const code = codeOf(error)
  if (code !== NOT_FOUND && code !== FAILED_PRECONDITION) throw error
}
