import { createFirestoreSendLedger } from '../../../shared/ledger/index.ts'
import type { Outcome } from '../../../shared/outcome/index.ts'
import type { Context } from '../context.ts'
import { isAbout } from '../dead-letters/body.ts'
import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import { sourcesOf } from '../dead-letters/source.ts'
import { openSubscription } from '../dead-letters/subscription.ts'
import { CommandError, usageError } from '../errors.ts'
import { count } from '../output.ts'
import { EraseJournal } from './journal.ts'
import { findPerson, hashesOf, namesSomebodyOf, type Person, type PersonHashes } from './person.ts'
import { type Erased, PersonRows, personTables } from './warehouse.ts'

export interface EraseOptions {
  readonly id?: string
  readonly email?: string
  readonly resume?: boolean
}

/** What was found and removed. */
interface Report {
  readonly customerIo: { readonly found: boolean; readonly suppressed: readonly string[] } | 'done before'
  readonly warehouse: Readonly<Record<string, Erased>>
  readonly ledger: number
  readonly deadLetters: Readonly<Record<string, number>>
  readonly left: number
}

interface Resumed {
  readonly reports: readonly Report[]
  /** Erasures that were interrupted before the suppression at Customer.io, which needs names that no journal holds. */
  readonly unsuppressed: number
}

export async function erase(context: Context, options: EraseOptions): Promise<void> {
  const { output, connection } = context
  const journal = new EraseJournal(connection.stateDirectory)
  const { reports, unsuppressed } = options.resume
    ? await resume(context, journal, options)
    : { reports: [await first(context, journal, options)], unsuppressed: 0 }
  const nothing = unsuppressed > 0 ? '' : 'nothing is left to erase'
  output.result(reports, () => (reports.length === 0 ? nothing : reports.map(describe).join('\n\n')))
  if (unsuppressed > 0) {
    throw new CommandError(
      `${count(unsuppressed, 'erasure')} interrupted before the suppression at Customer.io, which needs the names`,
      {
        hint: 'Run it again with --id and --email.',
      },
    )
  }
  const left = reports.reduce((sum, report) => sum + report.left, 0)
  if (left === 0) return
  throw new CommandError(`${count(left, 'row')} cannot be deleted yet: they are in BigQuery's streaming buffer`, {
    hint: 'In 90 minutes, run: npx cio-gcp erase --resume',
  })
}

async function first(context: Context, journal: EraseJournal, options: EraseOptions): Promise<Report> {
  const { connection, prompts } = context
  const { person, atCustomerIo } = await findPerson(context, options)
  const named = [person.id && `id ${person.id}`, person.email && `e-mail ${person.email}`].filter(Boolean).join(', ')
  await prompts.confirm(
    `Erase ${named} from ${connection.name}, and suppress them at Customer.io? This cannot be undone.`,
  )
  const own = hashesOf(person)
  const earlier = journal.of(own)
  const unsuppressed = earlier.filter(({ suppressed }) => !suppressed).flatMap((entry) => entry.identifiers)
  if (unsuppressed.some((name) => !own.names.includes(name))) {
    throw new CommandError('an interrupted erasure of this person knew more of their names', {
      hint: 'Run it again with both --id and --email: Customer.io has deleted the person and no longer knows their names.',
    })
  }
  // Once the person is deleted, Customer.io no longer knows their other names: keep what an earlier run knew.
  const hashes = together([own, ...earlier])
  const { names: identifiers } = hashesOf({ ...person, cioId: undefined })
  journal.write({ ...hashes, identifiers, suppressed: false })
  const suppressed = await suppress(context, person)
  journal.write({ ...hashes, identifiers, suppressed: true })
  const rest = await eraseStores(context, hashes, person)
  for (const entry of earlier) if (!sameEntry(entry, hashes)) journal.finished(entry)
  if (rest.left === 0) journal.finished(hashes)
  return { customerIo: { found: atCustomerIo, suppressed }, ...rest }
}

function together(entries: readonly PersonHashes[]): PersonHashes {
  return {
    names: [...new Set(entries.flatMap(({ names }) => names))],
    ledger: [...new Set(entries.flatMap(({ ledger }) => ledger))],
  }
}

