import { once } from 'node:events'
import { PubSub } from '@google-cloud/pubsub'
import { createDataset } from '../../functions/warehouse/dataset.ts'
import { createWarehouseHandler } from '../../functions/warehouse/handler.ts'
import { webhookFunction } from '../../functions/webhook/compose.ts'
import { serve } from '../../functions/webhook/testing.ts'
import { systemClock } from '../../shared/clock/index.ts'
import { createTopic } from '../../shared/delivery/index.ts'
import { endpointsOf } from '../../shared/google-api/index.ts'
import { createLog } from '../../shared/logging/index.ts'
import { caughtUp, createFunction } from '../../shared/runtime/index.ts'
import type { Misbehaviour } from '../emulators/bigquery/misbehaviour.ts'
import { webhookSamples } from '../emulators/customerio/samples/index.ts'
import { type WebhookAttempt, WebhookSender } from '../emulators/customerio/webhooks.ts'
import { type PubSubServer, startPubSub } from '../emulators/pubsub/index.ts'
import { hostOfTest } from '../testing/host.ts'
import { startTestWarehouse, type TestWarehouse, WAREHOUSE_BATCH } from '../testing/warehouse.ts'
import { readTopology } from '../topology/topology.ts'
import { createTopology } from './create-topology.ts'

/** All the way from Customer.io to BigQuery, while one of the two services between them fails. */

const PROJECT = 'local-project'
const SUBSCRIPTION = `projects/${PROJECT}/subscriptions/warehouse`
const KEY = 'key'
const WEBHOOKS = 12
const PUBSUB = { backoffScale: 0.005 } // the first retry of a push after 5 ms
const destination = { write: () => {} }
const samples = webhookSamples()
const closing: (() => unknown)[] = []
let pubsub: PubSubServer
let client: PubSub
let warehouse: TestWarehouse
let sender: WebhookSender
let attempts: WebhookAttempt[] = []
let sequence = 0

beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: Date.now })
  pubsub = await startPubSub({ port: 0, ...PUBSUB })
  process.env.PUBSUB_EMULATOR_HOST = pubsub.host
  const webhook = await serve(
    createFunction(
      webhookFunction(() => {}),
      {
        ...hostOfTest({
          GOOGLE_CLOUD_PROJECT: PROJECT,
          WEBHOOK_EVENTS_TOPIC: 'webhook-events',
          CUSTOMERIO_WEBHOOK_SIGNING_KEYS: KEY,
          PUBSUB_EMULATOR_HOST: pubsub.host,
        }),
        output: destination,
      },
    ),
  )
  const inserting = await serve(
    createWarehouseHandler({
      config: {
        bodyMemoryBytes: 1e9,
        ackDeadlineMs: 60_000,
        insertTimeoutMs: 9_000,
        batch: WAREHOUSE_BATCH,
        deadLetter: { topic: 'warehouse-dead-letter', maxDeliveryAttempts: 100 },
      },
      dataset: createDataset(PROJECT, 'customerio'),
      deadLetters: createTopic({
        endpoint: endpointsOf({ PUBSUB_EMULATOR_HOST: pubsub.host }).pubsub,
        projectId: PROJECT,
        topic: 'warehouse-dead-letter',
        clock: systemClock,
        random: Math.random,
      }),
      log: createLog({ clock: systemClock, functionName: 'warehouse', destination }),
      clock: systemClock,
      caughtUp,
    }),
  )
  client = new PubSub({ projectId: PROJECT })
  const nobody = 'http://127.0.0.1:1'
  const pushBaseUrls = { identify: nobody, track: nobody, transactional: nobody, probe: nobody }
  await createTopology({
    topology: readTopology(),
    pubsub: client,
    pushBaseUrls: { ...pushBaseUrls, warehouse: `http://127.0.0.1:${inserting.port}` },
  })
  sender = new WebhookSender({
    url: `http://127.0.0.1:${webhook.port}/`,
    signingKey: KEY,
    now: Date.now,
    timeScale: 0.001,
    concurrency: 4,
  })
  sender.events.on('attempt', (attempt) => attempts.push(attempt))
  closing.push(() => sender.close(), webhook.close, inserting.close)
}, 30_000)

afterAll(async () => {
  for (const close of closing) await close()
  await client.close()
  await pubsub.close()
  await warehouse.close()
  delete process.env.PUBSUB_EMULATOR_HOST
})

beforeEach(async () => {
  attempts = []
  await warehouse.clear()
})

