import { answering, startRecordingServer } from '../../testing/recording-server.ts'
import type { Context } from '../context.ts'
import { undeliveredOf } from './undelivered.ts'

/** Answers of Cloud Monitoring, as its documents show them: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list */

const NOW_MS = Date.parse('2026-11-26T12:00:00Z')
const SOURCE = {
  name: 'track',
  topic: 'track',
  deployedTopic: 'track',
  deadLetterSubscription: 'track-dead-letter',
  ackDeadlineMs: 60_000,
}

let monitoring: Awaited<ReturnType<typeof startRecordingServer>>
beforeAll(async () => {
  monitoring = await startRecordingServer()
  process.env.GOOGLE_APIS_EMULATOR_HOST = new URL(monitoring.url).host
})
afterAll(async () => {
  delete process.env.GOOGLE_APIS_EMULATOR_HOST
  await monitoring.close()
})

function undelivered(): Promise<number | undefined> {
  const connection = { local: false, projectId: async () => 'acme' } as Context['connection']
  return undeliveredOf({ connection, now: () => NOW_MS } as Context, SOURCE)
}

const series = (...values: readonly string[]) => ({
  timeSeries: [
    {
      metric: { type: 'pubsub.googleapis.com/subscription/num_undelivered_messages' },
      resource: {
        type: 'pubsub_subscription',
        labels: { subscription_id: 'track-dead-letter', project_id: 'acme' },
      },
      metricKind: 'GAUGE',
      valueType: 'INT64',
      points: values.map((int64Value, index) => {
        const time = new Date(NOW_MS - (index + 3) * 60_000).toISOString()
        return { interval: { startTime: time, endTime: time }, value: { int64Value } }
      }),
    },
  ],
  unit: '1',
})

it('asks for the subscription of the dead letters, over ten minutes', async () => {
  monitoring.answerWith(answering(200, series('7')))
  expect(await undelivered()).toBe(7)
  const { method, path = '' } = monitoring.requests.at(-1) ?? {}
  const url = new URL(path, monitoring.url)
  expect(`${method} ${url.pathname}`).toBe('GET /monitoring.googleapis.com/v3/projects/acme/timeSeries')
  expect(Object.fromEntries(url.searchParams)).toEqual({
    filter:
      'metric.type="pubsub.googleapis.com/subscription/num_undelivered_messages" AND ' +
      'resource.labels.subscription_id="track-dead-letter"',
    'interval.startTime': '2026-11-26T11:50:00.000Z',
    'interval.endTime': '2026-11-26T12:00:00.000Z',
  })
})

it('takes the newest value, which comes first', async () => {
  monitoring.answerWith(answering(200, series('0', '12', '9')))
  expect(await undelivered()).toBe(0)
})

it.each<[string, number, object]>([
  ['no value of the last ten minutes', 200, {}],
  ['a series without points', 200, { timeSeries: [{ points: [] }] }],
  ['a value of another kind', 200, { timeSeries: [{ points: [{ value: { doubleValue: 7 } }] }] }],
  ['an API that is not enabled', 403, { error: { message: 'Cloud Monitoring API has not been used', code: 403 } }],
  ['a failure', 500, { error: { message: 'Internal error' } }],
])('cannot tell from %s', async (_, status, body) => {
  monitoring.answerWith(answering(status, body))
  expect(await undelivered()).toBeUndefined()
})
