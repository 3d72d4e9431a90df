import type { HashRing, Identifier } from '../../../shared/identity/index.ts'
import { personHashes } from '../../../shared/ledger/index.ts'
import type { Outcome } from '../../../shared/outcome/index.ts'
import type { Context } from '../context.ts'
import { type Sought, soughtBy } from '../dead-letters/whose.ts'
import { CommandError, usageError } from '../errors.ts'
import { count } from '../output.ts'
import { describeReport, failureOf, type Report, type Stores } from './erase-report.ts'
import { type Decisions, eraseStores } from './erase-stores.ts'
import { EraseJournal, type Unfinished } from './journal.ts'
import { describePerson, findPerson, type GivenNames, hashRingOf, nameHashes, namesOf, type Person } from './person.ts'
import { describeSurvey, isEmpty, survey } from './survey.ts'

export interface EraseOptions extends GivenNames, Decisions {
  readonly resume?: boolean
  readonly dryRun?: boolean
  /** Suppresses the id and the address even if nobody is found by them. */
  readonly unknown?: boolean
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
    : { reports: await first(context, journal, options), unsuppressed: 0 }
  if (reports === undefined) return
  const nothing = unsuppressed > 0 ? '' : 'nothing is left to erase'
  output.result(reports, () => (reports.length === 0 ? nothing : reports.map(describeReport).join('\n\n')))
  if (unsuppressed > 0) {
    throw new CommandError(
      `${count(unsuppressed, 'erasure')} interrupted before the suppression at Customer.io, which needs the names`,
      { hint: 'Run it again with --id and --email.' },
    )
  }
  const failure = failureOf(reports)
  if (failure !== undefined) throw failure
}

/** Undefined after a dry run. */
async function first(
  context: Context,
  journal: EraseJournal,
  options: EraseOptions,
): Promise<readonly [Report] | undefined> {
  const { connection, prompts, output } = context
  const { person, atCustomerIo } = await findPerson(context, options)
  const sought = soughtBy(namesOf(person))
  const ring = await hashRingOf(context)
  const own = {
    names: sought.names.map((name) => nameHashes(ring, name)[0] ?? ''),
    ledger: sought.names.flatMap((name) => [...personHashes(ring, name)]),
  }
  const earlier = journal.of(sought.names.flatMap((name) => nameHashes(ring, name)))
  const found = await survey(context, sought, own.ledger, atCustomerIo)
  if (options.dryRun) {
    output.result({ person, found }, () => describeSurvey(person, found))
    return undefined
  }
  if (isEmpty(found) && earlier.length === 0 && !options.unknown) {
    throw new CommandError(`nobody is known by ${describePerson(person)}: nothing was done`, {
      hint: 'Ids are compared to the letter. To suppress the names at Customer.io all the same, add --unknown.',
    })
  }
  output.note(describeSurvey(person, found))
  await prompts.confirm(
    `Erase ${describePerson(person)} from ${connection.name}, and suppress them at Customer.io? ` +
      'The suppression can be lifted (action unsuppress); nothing else can be undone.',
  )
  const unsuppressed = earlier.filter(({ suppressed }) => !suppressed).flatMap((entry) => entry.identifiers)
  const given = new Set(sought.names.flatMap((name) => nameHashes(ring, name)))
  if (unsuppressed.some((name) => !given.has(name))) {
    throw new CommandError('an interrupted erasure of this person knew more of their names', {
      hint: 'Run it again with both --id and --email: Customer.io has deleted the person and no longer knows their names.',
    })
  }
  // Once the person is deleted, Customer.io no longer knows their other names: keep what an earlier run knew.
  const entry: Unfinished = {
    ...together([own, ...earlier]),
    identifiers: namesOf({ ...person, cioId: undefined }).map((name) => nameHashes(ring, name)[0] ?? ''),
    suppressed: false,
    rows: mergedLists(earlier.map(({ rows }) => rows)),
    undecided: {},
  }
  journal.write(entry)
  const suppressed = await suppress(context, person)
  journal.write({ ...entry, suppressed: true })
  const known = isKnownBy(entry, ring)
  const both: Sought = { names: sought.names, isMeant: (name) => sought.isMeant(name) || known(name) }
  const stores = await eraseStores(context, { ...entry, suppressed: true }, both, options)
  for (const each of earlier) if (each.names[0] !== entry.names[0]) journal.finished(each)
  remember(journal, entry, stores)
  return [{ customerIo: { found: atCustomerIo, suppressed }, ...stores }]
}

