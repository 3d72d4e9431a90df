import { describeVerdict } from '../history/check.ts'
import { ACCOUNT_REQUESTS_PER_SECOND } from './limits.ts'
import { TOPICS } from './messages.ts'
import type { ChaosResult, Flood } from './run.ts'
import { tableOf, tally } from './table.ts'
import { LONGEST_HARMLESS_PAUSE_MS } from './times.ts'

/** What the others of a function keep of their rate while one key floods, at least. */
const LEAST_KEPT = 0.8

/** Whether the checker accepts the history, and nobody waited for somebody else. */
export function isGood({ verdict, floods }: ChaosResult): boolean {
  return verdict.violations.length === 0 && floods.every((flood) => kept(flood) >= LEAST_KEPT)
}

/** The table, some figures, and the checker's verdict. */
export function describeResult(result: ChaosResult): string {
  const {
    accounts,
    faults,
    floods,
    peakBytes,
    pushes,
    requests,
    meanBatch,
    drainMs,
    longestPauseMs,
    verdict,
    recordBytes,
  } = result
  const { lost, duplicated } = tally(accounts)
  const memory = TOPICS.map((topic) => `${topic} ${Math.round(peakBytes[topic] / 2 ** 20)} MiB`)
  return [
    '',
    tableOf(result),
    '',
    `faults ${faults.length}, pushes ${pushes}, requests to Customer.io ${requests}, items per batch ${meanBatch.toFixed(1)}`,
    `drained ${(drainMs / 1_000).toFixed(1)} s after the last fault${describePause(longestPauseMs)}`,
    `most memory of a process: ${memory.join(', ')}`,
    ...(longestPauseMs > LONGEST_HARMLESS_PAUSE_MS ? [TOO_BUSY] : []),
    `the record takes ${Math.round(recordBytes.entry)} bytes per log entry, ${Math.round(recordBytes.row)} per row`,
    describeVerdict(verdict),
    `lost ${lost}, duplicated ${duplicated}, others' rate during a flood ${describeFloods(floods)}, worst window ${worstWindow(result)}`,
  ].join('\n')
}

const TOO_BUSY =
  "! This machine is too busy for a verdict: Customer.io's list showed sends only after the settle time was over."

const describePause = (ms: number) => (ms === 0 ? '' : `; the servers stood still for up to ${ms} ms`)

const kept = ({ published, settled }: Flood) => (published === 0 ? 1 : settled / published)

function describeFloods(floods: readonly Flood[]): string {
  if (floods.length === 0) return '(not measured)'
  return `${Math.round(100 * Math.min(...floods.map(kept)))} %`
}

/** Of all requests to Customer.io, over all instances: per second, in the fullest window under each limit. */
function worstWindow({ verdict, overlaps }: ChaosResult): string {
  const windows = verdict.worstWindows.filter(({ budget }) => budget === 'account')
  const [withTwo = [], withOne = []] = [true, false].map((two) =>
    windows.filter(({ endsAtMs }) => two === overlaps.some((o) => o.fromMs <= endsAtMs && endsAtMs <= o.untilMs)),
  )
  const fullest = (some: typeof windows) =>
    `${Math.max(0, ...some.map(({ requests, windowMs }) => (requests / windowMs) * 1_000)).toFixed(0)}/s`
  const overlap = overlaps.length === 0 ? '' : `, with two revisions ${fullest(withTwo)}`
  return `${fullest(withOne)}${overlap} (account limit ${ACCOUNT_REQUESTS_PER_SECOND}/s)`
}
