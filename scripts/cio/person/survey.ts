import type { Context } from '../context.ts'
import type { Sought } from '../dead-letters/whose.ts'
import { count } from '../output.ts'
import { sortDeadLetters } from './dead-letters.ts'
import { hashesOfRecord, type LedgerHash, recordsOf } from './ledger.ts'
import { describePerson, type Person } from './person.ts'
import { hashTables, PersonRecord } from './record.ts'
import { PersonRows, personTables } from './warehouse.ts'

/** How much of a person is where, before anything is changed. */
export interface Survey {
  readonly atCustomerIo: boolean
  /** Rows by table. */
  readonly warehouse: Readonly<Record<string, number>>
  readonly sendRecords: number
  readonly deadLetters: number
  /** Dead letters and quarantined rows for somebody to decide about. */
  readonly undecided: number
}

export async function survey(
  context: Context,
  sought: Sought,
  ledgerHashes: readonly LedgerHash[],
  atCustomerIo: boolean,
): Promise<Survey> {
  const { connection } = context
  const { topology } = connection
  const asked = { ...sought, hashes: hashesOfRecord(ledgerHashes) }
  const sorted = await sortDeadLetters(context, asked, async (_source, { own, shared, perhaps }) => ({
    own: own.length,
    undecided: shared.length + perhaps.length,
  }))
  const letters = Object.values(sorted)
  const rows = new PersonRows(await connection.bigquery(), topology.bigquery.dataset)
  const tables = personTables(topology.bigquery)
  const found = await rows.find(tables, sought)
  const warehouse: Record<string, number> = {}
  for (const table of tables) warehouse[table.name] = await rows.count(table, found[table.name]?.own ?? [])
  const record = new PersonRecord(await connection.bigquery(), topology.bigquery.dataset, ledgerHashes)
  for (const table of hashTables(topology.bigquery)) warehouse[table.name] = await record.count(table)
  return {
    atCustomerIo,
    warehouse,
    sendRecords: (await recordsOf(context, ledgerHashes)).length,
    deadLetters: letters.reduce((sum, { own }) => sum + own, 0),
    undecided:
      letters.reduce((sum, { undecided }) => sum + undecided, 0) +
      Object.values(found).reduce((sum, { perhaps }) => sum + perhaps.length, 0),
  }
}

export function isEmpty({ atCustomerIo, warehouse, sendRecords, deadLetters, undecided }: Survey): boolean {
  const rows = Object.values(warehouse).reduce((sum, number) => sum + number, 0)
  return !atCustomerIo && rows + sendRecords + deadLetters + undecided === 0
}

export function describeSurvey(person: Person, found: Survey): string {
  const { atCustomerIo, warehouse, sendRecords, deadLetters, undecided } = found
  return [
    `${describePerson(person)}:`,
    `  Customer.io: ${atCustomerIo ? `a profile${person.cioId === undefined ? '' : `, cio_id ${person.cioId}`}` : 'nobody'}`,
    ...Object.entries(warehouse).map(([table, rows]) => `  ${table}: ${count(rows, 'row')}`),
    `  send ledger: ${count(sendRecords, 'record')}`,
    `  dead letters: ${deadLetters}`,
    ...(undecided > 0 ? [`  to decide about, and left alone: ${undecided}`] : []),
  ].join('\n')
}
