import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { type SecretManagerServer, startSecretManager } from '../../emulators/secretmanager/index.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { commandLine } from '../testing/command-line.ts'

// A busy machine takes its time.
jest.setTimeout(120_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-doctor-test')
let stack: Stack
let secretManager: SecretManagerServer
let google: Server
/** Requests to the webhook function: those of Customer.io, and all. */
let webhooks: { readonly theirs: readonly object[]; readonly all: readonly object[] }

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
    request.resume().on('end', () => response.end(JSON.stringify(answerOf(request.url ?? ''))))
  }).listen(0)
  await once(google, 'listening')
})
afterAll(() => Promise.all([stack?.close(), secretManager?.close(), new Promise((resolve) => google?.close(resolve))]))
beforeEach(() => {
  webhooks = { theirs: [], all: [] }
})

function answerOf(url: string): object {
  const [path, query] = url.split('?')
  const filter = new URLSearchParams(query).get('filter') ?? ''
  // The local Customer.io sends from 127.0.0.1 and ::1.
  if (path?.includes('/metrics/')) return { filter: 'httpRequest.remoteIp=("127.0.0.1")' }
  if (filter.includes('webhook_requests_of_customerio"')) return { timeSeries: webhooks.theirs }
  if (filter.includes('webhook_requests"')) return { timeSeries: webhooks.all }
  const value = filter.includes('num_undelivered_messages') ? '12' : '2400'
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

it('names a pause, and how to end it', async () => {
  await local().run(['pause', 'track', '--lane', 'urgent', '--why', 'Wrong prices!'])
  const { stdout } = await local().run(['doctor', '--no-synthetic'])
  await local().run(['resume', 'track'])
  expect(stdout).toMatch(/! subscriptions +track: paused by .*: Wrong prices!\n +npx cio-gcp resume track --endpoints /)
  expect(stdout).not.toContain('it has no push endpoint')
})

it('names a cancellation, and how to lift it', async () => {
  await local().run(['cancel', '--where', 'person=id:ada', '--why', 'Wrong prices!', '--yes'])
  const { stdout } = await local().run(['doctor', '--no-synthetic'])
  const [, id = ''] =
    /! cancellations +person=id:…, .*: Wrong prices!\n +npx cio-gcp cancellations lift (c-\d+) --endpoints /.exec(
      stdout,
    ) ?? []
  expect((await local().run(['cancellations', 'lift', id])).code).toBe(0)
  expect((await local().run(['doctor', '--no-synthetic'])).stdout).toMatch(/✓ cancellations +none in force/)
})

it('in a deployment reads the backlog and real webhooks from Monitoring, and the addresses from the metric', async () => {
  const series = (http_status: string, secondsAgo: number, int64Value: string) => {
    const endTime = new Date(Date.now() - secondsAgo * 1_000).toISOString()
    return { metric: { labels: { http_status } }, points: [{ interval: { endTime }, value: { int64Value } }] }
  }
  webhooks = { theirs: [series('401', 300, '1')], all: [series('401', 300, '1'), series('401', 1, '7')] }
  const { stdout, code } = await deployment().run(['doctor', '--no-synthetic'])
  expect(code).toBe(1)
  expect(stdout).toMatch(/! backlog +track: 12 messages waiting, the oldest for 40 min/)
  expect(stdout).toMatch(/✗ real webhooks +Customer.io was answered 401 1 time, last 5 min ago/)
  expect(stdout).toMatch(/✓ real webhooks +7 requests from other addresses/)
  expect(stdout).toMatch(/! real webhooks +Customer.io sends from ::1 too/)
})

it.each([
  [
    403,
    /✗ webhook +a wrong signature got answer 403 instead of 401\n +.*gcloud run services update webhook --no-invoker-iam-check/,
  ],
  [429, /✗ webhook +a wrong signature got answer 429 instead of 401\n +Raise min_instances/],
])('says what to do when Google answers %d before the function', async (status, words) => {
  const closed = createServer((_, response) => response.writeHead(status).end()).listen(0)
  await once(closed, 'listening')
  const address = closed.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
  try {
    const { stdout, code } = await deployment().run(['doctor', '--webhook-url', url])
    expect(code).toBe(1)
    expect(stdout).toMatch(words)
  } finally {
    closed.close()
  }
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
