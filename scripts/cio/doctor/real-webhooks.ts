import { z } from 'zod'
import { metricName } from '../../topology/names.ts'
import type { Connection } from '../connection.ts'
import type { Context } from '../context.ts'
import { wordsOf } from '../errors.ts'
import { type Finding, ok, wrong } from '../finding.ts'
import { askGoogle } from '../google-api.ts'
import { count, duration } from '../output.ts'
import { complaintAbout } from '../webhooks/send.ts'

/** Answers of the webhook function to POSTs of one sender, at about the same time. */
export interface WebhookAnswers {
  readonly atMs: number
  readonly status: number
  readonly times: number
  readonly fromCustomerIo: boolean
}

const AREA = 'real webhooks'
const DAY_MS = 24 * 3_600_000

/**
 * What our own test event cannot show: that Customer.io signs with a key that the function knows. Only its own webhooks
 * show that, and they are told from a stranger's by the address that they come from.
 */
export async function examineRealWebhooks(context: Context): Promise<readonly Finding[]> {
  try {
    if (context.connection.local) return assess(await readLocal(context), context.now(), context.connection)
    const [answers, unknown] = await Promise.all([readCloud(context), unknownAddresses(context)])
    return [...assess(answers, context.now(), context.connection), ...unknown]
  } catch (error) {
    const fix = 'You need roles/monitoring.viewer and roles/logging.viewer, and the App API key must be valid.'
    return [{ area: AREA, state: 'skipped', note: `cannot be looked at: ${wordsOf(error)}`, fix }]
  }
}

/** What the answers of a day say about Customer.io's webhooks. Pure. */
export function assess(
  answers: readonly WebhookAnswers[],
  nowMs: number,
  connection: Pick<Connection, 'environment' | 'topology'>,
): readonly Finding[] {
  const theirs = answers.filter(({ fromCustomerIo }) => fromCustomerIo)
  const strangers = total(answers) - total(theirs)
  const accepted = theirs.filter(({ status }) => status >= 200 && status < 300)
  const failed = theirs.filter(({ status }) => status >= 300)
  const unsigned = failed.filter(({ status }) => status === 401)
  const ago = (of: readonly WebhookAnswers[]) => duration(nowMs - Math.max(...of.map(({ atMs }) => atMs)))
  const findings: Finding[] = []

  if (accepted.length > 0) {
    const number = count(total(accepted), 'webhook')
    findings.push(ok(AREA, `${number} of Customer.io accepted in the last day, the last ${ago(accepted)} ago`))
  } else {
    const note = 'none of Customer.io accepted in the last day: nothing shows that it signs with a key that we have'
    const fix = 'Send yourself a message and run doctor again. A campaign that is on should have caused webhooks.'
    findings.push({ area: AREA, state: 'warning', note, fix })
  }
  if (unsigned.length > 0) {
    const since = Math.max(0, ...unsigned.map(({ atMs }) => atMs))
    const over = accepted.some(({ atMs }) => atMs > since)
    const note = `Customer.io was answered 401 ${count(total(unsigned), 'time')}, last ${ago(unsigned)} ago`
    findings.push(
      over
        ? { area: AREA, state: 'warning', note: `${note}; it was accepted again after that` }
        : wrong(
            AREA,
            `${note}: it signs with a key that we do not have, or its webhooks are delayed too long`,
            'Copy the key from the page of the webhook at Customer.io: npx cio-gcp secrets rotate CUSTOMERIO_WEBHOOK_SIGNING_KEYS',
          ),
    )
  }
  const others = Map.groupBy(
    failed.filter(({ status }) => status !== 401),
    ({ status }) => status,
  )
  for (const [status, all] of others) {
    const note = `Customer.io was answered ${status} ${count(total(all), 'time')}, last ${ago(all)} ago`
    const since = Math.max(...all.map(({ atMs }) => atMs))
    const over = accepted.some(({ atMs }) => atMs > since)
    // Google's own answers: the function was not reached, and its log says nothing.
    const complaint =
      status === 403 || status === 429 ? complaintAbout({ status, latencyMs: 0 }, connection) : undefined
    const fix = complaint?.hint ?? 'terraform/runbooks/webhook.md'
    const words = complaint === undefined ? note : `${note}: ${complaint.what}`
    findings.push({ area: AREA, state: status === 403 && !over ? 'wrong' : 'warning', note: words, fix })
  }
  if (strangers > 0) findings.push(ok(AREA, `${count(strangers, 'request')} from other addresses: not Customer.io's`))
  return findings
}

