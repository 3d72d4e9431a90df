import { setTimeout as delay } from 'node:timers/promises'
import { PubSub } from '@google-cloud/pubsub'
import type { CustomerIoServer } from '../scripts/emulators/customerio/index.ts'
import { type FirestoreServer, startFirestore } from '../scripts/emulators/firestore/index.ts'
import { type PubSubServer, startPubSub } from '../scripts/emulators/pubsub/index.ts'
import { startTestCustomerIo } from '../scripts/testing/customerio.ts'
import { type PushOverrides, registerFunction, serveFunction } from '../scripts/testing/push.ts'

/** The three functions that lead to Customer.io, as they are registered, against local servers on real ports. */

const PROJECT = 'local-project'
const NAMES = ['identify', 'track', 'transactional'] as const
let customerio: CustomerIoServer
let firestore: FirestoreServer
let pubsub: PubSubServer
let client: PubSub
const served = new Map<string, Awaited<ReturnType<typeof serveFunction>>>()

function serve(name: (typeof NAMES)[number]) {
  const fn = served.get(name)
  if (fn === undefined) throw new Error(`${name} is not served`)
  return fn
}

beforeAll(async () => {
  ;[customerio, firestore, pubsub] = await Promise.all([
    startTestCustomerIo(),
    startFirestore({ port: 0 }),
    startPubSub({ port: 0 }),
  ])
  client = new PubSub({ projectId: PROJECT, apiEndpoint: pubsub.host, emulatorMode: true })
  Object.assign(process.env, {
    GOOGLE_CLOUD_PROJECT: PROJECT,
    LOG_LEVEL: 'ERROR',
    MAX_DELIVERY_ATTEMPTS: '100',
    ACK_DEADLINE_SECONDS: '60',
    CUSTOMERIO_REGION: 'us',
    CUSTOMERIO_TRACK_URL: customerio.trackUrl,
    CUSTOMERIO_APP_URL: customerio.appUrl,
    CUSTOMERIO_SITE_ID: 'site',
    CUSTOMERIO_TRACK_API_KEY: 'track-key',
    CUSTOMERIO_APP_API_KEY: 'app-key',
    CUSTOMERIO_REQUESTS_PER_SECOND: '1000',
    CUSTOMERIO_REQUEST_TIMEOUT_MS: '1000',
    SEND_LEDGER_DATABASE: 'send-ledger',
    PERSON_HASH_KEYS: 'a key of thirty-two characters..',
    RECIPIENTS: 'anyone',
    SEND_LEDGER_SETTLE_SECONDS: '0',
    PUBSUB_EMULATOR_HOST: pubsub.host,
    FIRESTORE_EMULATOR_HOST: firestore.host,
  })
  for (const name of NAMES) {
    process.env.DEAD_LETTER_TOPIC = `${name}-dead-letter`
    process.env.BULK_LANE_TOPIC = name
    await client.createTopic(`${name}-dead-letter`)
    await registerFunction(name)
    served.set(name, await serveFunction(name))
  }
}, 60_000)
afterAll(async () => {
  await Promise.all([...served.values()].map((fn) => fn.close()))
  await client.close()
  await Promise.all([customerio.close(), firestore.close(), pubsub.close()])
})
beforeEach(async () => {
  customerio.orders.clear()
  await fetch(`${customerio.url}/_local/state`, { method: 'DELETE' })
})

let looks = 0
async function deadLetters(name: string) {
  const topic = client.topic(`${name}-dead-letter`)
  const [subscription] = await topic.createSubscription(`look-${name}-${++looks}`)
  return {
    /** The next message on the dead-letter topic. */
    next: () =>
      new Promise<{ attributes: Record<string, string>; text: string; orderingKey: string | undefined }>((resolve) => {
        subscription.once('message', (message) => {
          message.ack()
          resolve({ attributes: message.attributes, text: message.data.toString(), orderingKey: message.orderingKey })
        })
      }),
    close: () => subscription.close(),
  }
}

/** As Pub/Sub does: again and again until it is acknowledged. */
async function pushUntilAcknowledged(body: object, overrides: PushOverrides = {}): Promise<number> {
  for (let deliveryAttempt = 1; deliveryAttempt < 50; deliveryAttempt++) {
    const status = await serve('transactional').push(body, { ...overrides, deliveryAttempt })
    if (status === 204) return deliveryAttempt
    await delay(100)
  }
  throw new Error('not acknowledged')
}

const sms = { channel: 'sms', transactional_message_id: 5, to: '+15550100', identifiers: { id: 'u1' } }

it('identify: gives a person the time of the publish, so that a late redelivery overwrites nothing newer', async () => {
  const { push } = serve('identify')
  expect(await push({ identifiers: { id: 'u1' }, attributes: { plan: 'pro' } })).toBe(204)
  expect(await push({ identifiers: { id: 'u1' }, attributes: { plan: 'old' }, timestamp: 1_000_000_000 })).toBe(204)
  const [first, second] = customerio.inbox.of('identify')
  expect(first?.body).toMatchObject({ timestamp: Date.parse('2026-11-21T10:00:00Z') / 1_000 })
  expect(second?.body).toMatchObject({ timestamp: 1_000_000_000 })
  expect(customerio.workspace.people.find({ kind: 'id', value: 'u1' })?.attributes.toObject()).toMatchObject({
    plan: 'pro',
  })
})

