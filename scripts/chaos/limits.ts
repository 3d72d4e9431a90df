import type { Of } from '../history/format.ts'
import type { Topology } from '../topology/topology.ts'
import { bulkLaneOf, TOPICS, type Topic } from './messages.ts'

/** The account's limit at Customer.io: low enough that a flood and a backlog meet it. */
export const ACCOUNT_REQUESTS_PER_SECOND = 300

/** Milliseconds since the run began. */
export interface Span {
  readonly fromMs: number
  readonly untilMs: number
}

const WINDOW_MS = 2_000
/** On a busy machine requests arrive together with those after them, even when this process does not stand still. */
const BUNCHING_MS = 500

/**
 * How many requests each budget allows in a window: what its rate gives, what each instance may let go at once after a
 * quiet time, and what the machine may bunch. In a window with a pause the pause may be bunched too. While two revisions
 * serve, twice as much is allowed: each has the whole share.
 */
export function rateLimits(
  { functions, customerio }: Topology,
  instances: Readonly<Record<Topic, number> & Record<string, number>>,
  overlaps: readonly Span[],
  pauses: readonly Span[],
): Of<'limit'>[] {
  /** Of a topic: its function's, and that of its bulk lane where it has one of its own. */
  const share = (budget: string, limit: number, topic: Topic, which: 'rate_share' | 'look_up_share') => {
    const names = [topic, bulkLaneOf(topic)].filter((name) => functions[name] !== undefined)
    const rate = names.reduce((sum, name) => sum + limit * customerio.headroom * (functions[name]?.[which] ?? 0), 0)
    const processes = names.reduce((sum, name) => sum + (instances[name] ?? 1), 0)
    return { budget, rate, burst: Math.max(processes, rate / 10) }
  }
  const shares = TOPICS.map((topic) => share(topic, ACCOUNT_REQUESTS_PER_SECOND, topic, 'rate_share'))
  const budgets = [
    { budget: 'account', rate: ACCOUNT_REQUESTS_PER_SECOND, burst: 0 },
    share('look-ups', customerio.app_requests_per_second, 'transactional', 'look_up_share'),
    ...shares,
  ]
  const changes = [...overlaps, ...pauses].flatMap(({ fromMs, untilMs }) => [fromMs, untilMs])
  return [...new Set([0, ...changes])].flatMap((atMs) => {
    const during = (spans: readonly Span[]) => spans.filter(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs)
    const pausedMs = Math.max(0, ...during(pauses).map(({ fromMs, untilMs }) => untilMs - fromMs))
    const seconds = (WINDOW_MS + Math.max(BUNCHING_MS, pausedMs)) / 1_000
    const revisions = during(overlaps).length > 0 ? 2 : 1
    return budgets.map(({ budget, rate, burst }): Of<'limit'> => {
      const requests = Math.ceil(rate * seconds + burst) * revisions
      return { f: 'limit', atMs, budget, requests, windowMs: WINDOW_MS }
    })
  })
}

const LOOK_EVERY_MS = 50

/** Notes when this process, which is all of the servers, stood still: what came meanwhile is read at once afterwards. */
export function watchPauses(now: () => number): { readonly pauses: readonly Span[]; readonly stop: () => void } {
  const pauses: Span[] = []
  let lastMs = now()
  const timer = setInterval(() => {
    const untilMs = now()
    if (untilMs - lastMs > BUNCHING_MS) pauses.push({ fromMs: lastMs, untilMs })
    lastMs = untilMs
  }, LOOK_EVERY_MS)
  return { pauses, stop: () => clearInterval(timer) }
}
