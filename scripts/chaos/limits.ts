import type { Of } from '../history/format.ts'
import type { Topology } from '../topology/topology.ts'
import { TOPICS, type Topic } from './messages.ts'

/** The account's limit at Customer.io: low enough that a flood and a backlog meet it. */
export const ACCOUNT_REQUESTS_PER_SECOND = 300

/** When two revisions served, in milliseconds since the run began. */
export interface Overlap {
  readonly fromMs: number
  readonly untilMs: number
}

const WINDOW_MS = 2_000
/** On a busy machine requests arrive together with those after them, even when no pause of this process was measured. */
const LEAST_BUNCHING_MS = 500

/**
 * How many requests each budget allows in a window: what its rate gives, what each instance may let go at once after a
 * quiet time, and what the machine's pauses may bunch. Two revisions may have twice as much: each has the whole share.
 */
export function rateLimits(
  { functions, customerio }: Topology,
  instances: Readonly<Record<Topic, number>>,
  longestPauseMs: number,
  overlaps: readonly Overlap[],
): Of<'limit'>[] {
  const windowSeconds = (WINDOW_MS + Math.max(LEAST_BUNCHING_MS, longestPauseMs)) / 1_000
  const share = (budget: string, limit: number, ofLimit = 0, processes = 1) => {
    const rate = limit * customerio.headroom * ofLimit
    return { budget, requests: Math.ceil(rate * windowSeconds + Math.max(processes, rate / 10)) }
  }
  const shares = TOPICS.map((topic) => {
    return share(topic, ACCOUNT_REQUESTS_PER_SECOND, functions[topic]?.rate_share, instances[topic])
  })
  const budgets = [
    { budget: 'account', requests: Math.ceil(ACCOUNT_REQUESTS_PER_SECOND * windowSeconds) },
    share(
      'look-ups',
      customerio.app_requests_per_second,
      functions.transactional?.look_up_share,
      instances.transactional,
    ),
    ...shares,
  ]
  return budgets.flatMap(({ budget, requests }) => {
    const limit = (atMs: number, revisions: number): Of<'limit'> => {
      return { f: 'limit', atMs, budget, requests: requests * revisions, windowMs: WINDOW_MS }
    }
    return [limit(0, 1), ...overlaps.flatMap(({ fromMs, untilMs }) => [limit(fromMs, 2), limit(untilMs, 1)])]
  })
}
