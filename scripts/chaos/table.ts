import { NOT_SENT_REASONS } from '../../shared/outcome/index.ts'
import type { Account } from './accounts.ts'
import { TOPICS, type Topic } from './messages.ts'
import type { ChaosResult } from './run.ts'
import { FAULTS } from './schedule.ts'

/** Sums over some of the messages. */
export interface Tally {
  readonly sent: number
  readonly delivered: number
  readonly deadLettered: number
  readonly uncertain: number
  readonly lost: number
  readonly duplicated: number
  /** Duplicated where a process stood still beyond the margin: no part of the promise. */
  readonly afterFreeze: number
}

export function tally(accounts: readonly Account[]): Tally {
  const ended = (...outcomes: readonly Account['outcome'][]) =>
    accounts.filter(({ outcome }) => outcomes.includes(outcome)).length
  const surplus = (afterFreeze: boolean) =>
    accounts.filter((account) => account.afterFreeze === afterFreeze).reduce((sum, account) => sum + account.surplus, 0)
  return {
    sent: accounts.length,
    delivered: ended('delivered'),
    deadLettered: ended('refused', 'exhausted', ...NOT_SENT_REASONS),
    uncertain: ended('uncertain'),
    lost: ended('lost'),
    duplicated: surplus(false),
    afterFreeze: surplus(true),
  }
}

const HEADER = [
  'fault',
  'function',
  'sent',
  'delivered',
  'dead-lettered',
  'uncertain',
  'lost',
  'duplicated',
  'beyond margin',
]

/**
 * Fault × function. A message stands in the row of every fault that was there while it was under way, and of what is the
 * matter with it; in the rows at the end it stands once.
 */
export function tableOf({ accounts, faults }: ChaosResult): string {
  const rows: string[][] = []
  const add = (name: string, topic: Topic | 'all', some: readonly Account[]) => {
    if (some.length > 0) rows.push([name, topic, ...Object.values(tally(some)).map(String)])
  }
  const byTopic = (name: string, some: readonly Account[]) => {
    for (const topic of TOPICS) {
      add(
        name,
        topic,
        some.filter(({ planned }) => planned.topic === topic),
      )
    }
  }
  byTopic(
    'none',
    accounts.filter((account) => account.faults.length === 0),
  )
  for (const kind of Object.keys(FAULTS)) {
    const times = faults.filter(({ fault }) => fault.kind === kind).length
    byTopic(
      `${kind} (${times})`,
      accounts.filter((account) => account.faults.some(({ fault }) => fault.kind === kind)),
    )
  }
  const natures = {
    broken: 'broken message',
    refused_item: '207 for the item',
    refused_batch: '400 because of the item',
    other_content: 'key used with other content',
    stranger: 'to a stranger',
  } as const
  for (const [nature, name] of Object.entries(natures)) {
    byTopic(
      name,
      accounts.filter(({ planned }) => planned.nature === nature),
    )
  }
  byTopic('published twice', copies(accounts))
  rows.push([])
  byTopic('all', accounts)
  add('all', 'all', accounts)
  return aligned([HEADER, ...rows])
}

function copies(accounts: readonly Account[]): Account[] {
  const byMark = Map.groupBy(accounts, ({ planned }) => planned.mark)
  return accounts.filter(({ planned }) => (byMark.get(planned.mark)?.length ?? 0) > 1)
}

/** Text to the left, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