it('track: the same key gives the same event id, however often it is published, delivered or replayed', async () => {
  const { push } = serve('track')
  const event = { identifiers: { id: 'u1' }, name: 'order_completed' }
  await push(event, { attributes: { idempotency_key: 'order-1' } })
  await push(event, { attributes: { idempotency_key: 'order-1' } })
  await push(event, { messageId: '17' })
  await push(event, { messageId: '99', attributes: { source_message_id: '17' } })
  const ids = customerio.inbox.of('event').map(({ body }) => (body as { id: string }).id)
  expect(new Set(ids).size).toBe(2)
  expect(ids[0]).toBe(ids[1])
  expect(ids[2]).toBe(ids[3])
  expect(customerio.workspace.events.all()).toHaveLength(2)
})

it.each(['identify', 'track'] as const)('%s: refuses megabytes unread, so that they hold nobody up', async (name) => {
  const letters = await deadLetters(name)
  const next = letters.next()
  expect(await serve(name).push('['.repeat(1_000_001))).toBe(204)
  expect((await next).attributes).toMatchObject({
    reason: 'contract',
    error: 'message: 1000001 bytes, at most 1000000',
  })
  await letters.close()
})

it('transactional: a second delivery of the same key sends nothing', async () => {
  const { push } = serve('transactional')
  expect(await push(sms, { messageId: 'twice-1' })).toBe(204)
  expect(await push(sms, { messageId: 'twice-1', deliveryAttempt: 2 })).toBe(204)
  expect(await push(sms, { attributes: { source_message_id: 'twice-1' } })).toBe(204)
  expect(customerio.workspace.sends).toHaveLength(1)
})

it('transactional: a send whose answer was lost is found at Customer.io and not repeated', async () => {
  customerio.orders.add({ on: 'send', count: 1, fault: { do: 'reset', processed: true } })
  expect(await pushUntilAcknowledged(sms, { messageId: 'lost-1' })).toBeGreaterThan(1)
  expect(customerio.workspace.sends).toHaveLength(1)
})

it('transactional: after an uncertain answer sends pause, and go on when one has gone alone', async () => {
  const received: string[] = []
  const listen = ({ kind }: { kind: string }) => received.push(kind)
  await pushUntilAcknowledged(sms, { messageId: 'before' })
  customerio.events.on('received', listen)
  customerio.orders.add({ fault: { do: 'answer', status: 502 } })
  const { push } = serve('transactional')
  expect(await push(sms, { messageId: 'cut' })).toBe(503)
  while (!received.includes('account')) {
    const others = Array.from({ length: 20 }, (_, index) => push(sms, { messageId: `during-${index}` }))
    expect(new Set(await Promise.all(others))).toEqual(new Set([503]))
  }
  expect(received.filter((kind) => kind === 'send')).toHaveLength(1)
  customerio.orders.clear()
  await pushUntilAcknowledged(sms, { messageId: 'after' })
  expect(received.filter((kind) => kind === 'send')).toHaveLength(2)
  expect(await push(sms, { messageId: 'the next' })).toBe(204)
  customerio.events.off('received', listen)
})

it('transactional: an uncertain send that Customer.io cannot be asked about waits for a person', async () => {
  await pushUntilAcknowledged(sms, { messageId: 'calm again' })
  const { push } = serve('transactional')
  const letters = await deadLetters('transactional')
  customerio.orders.add({ on: 'broadcast', count: 1, fault: { do: 'answer', status: 500 } })
  const next = letters.next()
  expect(await push({ channel: 'broadcast', broadcast_id: 7 })).toBe(204)
  expect((await next).attributes).toMatchObject({ reason: 'uncertain' })
  await letters.close()
})

it('transactional: the same key with other content is refused', async () => {
  const { push } = serve('transactional')
  const letters = await deadLetters('transactional')
  const attributes = { idempotency_key: 'welcome-u1' }
  await pushUntilAcknowledged(sms, { attributes })
  const next = letters.next()
  expect(await push({ ...sms, to: '+15550199' }, { attributes })).toBe(204)
  expect((await next).attributes).toMatchObject({ reason: 'content_changed', idempotency_key: 'welcome-u1' })
  expect(customerio.workspace.sends).toHaveLength(1)
  await letters.close()
})

it('what breaks the contract is on the dead-letter topic, with its bytes and ordering key', async () => {
  const { push } = serve('identify')
  const letters = await deadLetters('identify')
  const next = letters.next()
  expect(await push({ identifiers: { id: 'u1' }, attribute: {} }, { orderingKey: 'id:u1' })).toBe(204)
  expect(await next).toEqual({
    text: '{"identifiers":{"id":"u1"},"attribute":{}}',
    attributes: expect.objectContaining({ reason: 'contract', error: expect.stringContaining('attribute') }),
    orderingKey: 'id:u1',
  })
  await letters.close()
})

it('an empty idempotency_key is refused: it would make one message of all that carry it', async () => {
  const { push } = serve('track')
  const letters = await deadLetters('track')
  const next = letters.next()
  const event = { identifiers: { id: 'u1' }, name: 'e' }
  expect(await push(event, { attributes: { idempotency_key: '' } })).toBe(204)
  expect((await next).attributes).toMatchObject({
    reason: 'contract',
    error: expect.stringContaining('idempotency_key'),
  })
  await letters.close()
})

it('a dead letter whose topic does not exist is not acknowledged, and the next one goes through', async () => {
  const { push } = serve('identify')
  await client.topic('identify-dead-letter').delete()
  expect(await push('no JSON', { orderingKey: 'id:u1' })).toBe(503)
  await client.createTopic('identify-dead-letter')
  expect(await push('no JSON', { orderingKey: 'id:u1', deliveryAttempt: 2 })).toBe(204)
})
