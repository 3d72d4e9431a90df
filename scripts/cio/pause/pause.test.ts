import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { PubSub } from '@google-cloud/pubsub'
import { type CancelRule, textOf } from '../../../shared/cancel/index.ts'
import { type PubSubServer, startPubSub } from '../../emulators/pubsub/index.ts'
import { type PushEndpoint, startPushEndpoint } from '../../emulators/pubsub/testing/push-endpoint.ts'
import { createTopology } from '../../local/create-topology.ts'
import { pauseIn } from '../../topology/paused.ts'
import { PROJECT_ROOT, readTopology } from '../../topology/topology.ts'
import { IN_EFFECT_MS } from '../cancel/in-effect.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'
import { drainsInMs } from './backlog.ts'
import { meantSubscriptions } from './subscriptions.ts'

// A busy machine takes its time.
jest.setTimeout(60_000)

const topology = readTopology()
const directory = join(PROJECT_ROOT, '.local', 'cio-pause-test')
const identity = 'push@local-project.iam.gserviceaccount.com'
let server: PubSubServer
let pubsub: PubSub
let endpoint: PushEndpoint
let cio: CommandLine

beforeEach(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  server = await startPubSub({ port: 0 })
  endpoint = await startPushEndpoint(() => 204)
  pubsub = new PubSub({ projectId: 'local-project', apiEndpoint: server.host })
  const pushBaseUrls = Object.fromEntries(
    Object.keys(topology.functions).map((name) => [name, `${endpoint.url}${name}`]),
  )
  await createTopology({ topology, pubsub, pushBaseUrls, pushServiceAccountEmail: identity })
  const file = join(directory, 'endpoints.json')
  const nobody = 'http://127.0.0.1:9'
  const endpoints = {
    ...{ projectId: 'local-project', PUBSUB_EMULATOR_HOST: server.host, FIRESTORE_EMULATOR_HOST: '127.0.0.1:9' },
    ...{ BIGQUERY_EMULATOR_HOST: nobody, CUSTOMERIO_TRACK_URL: nobody, CUSTOMERIO_APP_URL: nobody },
    ...{ functions: {}, secrets: join(directory, 'secrets') },
  }
  writeFileSync(file, JSON.stringify(endpoints))
  cio = commandLine(['--endpoints', file])
})
afterEach(async () => {
  await pubsub.close()
  await Promise.all([server.close(), endpoint.close()])
})

const metadataOf = async (name: string) => (await pubsub.subscription(name).getMetadata())[0]
const publish = (text: string) => pubsub.topic('track').publishMessage({ data: Buffer.from(text) })
const stats = (name: string) => server.stats(`projects/local-project/subscriptions/${name}`)

it('nothing is pushed while it is paused, no attempt is spent, and resume delivers with the same identity', async () => {
  const before = await metadataOf('track')
  await pubsub.subscription('track').setMetadata({ labels: { team: 'growth' } })
  expect(await cio.run(['pause', 'track', '--why', 'Wrong prices!'])).toMatchObject({
    code: 0,
    stdout:
      'track: paused. Messages wait, for 7 d at most; what is being delivered now ends as usual\n' +
      'track-bulk: paused. Messages wait, for 7 d at most; what is being delivered now ends as usual\n',
    stderr: expect.stringContaining('to undo this: cio-gcp resume track --endpoints '),
  })
  await publish('waits')
  expect(await cio.json(['status', 'track'])).toMatchObject({
    subscriptions: [
      { subscription: 'track', state: 'paused', messages: 1, deliveredPerSecond: 0, paused: { why: 'Wrong prices!' } },
      { subscription: 'track-bulk', state: 'paused', messages: 0 },
    ],
  })
  expect(await endpoint.received(0)).toEqual([])
  expect(stats('track')).toMatchObject({ outstanding: 1, deliveries: 0 })
  expect((await metadataOf('identify')).pushConfig?.pushEndpoint).toBe(`${endpoint.url}identify`)

  const resumed = await cio.run(['resume', 'track'])
  expect(resumed.stdout).toMatch(/^track: resumed\. It was paused by \S+ since \S+ \(\d+ s\): Wrong prices!\n/)
  const [received] = await endpoint.received(1)
  expect(received).toMatchObject({ text: 'waits', deliveryAttempt: 1 })
  const after = await metadataOf('track')
  expect(after.pushConfig).toEqual(before.pushConfig)
  expect(after.pushConfig?.oidcToken?.serviceAccountEmail).toBe(identity)
  expect(after.labels).toEqual({ team: 'growth' })
})

it('one lane is paused alone, by its name or as a lane of its topic', async () => {
  await cio.run(['pause', 'track', '--lane', 'bulk', '--why', 'x'])
  await cio.run(['pause', 'identify-bulk', '--why', 'x'])
  const { subscriptions } = (await cio.json(['status'])) as { subscriptions: { subscription: string; state: string }[] }
  const paused = subscriptions.filter(({ state }) => state === 'paused').map(({ subscription }) => subscription)
  expect(paused).toEqual(['identify-bulk', 'track-bulk'])
})

