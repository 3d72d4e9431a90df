import type { Clock } from '../../../../shared/clock/index.ts'
import type { CustomerIoServer } from '../../../emulators/customerio/index.ts'
import type { SubscriptionStats } from '../../../emulators/pubsub/index.ts'
import type { MessageLog } from '../../../local/message-log.ts'
import type { Topology } from '../../../topology/topology.ts'
import type { Area, Feed } from '../../server/area.ts'
import { type MessageRow, rowOf } from '../messages/row.ts'
import { Breakage } from './breakage.ts'
import { type FlowOfTopic, flowsOf } from './flows.ts'
import type { Rates, Second } from './rates.ts'

/** What the pipeline does at this moment. */
export interface Now {
  readonly nowMs: number
  readonly backlogs: readonly Backlog[]
  /** Faults of Customer.io that were ordered, in words. */
  readonly faults: readonly string[]
  /** Until when the button has broken Customer.io. */
  readonly brokenUntilMs: number | undefined
  /** Messages whose last word is no good one, the newest first. */
  readonly failures: readonly MessageRow[]
  readonly rates: readonly Second[]
}

/** What waits in one subscription. */
export interface Backlog {
  /** Its name in pipeline.yaml. */
  readonly subscription: string
  readonly outstanding: number
  /** Of these: failed, and waiting for their back-off. */
  readonly waiting: number
  readonly oldestMs: number | undefined
  readonly deliveries: number
  readonly paused: boolean
}

export interface NowDeps {
  readonly clock: Clock
  readonly topology: Topology
  readonly log: MessageLog
  readonly rates: Rates
  readonly customerio: Pick<CustomerIoServer, 'orders'>
  stats(): readonly SubscriptionStats[]
  /** Publishes messages of every kind; gives their number. */
  publishSample(): Promise<number>
}

const EVERY_MS = 1_000
const BREAK_MS = 60_000
const FAILURES_SHOWN = 8
const FAILURES: ReadonlySet<string> = new Set(['retry', 'refused', 'exhausted', 'uncertain'])

/** The whole pipeline at a glance, and the two things to try first. */
export function areaNow(deps: NowDeps): Area {
  const { clock, topology } = deps
  const breakage = new Breakage(deps.customerio.orders, clock)
  const now = () => stateOf(deps, breakage)
  const feed: Feed = (send) => {
    const tell = () => {
      send(now())
      cancel = clock.after(EVERY_MS, tell)
    }
    let cancel = clock.after(EVERY_MS, tell)
    return () => cancel()
  }
  const flows: readonly FlowOfTopic[] = flowsOf(topology)
  return {
    name: 'now',
    routes: [
      { method: 'GET', path: '/api/now', run: () => ({ ...now(), flows }) },
      { method: 'POST', path: '/api/now/sample', run: async () => ({ published: await deps.publishSample() }) },
      {
        method: 'POST',
        path: '/api/now/break',
        run: () => {
          breakage.begin(BREAK_MS)
          return now()
        },
      },
      {
        method: 'POST',
        path: '/api/now/mend',
        run: () => {
          breakage.end()
          return now()
        },
      },
    ],
    feeds: { now: feed },
  }
}

function stateOf({ clock, stats, customerio, log, rates }: NowDeps, breakage: Breakage): Now {
  return {
    nowMs: clock.now(),
    backlogs: stats().map(backlogOf),
    faults: customerio.orders.list().map(faultIn),
    brokenUntilMs: breakage.untilMs,
    failures: log
      .all()
      .filter(({ outcome }) => FAILURES.has(outcome))
      .slice(-FAILURES_SHOWN)
      .reverse()
      .map(rowOf),
    rates: rates.history(),
  }
}

function backlogOf({ subscription, oldestUnackedAgeMs, ...stats }: SubscriptionStats): Backlog {
  const { outstanding, waiting, deliveries, paused } = stats
  const name = subscription.slice(subscription.lastIndexOf('/') + 1)
  return { subscription: name, outstanding, waiting, oldestMs: oldestUnackedAgeMs, deliveries, paused }
}

/** `answers 503 to every request, 12 times until now`. */
function faultIn({
  on,
  fault,
  hits,
  count,
  probability,
}: ReturnType<CustomerIoServer['orders']['list']>[number]): string {
  const what = 'status' in fault ? `${fault.do.replaceAll('_', ' ')} ${fault.status}` : fault.do.replaceAll('_', ' ')
  const which = on === 'any' ? 'every request' : `requests of ${on}`
  const share = probability < 1 ? `, ${Math.round(probability * 100)} % of them` : ''
  return `${what} for ${which}${share}: ${hits}${count === undefined ? '' : ` of ${count}`} until now`
}
