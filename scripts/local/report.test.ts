import { readTopology } from '../topology/topology.ts'
import type { Endpoints } from './environment.ts'
import {
  complaintsAbout,
  describeConsole,
  describeNextSteps,
  describeSample,
  describeStack,
  type SampleRun,
} from './report.ts'
import { SAMPLE } from './sample.ts'

const endpoints: Endpoints = {
  projectId: 'local-project',
  PUBSUB_EMULATOR_HOST: '127.0.0.1:8085',
  FIRESTORE_EMULATOR_HOST: '127.0.0.1:8086',
  BIGQUERY_EMULATOR_HOST: 'http://127.0.0.1:9050',
  CUSTOMERIO_TRACK_URL: 'http://127.0.0.1:8090/api/v1',
  CUSTOMERIO_APP_URL: 'http://127.0.0.1:8090/v1',
  customerio: 'http://127.0.0.1:8090',
  functions: Object.fromEntries(
    Object.keys(readTopology().functions).map((name, index) => [name, `http://127.0.0.1:${8_101 + index}/`]),
  ),
  secrets: '.local/secrets',
  logs: '.local/logs',
}

/** As it should be, but for these. */
function sampleRun(changes: Partial<SampleRun> = {}): SampleRun {
  const results = SAMPLE.map((message, index) => ({
    message,
    messageId: String(index),
    attempts: message.expected.outcome === 'retried' ? 2 : 1,
    deadLetter:
      message.expected.outcome === 'refused'
        ? {
            ...{ reason: message.expected.reason, error: message.expected.error },
            data: Buffer.from(typeof message.body === 'string' ? message.body : JSON.stringify(message.body)),
          }
        : undefined,
  }))
  const warehouse = { sent: 250, failedTries: 0, stored: 250, tables: {}, views: {} }
  return { results, warehouse, probe: { intact: ['track'], broken: [] }, journeys: [], ...changes }
}

it('says all of it in at most 25 lines', () => {
  const sample = sampleRun()
  expect(complaintsAbout(sample)).toEqual([])
  // Between the parts stands an empty line, and so it does around what is said last of the sample.
  const printed = [
    '',
    'Up after 2.0 s',
    describeConsole({ url: 'http://127.0.0.1:8080/' }),
    describeStack({ endpoints, functions: {} }),
    '',
    describeSample(sample),
    '',
    'Everything …',
    '',
  ]
  const lines = [...printed, describeNextSteps({ endpoints })].join('\n').split('\n')
  expect(lines.length).toBeLessThanOrEqual(25)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(125)
})

it('tells commands that find this stack, wherever its folder is', () => {
  expect(describeNextSteps({ endpoints })).toContain('trace --key receipt-1001 --local')
  const elsewhere = describeNextSteps({ endpoints: { ...endpoints, secrets: '/tmp/stack/secrets' } })
  expect(elsewhere).toContain('trace --key receipt-1001 --endpoints /tmp/stack/endpoints.json')
  expect(elsewhere).not.toContain('--local')
})

it('counts the messages of each topic by how they ended', () => {
  const rows = describeSample(sampleRun()).split('\n')
  for (const topic of ['identify', 'track', 'transactional'] as const) {
    const own = SAMPLE.filter((message) => message.topic === topic)
    const ending = (outcome: string) => own.filter(({ expected }) => expected.outcome === outcome).length
    const dead = ending('refused')
    const row = rows.find((line) => line.trim().startsWith(topic))
    expect(row?.trim().split(/ +/)).toEqual([topic, own.length, own.length - dead, ending('retried'), dead].map(String))
  }
})

it('says what is not as it should be, a line for each thing', () => {
  const [first, ...others] = sampleRun().results
  if (first === undefined) throw new Error('the sample is empty')
  const wrong = sampleRun({
    results: [{ ...first, deadLetter: { reason: 'refused', error: '', data: Buffer.alloc(0) } }, ...others],
    warehouse: { ...sampleRun().warehouse, stored: 249 },
    probe: { intact: [], broken: ['track'] },
    journeys: [{ label: 'l', command: 'c', text: 't', complaint: 'the journey of k does not say "opened"' }],
  })
  expect(complaintsAbout(wrong)).toEqual([
    `${first.message.label}: should have been delivered, but is on the dead-letter topic`,
    '250 webhooks were sent, but 249 are in BigQuery',
    'the link track is broken',
    'the journey of k does not say "opened"',
  ])
})
