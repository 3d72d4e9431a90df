import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import { createAppApi, createWayBack, createWayOut } from '../../functions/probe/compose.ts'
import type { LinkResult } from '../../functions/probe/link.ts'
import { probeWayBack } from '../../functions/probe/way-back.ts'
import { probeWayOut } from '../../functions/probe/way-out.ts'
import { systemClock } from '../../shared/clock/index.ts'
import { manualClock } from '../../shared/clock/testing/manual-clock.ts'
import { parseProbeConfig } from '../../shared/config/index.ts'
import { endpointsOf } from '../../shared/google-api/index.ts'
import { createLog } from '../../shared/logging/index.ts'
import { NAME_LISTS } from '../../shared/names/index.ts'
import { caughtUp } from '../../shared/runtime/index.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { LOCAL_CREDENTIALS, type Stack, startStack } from './stack.ts'

/**
 * The probe's own code on the local stack, of which each link is broken in turn. It looks for what it sent once the links
 * that are intact have delivered it, so the minute in which it looks for the rest can be virtual time.
 */

const ALL = [
  'topic_identify',
  'topic_track',
  'identify',
  'track',
  'app_api',
  'webhook_url',
  'webhook',
  'warehouse',
  'bigquery',
]
/** The local Customer.io has one campaign and one broadcast. */
const PARENTS_WITH_ACTIONS = 2
type Delivered = 'identify' | 'track' | 'warehouse'

let stack: Stack
let env: Record<string, string>
const acknowledged = new Set<string>()
let rounds = 0

beforeAll(async () => {
  process.env.METADATA_SERVER_DETECTION = 'none'
  stack = await startStack({
    ports: { all: 0 },
    directory: join(PROJECT_ROOT, '.local/probe-test'),
    announce: false,
    functions: ['identify', 'track', 'webhook', 'warehouse', 'probe'],
    pubsub: { backoffScale: 0.01 },
  })
  const { endpoints } = stack
  process.env.PUBSUB_EMULATOR_HOST = endpoints.PUBSUB_EMULATOR_HOST
  process.env.BIGQUERY_EMULATOR_HOST = endpoints.BIGQUERY_EMULATOR_HOST
  env = {
    GOOGLE_CLOUD_PROJECT: endpoints.projectId,
    ACK_DEADLINE_SECONDS: '120',
    CUSTOMERIO_REGION: 'us',
    CUSTOMERIO_APP_URL: endpoints.CUSTOMERIO_APP_URL,
    CUSTOMERIO_APP_API_KEY: LOCAL_CREDENTIALS.CUSTOMERIO_APP_API_KEY,
    CUSTOMERIO_WEBHOOK_SIGNING_KEYS: LOCAL_CREDENTIALS.CUSTOMERIO_WEBHOOK_SIGNING_KEYS,
    CUSTOMERIO_LOOK_UPS_PER_SECOND: '100',
    PROBE_WEBHOOK_URL: endpoints.functions.webhook ?? '',
    BIGQUERY_DATASET: stack.topology.bigquery.dataset,
  }
  stack.pubsub.events.on('acknowledged', ({ messageId }) => acknowledged.add(messageId))
}, 60_000)
afterAll(async () => {
  delete process.env.PUBSUB_EMULATOR_HOST
  delete process.env.BIGQUERY_EMULATOR_HOST
  await stack.close()
})
afterEach(() => stack.customerio.orders.clear())

const outstanding = (name: string) =>
  stack.pubsub.stats(`projects/${stack.endpoints.projectId}/subscriptions/${name}`).outstanding

/** Waits until it holds, and looks whenever Pub/Sub has come further. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await once(stack.pubsub.events, 'acknowledged')
    // The event comes before what follows from it.
    await setImmediate()
  }
}

/** One round. `delivers` names the subscriptions whose function works. */
async function round(
  delivers: readonly Delivered[] = ['identify', 'track', 'warehouse'],
  changes: Readonly<Record<string, string>> = {},
): Promise<readonly LinkResult[]> {
  const config = parseProbeConfig({ ...env, ...changes })
  const log = createLog({ clock: systemClock, functionName: 'probe', destination: { write: () => {} } })
  const parts = {
    log,
    clock: systemClock,
    random: Math.random,
    caughtUp,
    timeLeftMs: () => Number.POSITIVE_INFINITY,
    endpoints: endpointsOf({}),
    fetch,
  }
  const [out, back] = [createWayOut(config, parts, createAppApi(config, parts)), createWayBack(config, parts)]
  const clock = manualClock(Date.now())
  const sent = { id: `round ${++rounds}`, startedAt: Math.floor(clock.now() / 1_000) }
  const publish = (name: 'identify' | 'track') => async () => {
    const messageId = String(await out.publish[name](sent))
    if (delivers.includes(name)) await until(() => acknowledged.has(messageId))
  }
  const post: typeof back.post = async (webhook) => {
    const status = await back.post(webhook)
    if (status === 204 && delivers.includes('warehouse')) await until(() => outstanding('warehouse') === 0)
    return status
  }
  let done = false
  const running = Promise.all([
    probeWayOut(sent, { ...out, publish: { identify: publish('identify'), track: publish('track') }, clock }),
    probeWayBack(sent, { ...back, post, clock }),
  ]).finally(() => {
    done = true
  })
  while (!done) {
    await delay(10)
    clock.advance(1_000)
  }
  return (await running).flat()
}