/** Whether an entry is about somebody of this name. */
function isKnownBy({ names }: Pick<Unfinished, 'names'>, ring: HashRing): (name: Identifier) => boolean {
  const known = new Set(names)
  return (name) => nameHashes(ring, name).some((hash) => known.has(hash))
}

function together(entries: readonly Pick<Unfinished, 'names' | 'ledger'>[]) {
  return {
    names: [...new Set(entries.flatMap(({ names }) => names))],
    ledger: [...new Map(entries.flatMap(({ ledger }) => ledger.map((each) => [each.hash, each]))).values()],
  }
}

type Lists = Readonly<Record<string, readonly string[]>>

function mergedLists(lists: readonly Lists[]): Record<string, string[]> {
  const merged: Record<string, string[]> = {}
  for (const [name, keys] of lists.flatMap((list) => Object.entries(list))) {
    merged[name] = [...new Set([...(merged[name] ?? []), ...keys])]
  }
  return merged
}

async function resume(context: Context, journal: EraseJournal, options: EraseOptions): Promise<Resumed> {
  if (options.id !== undefined || options.email !== undefined || options.phone !== undefined) {
    throw usageError('--resume takes no --id, no --email and no --phone')
  }
  const entries = journal.unfinished()
  const ring = await hashRingOf(context)
  if (entries.some(({ suppressed }) => suppressed)) context.output.note(NO_NEW_ROWS)
  const reports: Report[] = []
  for (const entry of entries) {
    if (!entry.suppressed) continue
    const sought: Sought = { names: [], isMeant: isKnownBy(entry, ring) }
    const stores = await eraseStores(context, entry, sought, options)
    remember(journal, entry, stores)
    reports.push({ customerIo: 'done before', ...stores })
  }
  return { reports, unsuppressed: entries.filter(({ suppressed }) => !suppressed).length }
}

/** BigQuery can only be asked by name, and a list of erased people must not name them. */
const NO_NEW_ROWS =
  'Rows that came into the warehouse since then are not looked for, since no name was kept. To look for them too, run erase ' +
  'with the names again.'

/** What is left stays in the journal; an entry of which nothing is left goes. */
function remember(journal: EraseJournal, entry: Unfinished, { warehouse, deadLetters, undecided }: Stores): void {
  const rows = Object.fromEntries(Object.entries(warehouse).map(([table, { left }]) => [table, [...left]]))
  const isDone =
    Object.values(rows).every((left) => left.length === 0) &&
    Object.values(undecided).every((ids) => ids.length === 0) &&
    Object.values(deadLetters).every(({ unseen }) => unseen === 0)
  if (isDone) journal.finished(entry)
  else journal.write({ ...entry, suppressed: true, rows, undecided: mergedLists([undecided]) })
}

/** Suppresses first, then deletes: between the two, nothing can create the person again. */
async function suppress({ connection, done }: Context, { id, email, phone }: Person): Promise<readonly string[]> {
  const service = await connection.customerIo().service()
  const who = [
    ...(id === undefined ? [] : [{ id }]),
    ...(email === undefined ? [] : [{ email }]),
    ...(phone === undefined ? [] : [{ phone }]),
  ]
  for (const identifiers of who) {
    throwUnlessDelivered('suppress', await service.suppress(identifiers))
    done.add(1, 'name', 'suppressed at Customer.io')
  }
  for (const identifiers of who) {
    throwUnlessDelivered('delete', await service.delete(identifiers))
    done.add(1, 'name', 'deleted at Customer.io')
  }
  return who.flatMap((identifiers) => Object.keys(identifiers))
}

function throwUnlessDelivered(what: string, outcome: Outcome): void {
  if (outcome.kind === 'delivered') return
  throw new CommandError(`Customer.io did not ${what} the person: ${outcome.error}`, {
    hint: 'Nothing else was changed. Run the same command again.',
  })
}