it('a second pause keeps the first: its address would be lost', async () => {
  await cio.run(['pause', 'track', '--lane', 'urgent', '--why', 'first'])
  const again = await cio.run(['pause', 'track', '--why', 'second'])
  expect(again.stdout).toMatch(/track: was paused before, paused by \S+ since \S+ \(\d+ s\): first\n/)
  expect(pauseIn((await metadataOf('track')).labels)).toMatchObject({
    why: 'first',
    push: { pushEndpoint: `${endpoint.url}track` },
  })
  expect(pauseIn((await metadataOf('track-bulk')).labels)?.why).toBe('second')
})

it('resumes only when every function knows what was cancelled in these lanes', async () => {
  const beforeMs = Date.now() - IN_EFFECT_MS + 4_000
  const rule: CancelRule = {
    ...{ id: 'c-1', where: { topic: 'track' }, before: new Date(beforeMs).toISOString(), by: 'b', why: 'w' },
    until: new Date(beforeMs + 86_400_000).toISOString(),
  }
  mkdirSync(join(directory, 'secrets'))
  writeFileSync(join(directory, 'secrets', 'CANCELLATIONS'), textOf([rule]))
  await cio.run(['pause', 'track', '--why', 'x'])
  await cio.run(['pause', 'identify', '--why', 'x'])
  expect((await cio.run(['resume', 'identify'])).stderr).not.toContain('waiting')
  const resumed = await cio.run(['resume', 'track'])
  expect(Date.now()).toBeGreaterThanOrEqual(beforeMs + IN_EFFECT_MS)
  expect(resumed).toMatchObject({ code: 0, stdout: expect.stringContaining('track: resumed') })
  expect(resumed.stderr).toContain('until what was cancelled is known everywhere')
})

it('resumes where the cancellations cannot be read, and says so', async () => {
  mkdirSync(join(directory, 'secrets'))
  writeFileSync(join(directory, 'secrets', 'CANCELLATIONS'), 'no rules')
  await cio.run(['pause', 'track', '--why', 'x'])
  const resumed = await cio.run(['resume', 'track'])
  expect(resumed).toMatchObject({ code: 0, stdout: expect.stringContaining('track: resumed') })
  expect(resumed.stderr).toContain('warning: the cancellations cannot be read')
})

it('says beforehand what it would do, and does not do it', async () => {
  const planned = await cio.json(['pause', 'track', '--why', 'x', '--dry-run'])
  expect(planned).toMatchObject({ dryRun: true, paused: [{ subscription: 'track' }, { subscription: 'track-bulk' }] })
  expect((await metadataOf('track')).pushConfig?.pushEndpoint).toBe(`${endpoint.url}track`)
  await cio.run(['pause', 'track', '--why', 'x'])
  expect((await cio.run(['resume', 'track', '--dry-run'])).stdout).toContain('track: would be resumed')
  expect((await metadataOf('track')).pushConfig?.pushEndpoint ?? '').toBe('')
})

it('resumes nothing that is not paused, and refuses what has neither address nor pause', async () => {
  expect((await cio.run(['resume', 'track'])).stdout).toBe('track: is not paused\ntrack-bulk: is not paused\n')
  await pubsub.subscription('track').modifyPushConfig({})
  for (const args of [
    ['resume', 'track'],
    ['pause', 'track', '--why', 'x'],
  ]) {
    expect(await cio.run(args)).toMatchObject({ code: 1, stderr: expect.stringContaining('track has no push address') })
  }
})

it('in a deployment the rate and the time to drain are those of Monitoring', async () => {
  const google: Server = createServer((request, response) => {
    const filter = new URL(request.url ?? '', 'http://google').searchParams.get('filter') ?? ''
    const at = (secondsAgo: number, int64Value: string) => ({
      interval: { endTime: new Date(Date.now() - secondsAgo * 1_000).toISOString() },
      value: { int64Value },
    })
    const points = filter.includes('num_undelivered')
      ? [at(60, '1200'), at(660, '7200')]
      : filter.includes('push_request_count')
        ? [at(60, '3000'), at(120, '3000')]
        : [at(60, '5400')]
    response.end(JSON.stringify({ timeSeries: [{ resource: { labels: { subscription_id: 'track' } }, points }] }))
  }).listen(0)
  await once(google, 'listening')
  const address = google.address()
  const deployment = commandLine(['--project', 'local-project', '--region', 'us'], {
    PUBSUB_EMULATOR_HOST: server.host,
    GOOGLE_APIS_EMULATOR_HOST: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    CIO_STATE_DIR: join(directory, 'state'),
  })
  try {
    const { stdout } = await deployment.run(['status', 'track'])
    expect(stdout).toMatch(/^track +delivering +1,200 +1 h 30 min +10\.0\/s +2 min$/m)
    expect(stdout).toMatch(/^track-bulk +delivering +0/m)
  } finally {
    google.close()
  }
})

it('knows the subscriptions that a person means', () => {
  expect(() => meantSubscriptions(topology, 'trak')).toThrow('no push subscription trak')
  expect(() => meantSubscriptions(topology, 'track-dead-letter')).toThrow('no push subscription')
  expect(() => meantSubscriptions(topology, 'warehouse', 'bulk')).toThrow('warehouse has no lane bulk')
})

it('a backlog that does not shrink has no end', () => {
  expect(drainsInMs(100, 50, 10)).toBe(10_000)
  expect(drainsInMs(50, 50, 10)).toBeUndefined()
  expect(drainsInMs(50, 80, 10)).toBeUndefined()
})
