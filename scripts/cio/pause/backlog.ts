import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { askGoogle } from '../google-api.ts'

/** What waits to be delivered by one subscription, and how it changes. */
export interface Backlog {
  readonly subscription: string
  readonly messages: number
  /** Undefined when nothing waits. */
  readonly oldestMs: number | undefined
  /** Messages per second that were acknowledged; undefined where nothing is known of it. */
  readonly perSecond: number | undefined
  /** Until nothing waits, at the pace at which the backlog has shrunk; undefined when it does not shrink. */
  readonly drainsInMs: number | undefined
}

type Reading = Pick<Context, 'connection' | 'now' | 'signal'>

/** Metrics of Pub/Sub arrive a few minutes late. */
const LOOK_BACK_MS = 10 * 60_000
/** Between two looks at the local stack, which knows its numbers at once. */
const LOCAL_LOOK_MS = 1_000

/** The backlogs of these subscriptions, from Monitoring or from the local stack. Takes a second there with `rates`. */
export async function readBacklogs(
  context: Reading,
  names: readonly string[],
  { rates }: { readonly rates: boolean },
): Promise<readonly Backlog[]> {
  return context.connection.local ? await readLocal(context, names, rates) : await readCloud(context, names, rates)
}

/** At the pace at which `messages` fell from `before` to `after` within so many seconds. Pure. */
export function drainsInMs(before: number, after: number, seconds: number): number | undefined {
  return before > after && seconds > 0 ? (after / ((before - after) / seconds)) * 1_000 : undefined
}

const statsSchema = z.looseObject({
  outstanding: z.number().default(0),
  acknowledged: z.number().default(0),
  oldestUnackedAgeMs: z.number().optional(),
})

async function readLocal(
  { connection, now, signal }: Reading,
  names: readonly string[],
  rates: boolean,
): Promise<readonly Backlog[]> {
  const base = `http://${process.env.PUBSUB_EMULATOR_HOST}/emulator/v1/projects/${await connection.projectId()}`
  const look = () =>
    Promise.all(
      names.map(async (name) => {
        const answer = await fetch(`${base}/subscriptions/${name}`, { signal })
        return statsSchema.parse(await answer.json())
      }),
    )
  const beganMs = now()
  const before = rates ? await look() : []
  if (rates) await delay(LOCAL_LOOK_MS, undefined, { signal })
  const after = await look()
  const seconds = (now() - beganMs) / 1_000
  return names.map((subscription, index) => {
    const { outstanding = 0, acknowledged = 0, oldestUnackedAgeMs } = after[index] ?? {}
    const earlier = before[index]
    return {
      ...{ subscription, messages: outstanding, oldestMs: oldestUnackedAgeMs },
      perSecond: earlier && (acknowledged - earlier.acknowledged) / seconds,
      drainsInMs: earlier && drainsInMs(earlier.outstanding, outstanding, seconds),
    }
  })
}

const seriesSchema = z.looseObject({
  timeSeries: z
    .array(
      z.looseObject({
        resource: z.looseObject({ labels: z.looseObject({ subscription_id: z.string() }) }),
        points: z.array(
          z.looseObject({
            interval: z.looseObject({ endTime: z.string() }).optional(),
            value: z.looseObject({ int64Value: z.coerce.number() }),
          }),
        ),
      }),
    )
    .default([]),
})

interface Point {
  readonly atMs: number
  readonly value: number
}

/** https://cloud.google.com/pubsub/docs/monitoring#monitoring_the_backlog */
async function readCloud(
  { connection, now }: Reading,
  names: readonly string[],
  rates: boolean,
): Promise<readonly Backlog[]> {
  const projectId = await connection.projectId()
  const [messages, ages, pushes] = await Promise.all([
    points('num_undelivered_messages'),
    points('oldest_unacked_message_age'),
    rates ? points('push_request_count', ' AND metric.labels.response_class="ack"') : undefined,
  ])
  return names.map((subscription) => {
    const waiting = messages.get(subscription) ?? []
    const [newest] = waiting
    const oldest = waiting.at(-1)
    const age = ages.get(subscription)?.[0]?.value
    const acknowledged = pushes?.get(subscription)?.reduce((sum, { value }) => sum + value, 0) ?? 0
    return {
      subscription,
      messages: newest?.value ?? 0,
      oldestMs: age === undefined ? undefined : age * 1_000,
      perSecond: pushes && acknowledged / (LOOK_BACK_MS / 1_000),
      drainsInMs: newest && oldest && drainsInMs(oldest.value, newest.value, (newest.atMs - oldest.atMs) / 1_000),
    }
  })

  /** By subscription, the newest first. */
  async function points(metric: string, more = ''): Promise<ReadonlyMap<string, readonly Point[]>> {
    const parameters = new URLSearchParams({
      filter: `metric.type="pubsub.googleapis.com/subscription/${metric}"${more}`,
      'interval.startTime': new Date(now() - LOOK_BACK_MS).toISOString(),
      'interval.endTime': new Date(now()).toISOString(),
    })
    const answer = await askGoogle(connection, 'monitoring', `/v3/projects/${projectId}/timeSeries?${parameters}`)
    const all = new Map<string, Point[]>()
    for (const { resource, points: ofSeries } of seriesSchema.parse(answer).timeSeries) {
      const own = ofSeries.map(({ interval, value }) => ({
        atMs: Date.parse(interval?.endTime ?? ''),
        value: value.int64Value,
      }))
      // One series per response code, of which Pub/Sub counts each by itself.
      all.set(resource.labels.subscription_id, [...(all.get(resource.labels.subscription_id) ?? []), ...own])
    }
    return all
  }
}
