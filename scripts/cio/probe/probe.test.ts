import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PubSub } from '@google-cloud/pubsub'
import { type PubSubServer, startPubSub } from '../../emulators/pubsub/index.ts'
import { answering, startRecordingServer } from '../../testing/recording-server.ts'
import { commandLine } from '../testing/command-line.ts'
import { firstRound } from './probe.ts'

/** The command against the answers of the function, and of Cloud Logging. */

type RecordingServer = Awaited<ReturnType<typeof startRecordingServer>>
let directory: string
let server: RecordingServer
let pubsub: PubSubServer

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cio-probe-'))
  ;[server, pubsub] = await Promise.all([startRecordingServer(), startPubSub({ port: 0 })])
  const client = new PubSub({ projectId: 'acme-prod', apiEndpoint: pubsub.host, emulatorMode: true })
  await client.createTopic('probe')
  await client.close()
  const endpoints = {
    projectId: 'acme-prod',
    PUBSUB_EMULATOR_HOST: pubsub.host,
    FIRESTORE_EMULATOR_HOST: '127.0.0.1:1',
    BIGQUERY_EMULATOR_HOST: 'http://127.0.0.1:1',
    CUSTOMERIO_TRACK_URL: server.url,
    CUSTOMERIO_APP_URL: server.url,
    functions: { probe: server.url },
    secrets: join(directory, 'secrets'),
  }
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify(endpoints))
})
afterAll(async () => {
  await Promise.all([server.close(), pubsub.close()])
  rmSync(directory, { recursive: true })
})

const local = () => commandLine(['--endpoints', join(directory, 'endpoints.json')])
const deployment = () =>
  commandLine(['--project', 'acme-prod', '--region', 'us'], {
    PUBSUB_EMULATOR_HOST: pubsub.host,
    GOOGLE_APIS_EMULATOR_HOST: new URL(server.url).host,
    CIO_STATE_DIR: join(directory, 'state'),
  })

const intact = { link: 'track', ok: true, latency_ms: 1_500 }
const noWayIn = { link: 'webhook_url', ok: false, latency_ms: 40, reason: 'no_public_way_in' }

it('shows every link of the round that the local function runs, and ends with 0 when all are intact', async () => {
  server.answerWith(answering(200, { ok: true, latency_ms: 1_600, links: [intact] }))
  const { code, stdout } = await local().run(['probe'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/✓ +track +2 s/) })
  expect(server.requests.at(-1)?.method).toBe('POST')
})

it('names what is broken, and fails', async () => {
  server.answerWith(answering(200, { ok: false, latency_ms: 1_600, links: [intact, noWayIn] }))
  const { code, stdout, stderr } = await local().run(['probe'])
  expect(code).toBe(1)
  expect(stdout).toMatch(/✗ +webhook_url +40 ms +no_public_way_in/)
  expect(stderr).toMatch(/broken: webhook_url\n.*runbooks\/probe\.md/)
})

it('says where to look when the function answers something else', async () => {
  server.answerWith(answering(503, 'invalid configuration'))
  const { code, stderr } = await local().run(['probe'])
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('answered 503') })
})

const line = (atMs: number, event: string, payload: object) => ({
  timestamp: new Date(atMs).toISOString(),
  jsonPayload: { event, ...payload },
})

it('starts a round of a deployment by a message, and reads from the log what it found', async () => {
  const inAMinute = Date.now() + 60_000
  const entries = [
    line(inAMinute, 'probe', intact),
    line(inAMinute, 'probe', noWayIn),
    line(inAMinute, 'probe_round', { ok: false, latency_ms: 1_000, reason: 'webhook_url' }),
  ]
  server.answerWith(answering(200, { entries }))
  const { code, stdout, stderr } = await deployment().run(['probe'])
  const filter = server.requests.at(-1)?.body
  expect(filter).toMatchObject({ filter: expect.stringContaining('service_name="probe"') })
  expect(code).toBe(1)
  expect(stdout).toMatch(/✓ +track .*\n✗ +webhook_url/)
  expect(stderr).toContain('Done before that: a round was started.')
  expect(server.requests.at(-1)).toMatchObject({
    path: '/logging.googleapis.com/v2/entries:list',
    body: { resourceNames: ['projects/acme-prod'], filter: expect.stringContaining('"probe" OR "probe_round"') },
  })
})

it('waits no longer than it is told', async () => {
  server.answerWith(answering(200, {}))
  const { code, stderr } = await deployment().run(['probe', '--wait', '0.001'])
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('no round came to its end') })
})

describe('the first round in the log', () => {
  const end = { ok: true, latency_ms: 1_000 }

  it('is one that began after the start, with the links of its own', () => {
    const entries = [
      line(5_500, 'probe', noWayIn),
      line(5_500, 'probe_round', { ok: false, latency_ms: 1_000 }),
      line(9_000, 'probe', intact),
      line(9_000, 'probe_round', end),
    ]
    expect(firstRound({ entries }, 5_000)).toEqual({ ok: true, links: [expect.objectContaining(intact)] })
  })

  it('is none while it has not ended', () => {
    expect(firstRound({ entries: [line(9_000, 'probe', intact)] }, 5_000)).toBeUndefined()
    expect(firstRound({}, 5_000)).toBeUndefined()
  })
})