const total = (answers: readonly WebhookAnswers[]) => answers.reduce((sum, { times }) => sum + times, 0)

/** Metrics of terraform/metrics.tf. They count every request, also those whose line in the request log is not kept. */
const FROM_ANYWHERE = 'webhook_requests'
const FROM_CUSTOMERIO = 'webhook_requests_of_customerio'

const seriesSchema = z.looseObject({
  timeSeries: z
    .array(
      z.looseObject({
        metric: z.looseObject({ labels: z.looseObject({ http_status: z.coerce.number() }) }),
        points: z.array(
          z.looseObject({
            interval: z.looseObject({ endTime: z.string() }),
            value: z.looseObject({ int64Value: z.coerce.number() }),
          }),
        ),
      }),
    )
    .default([]),
})

async function readCloud({ connection, now }: Context): Promise<readonly WebhookAnswers[]> {
  const projectId = await connection.projectId()
  const [theirs, all] = await Promise.all([answersIn(FROM_CUSTOMERIO, true), answersIn(FROM_ANYWHERE, false)])
  const strangers = total(all) - total(theirs)
  return strangers > 0 ? [...theirs, { atMs: now(), status: 401, times: strangers, fromCustomerIo: false }] : theirs

  async function answersIn(metric: string, fromCustomerIo: boolean): Promise<WebhookAnswers[]> {
    const parameters = new URLSearchParams({
      filter: `metric.type="logging.googleapis.com/user/${metricName(connection.topology, metric)}" AND resource.type="cloud_run_revision"`,
      'interval.startTime': new Date(now() - DAY_MS).toISOString(),
      'interval.endTime': new Date(now()).toISOString(),
    })
    const answer = await askGoogle(connection, 'monitoring', `/v3/projects/${projectId}/timeSeries?${parameters}`)
    return seriesSchema.parse(answer).timeSeries.flatMap(({ metric: { labels }, points }) =>
      points.flatMap(({ interval, value: { int64Value: times } }) => {
        const answers = { atMs: Date.parse(interval.endTime), status: labels.http_status, times, fromCustomerIo }
        return times > 0 ? [answers] : []
      }),
    )
  }
}

const addressesSchema = z.looseObject({ ip_addresses: z.array(z.string()) })
const metricSchema = z.looseObject({ filter: z.string() })

/** What Customer.io says it sends from (GET /v1/info/ip_addresses) and the deployed metric does not take for its. */
async function unknownAddresses({ connection }: Context): Promise<readonly Finding[]> {
  const client = await connection.customerIo().app()
  const { ip_addresses: addresses } = addressesSchema.parse(await client.getIpAddresses())
  const path = `/v2/projects/${await connection.projectId()}/metrics/${encodeURIComponent(metricName(connection.topology, FROM_CUSTOMERIO))}`
  const { filter } = metricSchema.parse(await askGoogle(connection, 'logging', path))
  const unknown = addresses.filter((address) => !filter.includes(`"${address}"`))
  if (unknown.length === 0) return []
  const note = `Customer.io sends from ${unknown.join(', ')} too: alerts take these for a stranger's`
  const fix = `customerio_webhook_addresses: [${addresses.join(', ')}] in values.yaml, then terraform apply`
  return [{ area: AREA, state: 'warning', note, fix }]
}

const stateSchema = z.looseObject({ answers: z.array(z.looseObject({ atMs: z.number(), status: z.number() })) })

/** The local Customer.io remembers what it was answered. */
async function readLocal({ connection, now }: Context): Promise<readonly WebhookAnswers[]> {
  const response = await fetch(`${connection.localCustomerIo}/_local/webhooks`)
  const { answers } = stateSchema.parse(await response.json())
  return answers.flatMap(({ atMs, status }) =>
    atMs < now() - DAY_MS ? [] : [{ atMs, status, times: 1, fromCustomerIo: true }],
  )
}
