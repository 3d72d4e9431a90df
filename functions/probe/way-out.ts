import type { Clock } from '../../shared/clock/index.ts'
import type { Activity } from '../../shared/customerio/index.ts'
import { isRecord } from '../../shared/json/index.ts'
import type { CallOutcome } from '../../shared/outcome/index.ts'
import { broken, intact, type LinkResult, NOT_SEEN, type Round } from './link.ts'
import { lookUntil } from './look.ts'
import { reasonOf, reasonOfOutcome } from './reason.ts'

type Way = 'identify' | 'track'
/** How the activity log calls what a way leaves there. */
const ACTIVITY = { identify: 'attribute_change', track: 'event' } as const

export interface WayOut {
  /** Publish as an application does. Rejects when Pub/Sub has not taken it. */
  readonly publish: { readonly [W in Way]: (round: Round) => Promise<unknown> }
  /** The person's newest activities. One request to the App API. */
  findActivities(): Promise<readonly Activity[] | Exclude<CallOutcome, { kind: 'delivered' }>>
  /** How long what was published may take to be seen. */
  readonly waitMs: number
  readonly clock: Clock
}

/** From an application through the topics and functions to Customer.io, and seen there: an attribute and an event. */
export async function probeWayOut(round: Round, way: WayOut): Promise<readonly LinkResult[]> {
  const published = await Promise.all([publish('identify', round, way), publish('track', round, way)])
  const awaited = published.flatMap(({ name, result }) => (result.ok ? [name] : []))
  const results = published.map(({ result }) => result)
  return awaited.length === 0 ? results : [...results, ...(await watch(awaited, round, way))]
}

async function publish(name: Way, round: Round, { publish, clock }: WayOut) {
  const startMs = clock.now()
  const link = `topic_${name}` as const
  try {
    await publish[name](round)
    return { name, result: intact(link, clock.now() - startMs) }
  } catch (error) {
    return { name, result: broken(link, clock.now() - startMs, reasonOf(error)) }
  }
}

/** Looks at the person until everything awaited is there. Whoever cannot look at the end can say nothing of what is missing. */
async function watch(awaited: readonly Way[], round: Round, way: WayOut): Promise<readonly LinkResult[]> {
  const { clock } = way
  const startMs = clock.now()
  const missing = new Set(awaited)
  const results: LinkResult[] = []
  let api: LinkResult | undefined
  await lookUntil(clock, way.waitMs, async () => {
    const askedMs = clock.now()
    const found = await way.findActivities()
    const latencyMs = clock.now() - askedMs
    // `refused`: it knows no such person. Nothing was ever seen of them, but it answers.
    if ('kind' in found && found.kind !== 'refused') {
      api = broken('app_api', latencyMs, reasonOfOutcome(found))
      return false
    }
    api = intact('app_api', latencyMs)
    const activities = 'kind' in found ? [] : found
    for (const name of missing) {
      if (!activities.some((activity) => isTrace(activity, name, round))) continue
      missing.delete(name)
      results.push(intact(name, clock.now() - startMs))
    }
    return missing.size === 0
  })
  if (api !== undefined) results.push(api)
  if (api?.ok) for (const name of missing) results.push(broken(name, clock.now() - startMs, NOT_SEEN))
  return results
}

/**
 * Customer.io documents that the data of a change is an object with the attribute's name; what stands under it, it shows
 * nowhere. The id of a round stands nowhere else, so it counts wherever it is.
 */
function isTrace({ type, data }: Activity, name: Way, { id }: Round): boolean {
  return type === ACTIVITY[name] && isRecord(data) && JSON.stringify(data).includes(id)
}
