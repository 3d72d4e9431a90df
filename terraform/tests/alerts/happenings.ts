import { broken, intact, type LinkResult } from '../../../functions/probe/link.ts'
import type { SendCount } from '../../../functions/probe/sends.ts'
import { CUSTOMERIO_ADDRESS, requestEntry, STRANGERS_ADDRESS } from './entries.ts'
import type { Scenario } from './evaluate.ts'
import { configurationLines, ENDS, messageLines, probeLines, webhookLines } from './function-lines.ts'
import type { Series } from './series.ts'

/** What happens to the pipeline, as its log and its metrics tell of it: what alerts are fed. */

export const DAY_S = 86_400

/** Entries that are written at each of these minutes, watched until a quarter of an hour after the last. */
export function written(entries: readonly unknown[], { at = [0, 1, 2, 3], times = 1 } = {}): Scenario {
  return { written: entries.map((entry) => ({ entry, minutes: at, times })), minutes: Math.max(...at) + 15 }
}

/** Both, at the same time. */
export const together = (one: Scenario, other: Scenario): Scenario => ({
  written: [...(one.written ?? []), ...(other.written ?? [])],
  minutes: Math.max(one.minutes, other.minutes),
})

export const minutesTo = (last: number, step = 1) => Array.from({ length: last / step + 1 }, (_, index) => index * step)

/** A metric of Pub/Sub for one subscription, the same every minute for a while. */
export function subscription(name: string, metric: string, value: number, minutes = 15, labels = {}): Series {
  return {
    resource: { type: 'pubsub_subscription', labels: { subscription_id: name } },
    metric: { type: `pubsub.googleapis.com/subscription/${metric}`, labels },
    points: minutesTo(minutes).map((minute) => ({ minute, value })),
  }
}
export const exportErrors = (sink: string): Series => ({
  resource: { type: 'logging_sink', labels: { name: sink } },
  metric: { type: 'logging.googleapis.com/exports/error_count', labels: {} },
  points: minutesTo(15).map((minute) => ({ minute, value: 1 })),
})
export const of = (...series: Series[]): Scenario => ({ series, minutes: 15 })
/** Beside what was not sent by decision, which may wait to its last day. */
export const oldestDeadLetter = (days: number) =>
  of(
    subscription('track-dead-letter', 'oldest_unacked_message_age', days * DAY_S),
    subscription('track-not-sent', 'oldest_unacked_message_age', 30.9 * DAY_S),
  )
export const pushes = (response_class: string, count: number) =>
  subscription('track', 'push_request_count', count, 15, { response_class })

/** Two hours in which Customer.io answers nothing but 500, as the functions and Pub/Sub tell of it. */
export async function outageOfCustomerIo(): Promise<Scenario> {
  const lines = await messageLines([ENDS.outage, ENDS.busy])
  return {
    ...written(lines, { at: minutesTo(120), times: 10 }),
    series: [
      subscription('track', 'push_request_count', 20, 120, { response_class: 'remote_server_5xx' }),
      {
        ...subscription('track', 'oldest_unacked_message_age', 0),
        points: minutesTo(120).map((minute) => ({ minute, value: minute * 60 })),
      },
    ],
    minutes: 120,
  }
}

/** Customer.io calls a webhook that nobody may call: it tries again after an hour. */
export async function withoutPublicWayIn(): Promise<Scenario> {
  return written([requestEntry({ status: 403 })], { at: [0, 60, 120] })
}

/** What strangers do to any public address. */
export async function forgeries(): Promise<Scenario> {
  const [, forged] = await webhookLines()
  const request = requestEntry({ status: 401, from: STRANGERS_ADDRESS })
  return written([forged, request], { at: minutesTo(60), times: 20 })
}

export const deadLettered = async () => written(await messageLines([ENDS.refused, ENDS.exhausted]))
export const retriedOrNotSent = async () =>
  written(await messageLines([ENDS.outage, ENDS.busy, ENDS.unauthorised, ENDS.guarded]), { times: 50 })
/** Six hours in which one message of 41 ends so. */
export async function burning(bad: (typeof ENDS)[keyof typeof ENDS]): Promise<Scenario> {
  const at = minutesTo(360, 5)
  const good = written(await messageLines([ENDS.delivered, ENDS.refused]), { at, times: 20 })
  return {
    written: [...(good.written ?? []), ...(written(await messageLines([bad]), { at }).written ?? [])],
    minutes: 360,
  }
}

/** Rounds of the probe, every five minutes unless it says otherwise, that find the webhook's address so. */
export const probed = async (found: LinkResult, at: readonly number[] = minutesTo(60, 5)): Promise<Scenario> =>
  written(await probeLines([intact('track', 900), found]), { at: [...at] })
/** Looks of the probe, at these minutes, that find so many rows in a view. */
export const counted = async (view: SendCount['view'], rows: number, at: readonly number[]): Promise<Scenario> =>
  written(await probeLines([intact('track', 900)], [{ view, rows }]), { at: [...at] })
export const noWayIn = broken('webhook_url', 40, 'no_public_way_in')

export const webhooksAnswered = async (status: number, from = CUSTOMERIO_ADDRESS): Promise<Scenario> => ({
  ...written([requestEntry({ status, from })], { at: minutesTo(360, 5) }),
  minutes: 360,
})

export const secretLine = async (event: string) => {
  const lines = await configurationLines()
  return lines.filter((line) => JSON.stringify(line).includes(`"${event}"`))
}