function sameEntry(one: PersonHashes, other: PersonHashes): boolean {
  return one.names[0] === other.names[0]
}

async function resume(context: Context, journal: EraseJournal, options: EraseOptions): Promise<Resumed> {
  if (options.id !== undefined || options.email !== undefined) throw usageError('--resume takes no --id and no --email')
  const entries = journal.unfinished()
  const reports: Report[] = []
  for (const entry of entries) {
    if (!entry.suppressed) continue
    const rest = await eraseStores(context, entry, undefined)
    if (rest.left === 0) journal.finished(entry)
    reports.push({ customerIo: 'done before', ...rest })
  }
  return { reports, unsuppressed: entries.filter(({ suppressed }) => !suppressed).length }
}

/** Suppresses first, then deletes: between the two, nothing can create the person again. */
async function suppress({ connection }: Context, { id, email }: Person): Promise<readonly string[]> {
  const service = await connection.customerIo().service()
  const who = [...(id === undefined ? [] : [{ id }]), ...(email === undefined ? [] : [{ email }])]
  for (const identifiers of who) throwUnlessDelivered('suppress', await service.suppress(identifiers))
  for (const identifiers of who) throwUnlessDelivered('delete', await service.delete(identifiers))
  return who.flatMap((identifiers) => Object.keys(identifiers))
}

function throwUnlessDelivered(what: string, outcome: Outcome): void {
  if (outcome.kind === 'delivered') return
  throw new CommandError(`Customer.io did not ${what} the person: ${outcome.error}`, {
    hint: 'Nothing else was changed. Run the same command again.',
  })
}

/** Erases from our own stores. `person` is known in the first pass only; it also finds addresses in broken bodies. */
async function eraseStores(
  context: Context,
  hashes: PersonHashes,
  person: Person | undefined,
): Promise<Omit<Report, 'customerIo'>> {
  const { connection } = context
  const { topology } = connection
  // Dead letters first: a replay must not bring back what is deleted next.
  const deadLetters: Record<string, number> = {}
  for (const source of sourcesOf(topology)) {
    const subscription = await openSubscription(context, source)
    try {
      const matching: DeadLetter[] = []
      for await (const page of subscription.pulls())
        matching.push(...page.filter((deadLetter) => isAboutPerson(deadLetter, hashes, person)))
      await subscription.acknowledge(matching)
      deadLetters[source.name] = matching.length
    } finally {
      await subscription[Symbol.asyncDispose]()
    }
  }
  const records = createFirestoreSendLedger({
    firestore: await connection.firestore(),
    collection: topology.ledger.collection,
  })
  let ledger = 0
  for (const hash of hashes.ledger) ledger += await records.erase(hash)
  const rows = new PersonRows(await connection.bigquery(), topology.bigquery.dataset, hashes)
  const warehouse: Record<string, Erased> = {}
  for (const table of personTables(topology.bigquery)) warehouse[table.name] = await rows.erase(table)
  const left = Object.values(warehouse).reduce((sum, erased) => sum + erased.left, 0)
  return { warehouse, ledger, deadLetters, left }
}

function isAboutPerson({ data }: DeadLetter, hashes: PersonHashes, person: Person | undefined): boolean {
  return namesSomebodyOf(data, hashes) || (person?.email !== undefined && isAbout(data, person.email))
}

function describe({ customerIo, warehouse, ledger, deadLetters }: Report): string {
  const at =
    customerIo === 'done before'
      ? 'done in the first pass'
      : `${customerIo.found ? 'found and deleted' : 'was not found'}; suppressed: ${customerIo.suppressed.join(', ')}`
  return [
    `Customer.io: ${at}`,
    ...Object.entries(warehouse).map(
      ([table, { deleted, left }]) => `${table}: ${count(deleted, 'row')} deleted${left > 0 ? `, ${left} left` : ''}`,
    ),
    `send ledger: ${count(ledger, 'record')} deleted`,
    ...Object.entries(deadLetters).map(([source, number]) => `dead letters of ${source}: ${number} deleted`),
  ].join('\n')
}