const broken = (results: readonly LinkResult[]) =>
  Object.fromEntries(results.flatMap((result) => (result.ok ? [] : [[result.link, result.reason]])))
const intact = (results: readonly LinkResult[]) => results.flatMap(({ link, ok }) => (ok ? [link] : [])).toSorted()

it('finds every link intact', async () => {
  const results = await round()
  expect(broken(results)).toEqual({})
  expect(intact(results)).toEqual(ALL.toSorted())
})

it('runs a round for a message of its topic', async () => {
  const messageId = await stack.client.topic('probe').publishMessage({ data: Buffer.from('start a round') })
  await until(() => acknowledged.has(messageId))
  const response = await fetch(stack.endpoints.functions.probe ?? '', { method: 'POST' })
  expect(await response.json()).toMatchObject({
    ok: true,
    links: expect.arrayContaining([expect.objectContaining({ link: 'track' })]),
  })
})

it('fetches names for the messages of its topic that ask for it, as many as it takes', async () => {
  // A message is acknowledged when its time is over, whatever it could fetch by then.
  const lists = "SELECT COUNT(DISTINCT id) AS ended FROM `customerio.names` WHERE kind = 'list' AND name = ''"
  for (let ended = 0; ended < NAME_LISTS.length + PARENTS_WITH_ACTIONS; ) {
    const messageId = await stack.client.topic('probe').publishMessage({ attributes: { task: 'names' } })
    await until(() => acknowledged.has(messageId))
    const [rows] = await stack.warehouse.query(lists)
    ended = Number(rows[0]?.ended)
  }
  const [rows] = await stack.warehouse.query(
    "SELECT kind, COUNT(*) AS names FROM `customerio.names` WHERE kind != 'list' GROUP BY kind ORDER BY kind",
  )
  expect(rows).toEqual([
    { kind: 'action', names: 2 },
    { kind: 'broadcast', names: 1 },
    { kind: 'campaign', names: 1 },
    { kind: 'newsletter', names: 2 },
    { kind: 'topic', names: 2 },
    { kind: 'transactional', names: 1 },
  ])
})

it.each(['identify', 'track', 'warehouse'] as const)('names %s when that function is down', async (name) => {
  await stack.functions[name]?.stop('SIGKILL')
  const others = (['identify', 'track', 'warehouse'] as const).filter((other) => other !== name)
  expect(broken(await round(others))).toEqual({ [name]: 'not_seen' })
  await stack.functions[name]?.start()
  await until(() => outstanding(name) === 0)
})

it('names both ways to Customer.io when its Track API is down, and both together', async () => {
  stack.customerio.orders.add({ on: 'batch', fault: { do: 'answer', status: 503 } })
  expect(broken(await round(['warehouse']))).toEqual({ identify: 'not_seen', track: 'not_seen' })
  stack.customerio.orders.clear()
  await until(() => outstanding('identify') + outstanding('track') === 0)
})

it.each([
  [401, 'http_401'],
  [503, 'http_503'],
])('names the App API when it answers %i', async (status, reason) => {
  stack.customerio.orders.add({ on: 'lookup', fault: { do: 'answer', status } })
  expect(broken(await round())).toEqual({ app_api: reason })
})

it.each([
  [403, 'no_public_way_in'],
  [429, 'no_instance'],
])('names the address of the webhook when the platform answers %i', async (status, reason) => {
  const platform = createServer((_request, response) => response.writeHead(status).end())
  platform.listen(0, '127.0.0.1')
  await once(platform, 'listening')
  const address = platform.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = `http://127.0.0.1:${address.port}/`
  expect(broken(await round(['identify', 'track'], { PROBE_WEBHOOK_URL: url }))).toEqual({ webhook_url: reason })
  platform.closeAllConnections()
  platform.close()
  expect(broken(await round(['identify', 'track'], { PROBE_WEBHOOK_URL: url }))).toEqual({
    webhook_url: 'econnrefused',
  })
})

it('names the webhook function when it refuses the signature', async () => {
  const results = await round(['identify', 'track'], { CUSTOMERIO_WEBHOOK_SIGNING_KEYS: 'another key' })
  expect(broken(results)).toEqual({ webhook: 'signature_refused' })
})

it('names BigQuery when its query fails', async () => {
  expect(broken(await round(undefined, { BIGQUERY_DATASET: 'another' }))).toEqual({ bigquery: 'http_404' })
})

it('names a topic that is gone', async () => {
  // At the end: a topic that is made again is another one, to which nobody subscribes.
  await stack.client.topic('track').delete()
  expect(broken(await round(['identify', 'warehouse']))).toEqual({ topic_track: 'not_found' })
  await stack.client.topic('identify').delete()
  expect(broken(await round(['warehouse']))).toEqual({ topic_identify: 'not_found', topic_track: 'not_found' })
})
