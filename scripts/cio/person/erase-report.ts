import { CommandError } from '../errors.ts'
import { count } from '../output.ts'
import type { Erased } from './warehouse.ts'

/** What was removed from our own stores, and what was not. */
export interface Stores {
  readonly warehouse: Readonly<Record<string, Erased>>
  readonly ledger: number
  readonly deadLetters: Readonly<Record<string, { readonly deleted: number; readonly unseen: number }>>
  /** Ids of dead letters and quarantined rows that may be theirs, or belong to others as well; by source or table. */
  readonly undecided: Readonly<Record<string, readonly string[]>>
}

/** What was found and removed. */
export interface Report extends Stores {
  readonly customerIo: { readonly found: boolean; readonly suppressed: readonly string[] } | 'done before'
}

export function describeReport({ customerIo, warehouse, ledger, deadLetters, undecided }: Report): string {
  const at =
    customerIo === 'done before'
      ? 'done in the first pass'
      : `${customerIo.found ? 'found and deleted' : 'was not found'}; suppressed: ${customerIo.suppressed.join(', ')}`
  return [
    `Customer.io: ${at}`,
    ...Object.entries(warehouse).map(
      ([table, { deleted, left }]) =>
        `${table}: ${count(deleted, 'row')} deleted${left.length > 0 ? `, ${left.length} left` : ''}`,
    ),
    `send ledger: ${count(ledger, 'record')} deleted`,
    ...Object.entries(deadLetters).map(
      ([source, { deleted, unseen }]) =>
        `dead letters of ${source}: ${deleted} deleted${unseen > 0 ? `, ${unseen} held by another process` : ''}`,
    ),
    ...Object.entries(undecided)
      .filter(([, ids]) => ids.length > 0)
      .map(([source, ids]) => `to decide in ${source}: ${ids.join(', ')}`),
    TIME_TRAVEL,
    TOPICS,
    LOG,
  ].join('\n')
}

const TIME_TRAVEL =
  'BigQuery keeps deleted rows for 2 days of time travel, where anybody who may query the table can read them, and for 7 more ' +
  'days of fail-safe, where only Google can.'

const TOPICS =
  'The topics keep what was published for their retention_days, 31 at most, and nothing can delete it earlier. A replay of it does ' +
  'not reach the person: Customer.io ignores who is suppressed.'

const LOG =
  "The functions' log keeps hashes of names until its retention ends, 30 days by default. Nobody can read them without the key."

/** What the operator has to do yet; undefined when the erasures are finished. */
export function failureOf(reports: readonly Report[]): CommandError | undefined {
  const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0)
  const left = sum(reports.flatMap(({ warehouse }) => Object.values(warehouse).map((erased) => erased.left.length)))
  const unseen = sum(reports.flatMap(({ deadLetters }) => Object.values(deadLetters).map((each) => each.unseen)))
  const undecided = sum(reports.flatMap((report) => Object.values(report.undecided).map((ids) => ids.length)))
  const problems = [
    ...(left > 0 ? [`${count(left, 'row')} cannot be deleted yet: they are in BigQuery's streaming buffer`] : []),
    ...(unseen > 0 ? [`${count(unseen, 'dead letter')} could not be looked at: another process holds them`] : []),
    ...(undecided > 0
      ? [`${undecided} to decide about: they name the person among others, or their text may be about them`]
      : []),
  ]
  if (problems.length === 0) return undefined
  const hints = [
    ...(left > 0 ? ['In 30 minutes, run: npx cio-gcp erase --resume'] : []),
    ...(unseen > 0 ? ['When the other process has ended, run: npx cio-gcp erase --resume'] : []),
    ...(undecided > 0
      ? ['Look at them (dlq show ID), then run: npx cio-gcp erase --resume --also ID… to delete, --keep ID… to keep']
      : []),
  ]
  return new CommandError(problems.join('; '), { hint: hints.join('\n  ') })
}
