import { z } from 'zod'
import type { Context } from '../context.ts'
import { askGoogle } from '../google-api.ts'
import type { Source } from './source.ts'

const localSchema = z.looseObject({ outstanding: z.number() })
const seriesSchema = z.looseObject({
  timeSeries: z
    .array(
      z.looseObject({ points: z.array(z.looseObject({ value: z.looseObject({ int64Value: z.coerce.number() }) })) }),
    )
    .default([]),
})
/** Cloud Monitoring shows a value up to three minutes after it was true. */
const WINDOW_MS = 600_000

/**
 * How many dead letters a source has, those that another process holds among them, which a pull does not see. Undefined
 * when it cannot be found out. In the cloud it is the newest value of Cloud Monitoring, some minutes old.
 */
export async function undeliveredOf(
  context: Pick<Context, 'connection' | 'now'>,
  source: Source,
): Promise<number | undefined> {
  try {
    return context.connection.local ? await ofLocal(context, source) : await ofCloud(context, source)
  } catch {
    return undefined
  }
}

async function ofLocal({ connection }: Pick<Context, 'connection'>, source: Source): Promise<number> {
  const name = `projects/${await connection.projectId()}/subscriptions/${source.deadLetterSubscription}`
  const answer = await fetch(`http://${process.env.PUBSUB_EMULATOR_HOST}/emulator/v1/${name}`)
  return localSchema.parse(await answer.json()).outstanding
}

async function ofCloud(
  { connection, now }: Pick<Context, 'connection' | 'now'>,
  source: Source,
): Promise<number | undefined> {
  const parameters = new URLSearchParams({
    filter:
      'metric.type="pubsub.googleapis.com/subscription/num_undelivered_messages" AND ' +
      `resource.labels.subscription_id="${source.deadLetterSubscription}"`,
    'interval.startTime': new Date(now() - WINDOW_MS).toISOString(),
    'interval.endTime': new Date(now()).toISOString(),
  })
  const path = `/v3/projects/${await connection.projectId()}/timeSeries?${parameters}`
  const answer = await askGoogle(connection, 'monitoring', path)
  return seriesSchema.parse(answer).timeSeries[0]?.points[0]?.value.int64Value
}
