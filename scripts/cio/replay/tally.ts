import { count, printable } from '../output.ts'
import type { Certainty } from './certainty.ts'

/** What was found, and what became of it. */
export interface Tally {
  /** Messages of that time that match. */
  found: number
  replayed: number
  /** By the run that this one resumes. */
  alreadyReplayed: number
  readonly certainty: Record<Certainty, number>
  /** Events that start no campaign, since they are older than 72 h. */
  startNoCampaign: number
  readonly kinds: Record<string, number>
  readonly skipped: Record<string, number>
  readonly differences: {
    readonly id: string
    readonly field: string
    readonly before: unknown
    readonly after: unknown
  }[]
}

/** Nothing was found yet. */
export function emptyTally(): Tally {
  return {
    ...{ found: 0, replayed: 0, alreadyReplayed: 0, startNoCampaign: 0 },
    ...{ certainty: { certain: 0, hoped: 0, sent_now: 0 }, kinds: {}, skipped: {}, differences: [] },
  }
}

/** How many are replayed. Pure. */
export function plannedIn({ kinds }: Tally): number {
  return Object.values(kinds).reduce((all, one) => all + one, 0)
}

export function add(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

/** For a person to read. Pure. */
export function linesOf(
  tally: Tally,
  topic: string,
  { dryRun, map, create }: { readonly dryRun: boolean; readonly map: string | undefined; readonly create: boolean },
): readonly string[] {
  const { certainty, kinds, skipped, differences, startNoCampaign } = tally
  const already = tally.alreadyReplayed > 0 ? `, ${tally.alreadyReplayed} by the interrupted run` : ''
  const planned = plannedIn(tally)
  return [
    `${topic}: ${dryRun ? `${count(planned, 'message')} would be replayed` : `${count(tally.replayed, 'message')} replayed${already}`}, of ${tally.found} found`,
    ...Object.entries(kinds).map(([kind, number]) => `  ${number} ${kind}`),
    ...(map === undefined && certainty.certain > 0
      ? [`  ${certainty.certain} certainly change nothing where they were delivered`]
      : []),
    ...(map === undefined && certainty.hoped > 0
      ? [`  ${certainty.hoped} are hoped to: Customer.io knows the ids of events, and does not say for how long`]
      : []),
    ...(certainty.sent_now > 0 ? [`  ${certainty.sent_now} reach people now`] : []),
    ...(startNoCampaign > 0 ? [`  ${startNoCampaign} are events older than 72 h: they start no campaign`] : []),
    ...(topic === 'identify' && !create && planned + tally.replayed > 0
      ? ['  Updates of people create nobody: --create replays those of people whom Customer.io does not know.']
      : []),
    ...(map !== undefined && topic === 'track'
      ? ['  The wrong events stay at Customer.io: nothing can delete them.']
      : []),
    ...Object.entries(skipped).map(([why, number]) => `  ${number} skipped: ${why}`),
    ...differences.map(({ id, field, before, after }) =>
      printable(`  ${id}  ${field}: ${JSON.stringify(before) ?? 'nothing'} → ${JSON.stringify(after) ?? 'nothing'}`),
    ),
  ]
}