/** Has Customer.io send webhooks that were never sent before, and gives their event ids in order. */
function sendWebhooks(): string[] {
  const at = Math.floor(Date.now() / 1000)
  return samples.slice(0, WEBHOOKS).map(({ event }) => {
    const event_id = `event-${String(++sequence).padStart(4, '0')}`
    sender.send({ ...event, event_id, timestamp: at })
    return event_id
  })
}

/** Resolves when Pub/Sub has nothing left to push. */
async function landed(): Promise<void> {
  while (pubsub.stats(SUBSCRIPTION).outstanding > 0) await once(pubsub.events, 'acknowledged')
}

async function idsIn(table: string): Promise<unknown[]> {
  const rows = await warehouse.query(`SELECT event_id FROM customerio.${table} ORDER BY event_id`)
  return rows.map(({ event_id }) => event_id)
}

const isRefused = (_table: string, row: unknown): boolean =>
  JSON.stringify(row).includes(`event-${String(sequence).padStart(4, '0')}`)

describe('while BigQuery', () => {
  it.each<[string, Misbehaviour]>([
    ['is down', { kind: 'down' }],
    ['is over quota', { kind: 'down', httpStatus: 403, reason: 'quotaExceeded' }],
    ['is not ours to write to', { kind: 'down', httpStatus: 403, reason: 'accessDenied' }],
    ['cannot be reached', { kind: 'unreachable' }],
    ['loses its answers', { kind: 'answerLost' }],
    ['refuses every row', { kind: 'refuseAll' }],
  ])('%s, webhooks are answered 204 as ever, and all of them land once when it is back', async (_name, order) => {
    warehouse.server.misbehave(order)
    const ids = sendWebhooks()
    await sender.idle()
    expect(attempts.map(({ attempt, status }) => [attempt, status])).toEqual(Array(WEBHOOKS).fill([1, 204]))
    // Long enough to be pushed again and refused again.
    for (let refusals = 0; refusals < 2 * WEBHOOKS; refusals++) {
      const [{ status }] = await once(pubsub.events, 'delivered')
      expect(status).toBe(503)
    }
    warehouse.server.misbehave()
    await landed()
    expect(await idsIn('webhook_events')).toEqual(ids)
    expect(pubsub.stats(`projects/${PROJECT}/subscriptions/warehouse-dead-letter`).outstanding).toBe(0)
  })

  it('is slow, webhooks are answered 204 before a single row is stored', async () => {
    const released = Promise.withResolvers<void>()
    warehouse.server.misbehave({ kind: 'held', until: released.promise })
    const ids = sendWebhooks()
    await sender.idle()
    expect(attempts.map(({ attempt, status }) => [attempt, status])).toEqual(Array(WEBHOOKS).fill([1, 204]))
    expect(pubsub.stats(SUBSCRIPTION).outstanding).toBe(WEBHOOKS)
    released.resolve()
    warehouse.server.misbehave()
    await landed()
    expect(await idsIn('webhook_events')).toEqual(ids)
  })

  it('refuses rows of one event, that one goes to the quarantine and its neighbours land', async () => {
    warehouse.server.misbehave({
      kind: 'refuseRows',
      matches: (table, row) => table !== 'webhook_quarantine' && isRefused(table, row),
    })
    const ids = sendWebhooks()
    await sender.idle()
    await landed()
    warehouse.server.misbehave()
    expect(attempts.map(({ attempt, status }) => [attempt, status])).toEqual(Array(WEBHOOKS).fill([1, 204]))
    expect(await idsIn('webhook_events')).toEqual(ids.slice(0, -1))
    expect(await idsIn('webhook_quarantine')).toEqual(ids.slice(-1))
  })
})

it('while Pub/Sub is down, webhooks are answered 503, and the retries of Customer.io land all of them', async () => {
  const { port } = pubsub
  await pubsub.close()
  const ids = sendWebhooks()
  const [failed] = await once(sender.events, 'attempt')
  expect(failed.status).toBe(503)
  pubsub = await startPubSub({ port, ...PUBSUB, restore: pubsub.snapshot() })
  await sender.idle()
  await landed()
  expect(new Set(attempts.map(({ status }) => status))).toEqual(new Set([503, 204]))
  expect(sender.state.gaveUp).toBe(0)
  expect(new Set(await idsIn('webhook_events'))).toEqual(new Set(ids))
  // What was published although it was answered 503 came again: a table may show it twice, no view does.
  const views = Object.keys(readTopology().bigquery.views).filter((view) => view.endsWith('_events'))
  const shown = await Promise.all(views.map(idsIn))
  for (const of of shown) expect(of).toEqual([...new Set(of)])
  expect(new Set(shown.flat())).toEqual(new Set(ids))
}, 30_000)
