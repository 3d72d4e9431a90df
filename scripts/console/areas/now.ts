import type { Clock } from '../../../shared/clock/index.ts'
import type { SubscriptionStats } from '../../emulators/pubsub/index.ts'
import type { Area, Feed } from '../server/area.ts'

/** What waits in one subscription. */
export interface Backlog {
  /** Its name in pipeline.yaml. */
  readonly subscription: string
  readonly outstanding: number
  readonly oldestMs: number | undefined
  readonly deliveries: number
}

export interface NowDeps {
  readonly clock: Clock
  stats(): readonly SubscriptionStats[]
}

const EVERY_MS = 1_000

/** What the pipeline does at this moment. */
export function areaNow({ clock, stats }: NowDeps): Area {
  const backlog = () => stats().map(backlogOf)
  const feed: Feed = (send) => {
    const tell = () => {
      send(backlog())
      cancel = clock.after(EVERY_MS, tell)
    }
    let cancel = clock.after(EVERY_MS, tell)
    return () => cancel()
  }
  return {
    name: 'now',
    routes: [{ method: 'GET', path: '/api/now', run: () => ({ backlog: backlog() }) }],
    feeds: { now: feed },
  }
}

function backlogOf({ subscription, outstanding, oldestUnackedAgeMs, deliveries }: SubscriptionStats): Backlog {
  return {
    subscription: subscription.slice(subscription.lastIndexOf('/') + 1),
    outstanding,
    oldestMs: oldestUnackedAgeMs,
    deliveries,
  }
}
