import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseLogFilter, valueAt } from '../../../scripts/emulators/logging/index.ts'
import { PROJECT_ROOT } from '../../../scripts/topology/topology.ts'
import { everyLine } from './every-line.ts'
import { extracted, readMonitoring } from './monitoring.ts'

/** The metrics that are planned, held against lines that the functions' own code writes, and lines of Cloud Run. */

const PREFIX = 'logging.googleapis.com/user/customerio/'
const { metrics } = readMonitoring()
let lines: readonly unknown[]

beforeAll(async () => {
  lines = await everyLine()
})

function metric(name: string) {
  const found = metrics[`${PREFIX}${name}`]
  if (found === undefined) throw new Error(`no metric ${name} is planned`)
  return found
}

/** What a metric counts: one entry a line, with its labels, and its value if it has one. */
function counted(name: string): Record<string, unknown>[] {
  const { filter, labels, value } = metric(name)
  return lines.filter(parseLogFilter(filter)).map((line) => ({
    ...Object.fromEntries(
      Object.entries(labels)
        .map(([label, path]) => [label, valueAt(line, extracted(path))])
        .filter(([, found]) => found !== undefined),
    ),
    ...(value !== undefined && { value: valueAt(line, extracted(value)) }),
  }))
}

it('counts every end of a message once, by outcome and cause', () => {
  expect(counted('messages')).toEqual([
    { function: 'track', outcome: 'delivered' },
    { function: 'track', outcome: 'refused' },
    { function: 'track', outcome: 'retry', cause: 'transient' },
    { function: 'track', outcome: 'retry', cause: 'configuration' },
    { function: 'track', outcome: 'exhausted', cause: 'transient' },
    { function: 'track', outcome: 'guarded' },
    { function: 'track', outcome: 'retry', cause: 'transient' },
    { function: 'warehouse', outcome: 'delivered' },
    { function: 'warehouse', outcome: 'delivered' },
    { function: 'warehouse', outcome: 'delivered' },
  ])
})

it('counts final outcomes, with the reason of dead letters, and nothing that is tried again', () => {
  expect(counted('final_outcomes').filter((one) => one.function === 'track')).toEqual([
    { function: 'track', outcome: 'delivered' },
    { function: 'track', outcome: 'refused', reason: 'contract' },
    { function: 'track', outcome: 'exhausted', reason: 'exhausted' },
    { function: 'track', outcome: 'guarded', reason: 'guarded' },
  ])
})

it('counts error lines of our own that are not about our configuration', () => {
  expect(counted('error_lines')).toEqual([
    { event: 'unexpected_error' },
    { event: 'secret' },
    { event: 'webhook' },
    { event: 'configuration_invalid' },
  ])
})

it('counts POST requests to the webhook, and apart those from addresses of Customer.io', () => {
  expect(counted('webhook_requests')).toEqual([{ http_status: 204 }, { http_status: 401 }])
  expect(counted('webhook_requests_of_customerio')).toEqual([{ http_status: 204 }])
})

it('takes the age of messages that are settled, and not of those that are retried', () => {
  expect(counted('message_age')).toHaveLength(counted('messages').length - 3)
})

it('counts requests to Customer.io by status, or by reason when no answer came', () => {
  expect(counted('customerio_requests')).toEqual([
    { function: 'track', http_status: 200 },
    { function: 'track', http_status: 401 },
    { function: 'track', http_status: 429 },
    { function: 'track', http_status: 503 },
    { function: 'track', reason: expect.any(String) },
  ])
})

it('takes the size of every batch', () => {
  expect(counted('batch_size').map(({ value }) => value)).toEqual([1, 1, 1, 1, 1])
})

it('counts webhooks by answer, with the reason of those that are not accepted', () => {
  expect(counted('webhook_answers')).toEqual([
    { answer: 204 },
    { answer: 401, reason: 'wrong_signature' },
    { answer: 503, reason: 'not_configured' },
  ])
})

it('counts rows that BigQuery refused, by table', () => {
  expect(counted('warehouse_row_errors')).toEqual([{ table: 'webhook_events' }, { table: 'webhook_events' }])
})

it('counts webhooks in the quarantine, by reason', () => {
  expect(counted('quarantined')).toEqual([{ reason: 'no_event_id' }])
})

it('counts what waits because our own configuration is refused or incomplete', () => {
  expect(counted('configuration_refused')).toEqual([{ function: 'track', http_status: 401 }, { function: 'identify' }])
})

it('counts secrets that are unset or unreadable, by name', () => {
  expect(counted('secret_problems')).toEqual([
    { function: 'track', secret: 'CUSTOMERIO_TRACK_API_KEY', event: 'secret' },
    { function: 'identify', secret: 'CUSTOMERIO_SITE_ID', event: 'secret_read_failed' },
  ])
})

it('counts what the probe found of each link, and the latency of those that are intact', () => {
  expect(counted('probe_links')).toEqual([
    { link: 'track', ok: true },
    { link: 'webhook_url', ok: false, reason: 'no_public_way_in' },
  ])
  expect(counted('probe_latency')).toEqual([{ link: 'track', value: 1_500 }])
  expect(counted('probe_rounds')).toEqual([{ ok: false }])
  expect(counted('probe_sends')).toEqual([{ table: 'unsettled_sends', ok: false }])
})

it('finds a number in every line a distribution is made of', () => {
  const distributions = names().filter((name) => metric(name).value !== undefined)
  expect(distributions).toEqual(
    expect.arrayContaining(['message_latency', 'message_age', 'customerio_latency', 'batch_size']),
  )
  for (const name of distributions) {
    for (const { value } of counted(name)) expect({ name, value }).toEqual({ name, value: expect.any(Number) })
  }
})

it('has for every metric a line that it counts, and for every label a line that fills it', () => {
  for (const name of names()) {
    const filled = new Set(counted(name).flatMap((entry) => Object.keys(entry)))
    const { labels } = metric(name)
    expect({ name, filled: Object.keys(labels).filter((label) => filled.has(label)) }).toEqual({
      name,
      filled: Object.keys(labels),
    })
  }
})

it('has the metrics that doctor reads', () => {
  const doctor = readFileSync(join(PROJECT_ROOT, 'scripts/cio/doctor/real-webhooks.ts'), 'utf8')
  const read = [...doctor.matchAll(/^const FROM_\w+ = '(\w+)'/gm)].map(([, name]) => name)
  expect(read).toHaveLength(2)
  expect(names()).toEqual(expect.arrayContaining(read))
})

function names(): string[] {
  return Object.keys(metrics).map((type) => type.replace(PREFIX, ''))
}
