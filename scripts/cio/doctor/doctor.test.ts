import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { type SecretManagerServer, startSecretManager } from '../../emulators/secretmanager/index.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { commandLine } from '../testing/command-line.ts'

// Each command is a process of its own, and a busy machine takes its time to start one.
jest.setTimeout(120_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-doctor-test')
let stack: Stack
let secretManager: SecretManagerServer
let google: Server
/** Questions that Monitoring and Logging were asked. */
let questions: { readonly url: string; readonly body: string }[]
let failed: readonly object[]

// No functions: what is published waits.
beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  stack = await startStack({ directory, ports, functions: [] })
  const secrets = Object.values(stack.topology.secrets).map(({ id }) => [
    `projects/local-project/secrets/${id}`,
    'unset',
  ])
  secretManager = await startSecretManager({ port: 0, secrets: Object.fromEntries(secrets) })
  google = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      questions.push({ url: request.url ?? '', body })
      response.end(JSON.stringify(answerOf(request.url ?? '', body)))
    })
  }).listen(0)
  await once(google, 'listening')
})
afterAll(() => Promise.all([stack?.close(), secretManager?.close(), new Promise((resolve) => google?.close(resolve))]))
beforeEach(() => {
  questions = []
  failed = []
})

function answerOf(url: string, body: string): object {
  if (url.startsWith('/logging.googleapis.com/v2/entries:list'))
    return { entries: body.includes('status>=300') ? failed : [] }
  const value = url.includes('num_undelivered_messages') ? '12' : '2400'
  const resource = { labels: { subscription_id: 'track' } }
  return { timeSeries: [{ resource, points: [{ value: { int64Value: value } }, { value: { int64Value: '1' } }] }] }
}

const local = () => commandLine(['--endpoints', join(directory, 'endpoints.json')])

/** A deployment, whose servers are those of the local stack. */
function deployment() {
  const address = google.address()
  const port = typeof address === 'object' ? address?.port : 0
  const { endpoints } = stack
  return commandLine(['--project', endpoints.projectId, '--region', 'us'], {
    PUBSUB_EMULATOR_HOST: endpoints.PUBSUB_EMULATOR_HOST,
    FIRESTORE_EMULATOR_HOST: endpoints.FIRESTORE_EMULATOR_HOST,
    BIGQUERY_EMULATOR_HOST: endpoints.BIGQUERY_EMULATOR_HOST,
    CUSTOMERIO_TRACK_URL: endpoints.CUSTOMERIO_TRACK_URL,
    CUSTOMERIO_APP_URL: endpoints.CUSTOMERIO_APP_URL,
    CUSTOMERIO_APP_API_KEY: 'local-app-api-key',
    SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
    GOOGLE_APIS_EMULATOR_HOST: `127.0.0.1:${port}`,
    CIO_STATE_DIR: join(directory, 'state'),
  })
}

it('shows what waits, and since when', async () => {
  await stack.client.topic('identify').publishMessage({ data: Buffer.from('{"identifiers":{"id":"ada"}}') })
  const { stdout } = await local().run(['doctor', '--no-synthetic'])
  expect(stdout).toMatch(/✓ backlog +identify: 1 message waiting, the oldest for \d+ s/)
})

it('in a deployment reads the backlog from Monitoring, and real webhooks from the request log', async () => {
  const at = (secondsAgo: number) => new Date(Date.now() - secondsAgo * 1_000).toISOString()
  failed = [
    // 127.0.0.1 is what the local Customer.io names as its own.
    { timestamp: at(300), httpRequest: { status: 401, remoteIp: '127.0.0.1' } },
    { timestamp: at(1), httpRequest: { status: 401, remoteIp: '203.0.113.9' } },
  ]
  const { stdout, code } = await deployment().run(['doctor', '--no-synthetic'])
  expect(code).toBe(1)
  expect(stdout).toMatch(/! backlog +track: 12 messages waiting, the oldest for 40 min/)
  expect(stdout).toMatch(/✗ real webhooks +Customer.io was answered 401 1 time, last 5 min ago/)
  expect(stdout).toMatch(/✓ real webhooks +1 request from other addresses/)
  expect(questions.find(({ url }) => url.startsWith('/logging'))?.body).toContain('run.googleapis.com%2Frequests')
})

describe('while Customer.io is down', () => {
  const down = () => {
    const endpoints = {
      ...stack.endpoints,
      CUSTOMERIO_TRACK_URL: 'http://127.0.0.1:9',
      CUSTOMERIO_APP_URL: 'http://127.0.0.1:9',
    }
    writeFileSync(join(directory, 'down.json'), JSON.stringify(endpoints))
    return commandLine(['--endpoints', join(directory, 'down.json')])
  }

  it.each([
    [['secrets', 'check']],
    [['doctor', '--no-synthetic']],
    [['webhooks', 'list']],
    [['access', '--id', 'ada']],
  ])('%j says unreachable, and blames no secret', async (args) => {
    const { code, output } = await down().run(args)
    expect(code).toBe(1)
    expect(output).toContain('Customer.io is unreachable')
    expect(output).not.toMatch(/rejects|need attention|Try `secrets check`|not right/)
  })
})
