import { z } from 'zod'
import { MODULE, readModule } from './hcl.ts'
import { parseLogFilter, valueAt } from './log-filter.ts'
import { configurationLines, customerioLines, messageLines, warehouseLines, webhookLines } from './log-lines.ts'

/** The metrics of metrics.tf, held against lines that the functions' own code writes. */

const metricSchema = z.strictObject({
  description: z.string(),
  filter: z.string(),
  labels: z.record(z.string(), z.string()),
  value: z.string().optional(),
  unit: z.string().optional(),
})

let metrics: Readonly<Record<string, z.infer<typeof metricSchema>>>
let lines: readonly unknown[]

beforeAll(async () => {
  const { locals } = await readModule(MODULE)
  metrics = z.record(z.string(), metricSchema).parse(locals.metrics)
  lines = [
    ...(await messageLines()),
    ...(await customerioLines([200, 401, 429, 503])),
    ...(await webhookLines()),
    ...(await warehouseLines()),
    ...(await configurationLines()),
  ]
})

function metric(name: string) {
  const found = metrics[name]
  if (found === undefined) throw new Error(`metrics.tf has no ${name}`)
  return found
}

/** What a metric counts: one entry a line, with its labels, and its value if it has one. */
function counted(name: string): Record<string, unknown>[] {
  const { filter, labels, value } = metric(name)
  return lines.filter(parseLogFilter(filter)).map((line) => ({
    ...Object.fromEntries(
      Object.entries(labels)
        .map(([label, path]) => [label, valueAt(line, path)])
        .filter(([, found]) => found !== undefined),
    ),
    ...(value !== undefined && { value: valueAt(line, value) }),
  }))
}

it('counts every end of a message once, by outcome and cause', () => {
  expect(counted('messages')).toEqual([
    { function: 'track', outcome: 'delivered' },
    { function: 'track', outcome: 'refused' },
    { function: 'track', outcome: 'retry', cause: 'transient' },
    { function: 'track', outcome: 'retry', cause: 'configuration' },
    { function: 'track', outcome: 'exhausted', cause: 'transient' },
    { function: 'warehouse', outcome: 'delivered' },
    { function: 'warehouse', outcome: 'delivered' },
  ])
})

it('counts dead letters by reason', () => {
  expect(counted('dead_letters')).toEqual([
    { function: 'track', reason: 'contract' },
    { function: 'track', reason: 'exhausted' },
  ])
})

it('takes the age of messages that are settled, and not of those that are retried', () => {
  expect(counted('message_age')).toHaveLength(counted('messages').length - 2)
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
  expect(counted('warehouse_row_errors')).toEqual([{ table: 'webhook_events' }])
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

it('finds a number in every line a distribution is made of', () => {
  const distributions = Object.keys(metrics).filter((name) => metric(name).value !== undefined)
  expect(distributions).toEqual(
    expect.arrayContaining(['message_latency', 'message_age', 'customerio_latency', 'batch_size']),
  )
  for (const name of distributions) {
    for (const { value } of counted(name)) expect({ name, value }).toEqual({ name, value: expect.any(Number) })
  }
})

it('has for every metric a line that it counts, and for every label a line that fills it', () => {
  for (const name of Object.keys(metrics)) {
    const filled = new Set(counted(name).flatMap((entry) => Object.keys(entry)))
    const { labels } = metric(name)
    expect({ name, filled: Object.keys(labels).filter((label) => filled.has(label)) }).toEqual({
      name,
      filled: Object.keys(labels),
    })
  }
})
