import { z } from 'zod'
import type { Context } from '../context.ts'
import { wordsOf } from '../errors.ts'
import type { Finding } from '../finding.ts'
import { askGoogle } from '../google-api.ts'
import { count, duration } from '../output.ts'

/** What waits to be delivered by one function. */
interface Backlog {
  readonly subscription: string
  readonly messages: number
  /** Undefined when nothing waits. */
  readonly oldestMs: number | undefined
}

/** Metrics of Pub/Sub arrive a few minutes late. */
const LOOK_BACK_MS = 10 * 60_000
/** A retry's pause is below this; more than that waits for something that is down. */
const LONG_MS = 10 * 60_000

/** How much waits, and since when: how bad it is while Customer.io, or a function, is down. */
export async function examineBacklog(context: Context): Promise<readonly Finding[]> {
  const area = 'backlog'
  const names = Object.entries(context.connection.topology.subscriptions).flatMap(([name, { push }]) =>
    push === undefined ? [] : [name],
  )
  let backlogs: readonly Backlog[]
  try {
    backlogs = context.connection.local ? await readLocal(context, names) : await readCloud(context, names)
  } catch (error) {
    const fix = 'You need roles/monitoring.viewer. Otherwise see the dashboard: Oldest unacknowledged message.'
    return [{ area, state: 'skipped', note: `cannot be read: ${wordsOf(error)}`, fix }]
  }
  const waiting = backlogs.filter(({ messages }) => messages > 0)
  if (waiting.length === 0) return [{ area, state: 'ok', note: 'no message waits' }]
  return waiting.map(({ subscription, messages, oldestMs = 0 }): Finding => {
    const note = `${subscription}: ${count(messages, 'message')} waiting, the oldest for ${duration(oldestMs)}`
    if (oldestMs < LONG_MS) return { area, state: 'ok', note }
    return { area, state: 'warning', note, fix: 'terraform/runbooks/backlog.md. They are kept and retried.' }
  })
}

const statsSchema = z.looseObject({ outstanding: z.number().default(0), oldestUnackedAgeMs: z.number().optional() })

async function readLocal({ connection }: Context, names: readonly string[]): Promise<readonly Backlog[]> {
  const base = `http://${process.env.PUBSUB_EMULATOR_HOST}/emulator/v1/projects/${await connection.projectId()}`
  return Promise.all(
    names.map(async (subscription) => {
      const answer = await fetch(`${base}/subscriptions/${subscription}`)
      const { outstanding, oldestUnackedAgeMs } = statsSchema.parse(await answer.json())
      return { subscription, messages: outstanding, oldestMs: oldestUnackedAgeMs }
    }),
  )
}

const seriesSchema = z.looseObject({
  timeSeries: z
    .array(
      z.looseObject({
        resource: z.looseObject({ labels: z.looseObject({ subscription_id: z.string() }) }),
        points: z.array(z.looseObject({ value: z.looseObject({ int64Value: z.coerce.number() }) })),
      }),
    )
    .default([]),
})

/** https://cloud.google.com/pubsub/docs/monitoring#monitoring_the_backlog */
async function readCloud({ connection, now }: Context, names: readonly string[]): Promise<readonly Backlog[]> {
  const projectId = await connection.projectId()
  const [messages, seconds] = await Promise.all(['num_undelivered_messages', 'oldest_unacked_message_age'].map(latest))
  return names.map((subscription) => {
    const age = seconds?.get(subscription)
    const oldestMs = age === undefined ? undefined : age * 1_000
    return { subscription, messages: messages?.get(subscription) ?? 0, oldestMs }
  })

  async function latest(metric: string): Promise<ReadonlyMap<string, number>> {
    const parameters = new URLSearchParams({
      filter: `metric.type="pubsub.googleapis.com/subscription/${metric}"`,
      'interval.startTime': new Date(now() - LOOK_BACK_MS).toISOString(),
      'interval.endTime': new Date(now()).toISOString(),
    })
    const answer = await askGoogle(connection, 'monitoring', `/v3/projects/${projectId}/timeSeries?${parameters}`)
    // The newest point is the first.
    return new Map(
      seriesSchema
        .parse(answer)
        .timeSeries.flatMap(({ resource, points: [newest] }) =>
          newest === undefined ? [] : [[resource.labels.subscription_id, newest.value.int64Value] as const],
        ),
    )
  }
}
