import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Message, PubSub, type Subscription } from '@google-cloud/pubsub'
import { type PubSubServer, startPubSub } from '../../scripts/emulators/pubsub/index.ts'
import { hostOfTest } from '../../scripts/testing/host.ts'
import { createFunction } from '../../shared/runtime/index.ts'
import { MAX_DATA_BYTES } from '../../shared/webhooks/index.ts'
import { webhookFunction } from './compose.ts'
import { send, serve, webhook } from './testing.ts'

const body = JSON.stringify({ event_id: '01', object_type: 'email', metric: 'bounced' })
const folder = mkdtempSync(join(tmpdir(), 'webhook-'))
const keyFile = join(folder, 'keys')
const closing: (() => unknown)[] = []
let pubsub: PubSubServer
let client: PubSub
let subscription: Subscription
/** Messages of the topic as they arrive, by their event_id. */
const arrivals = new EventEmitter<Record<string, [Message]>>()

beforeAll(async () => {
  pubsub = await startPubSub({ port: 0 })
  client = new PubSub({ projectId: 'p', apiEndpoint: `http://${pubsub.host}`, emulatorMode: true })
  await client.createTopic('webhook-events')
  ;[subscription] = await client.topic('webhook-events').createSubscription('all')
  subscription.on('message', (message: Message) => {
    message.ack()
    arrivals.emit(message.attributes.event_id ?? '', message)
  })
  // Ends when the server is closed under it, on purpose.
  subscription.on('error', () => {})
})

beforeEach(() => writeFileSync(keyFile, 'first\n'))

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

afterAll(async () => {
  rmSync(folder, { recursive: true })
  await subscription.close()
  await client.close()
  await pubsub.close()
})

async function start(env: NodeJS.ProcessEnv = {}, addListeners: Parameters<typeof webhookFunction>[0] = () => {}) {
  const lines: Record<string, unknown>[] = []
  const environment = {
    GOOGLE_CLOUD_PROJECT: 'p',
    PUBSUB_EMULATOR_HOST: pubsub.host,
    WEBHOOK_EVENTS_TOPIC: 'webhook-events',
    CUSTOMERIO_WEBHOOK_SIGNING_KEYS_FILE: keyFile,
    ...env,
  }
  const host = hostOfTest(environment, (line) => lines.push(JSON.parse(line)))
  const handler = createFunction(webhookFunction(addListeners), host)
  const server = await serve(handler)
  closing.push(server.close)
  const answer = async (key: string, text = body) => (await send(server.port, webhook(key, text))).status
  return { answer, lines }
}

it('publishes to the topic through the real client, byte for byte and with attributes', async () => {
  const { answer } = await start()
  const arrival = once(arrivals, '01')
  expect(await answer('first')).toBe(204)
  const [message] = await arrival
  expect(message.data.toString()).toBe(body)
  expect(message.attributes).toMatchObject({ object_type: 'email', metric: 'bounced', event_id: '01' })
})

it('lets a subscriber have just the events that its filter names', async () => {
  const topic = client.topic('webhook-events')
  const filter = 'attributes.object_type = "email" AND attributes.metric = "bounced"'
  const [bounces] = await topic.createSubscription('bounces', { filter })
  const heard: unknown[] = []
  bounces.on('message', (message: Message) => {
    message.ack()
    heard.push(message.attributes.event_id)
  })
  const { answer } = await start()
  for (const [id, metric] of Object.entries({ s: 'sent', b: 'bounced', o: 'opened', c: 'bounced' })) {
    await answer('first', JSON.stringify({ event_id: id, object_type: 'email', metric }))
  }
  while (heard.length < 2) await once(bounces, 'message')
  expect(heard.toSorted()).toEqual(['b', 'c'])
  await bounces.close()
})

it('publishes the largest body that fits into a message of Pub/Sub, and a larger one without its content', async () => {
  // Ten megabytes take their time on a busy machine.
  const { answer } = await start({ WEBHOOK_PUBLISH_TIMEOUT_MS: '3500' })
  const attributes = { object_type: 'o'.repeat(1_024), metric: 'm'.repeat(1_024) }
  const event = (id: string, content: string) =>
    JSON.stringify({ event_id: id.repeat(1_024), ...attributes, data: { content } })
  for (const [id, bytes, truncated] of [
    ['a', MAX_DATA_BYTES, undefined],
    ['b', MAX_DATA_BYTES + 1, 'data.content'],
  ] as const) {
    const arrival = once(arrivals, id.repeat(1_024))
    expect(await answer('first', event(id, 'x'.repeat(bytes - event(id, '').length)))).toBe(204)
    const [message] = await arrival
    expect(message.attributes.truncated).toBe(truncated)
  }
})

it('answers nothing but 204 while keys are rotated and webhooks arrive', async () => {
  const { answer } = await start()
  const answers: Promise<number>[] = []
  const arrive = (key: string) => {
    for (let i = 0; i < 20; i += 1) answers.push(answer(key))
  }
  arrive('first')
  await answers[0]
  writeFileSync(keyFile, 'second\nfirst\n')
  arrive('second')
  arrive('first')
  await Promise.all(answers)
  writeFileSync(keyFile, 'third\nsecond\n')
  arrive('third')
  arrive('second')
  expect(new Set(await Promise.all(answers))).toEqual(new Set([204]))
  expect(await answer('first')).toBe(401)
})

it('answers 503 while Pub/Sub is down, and the retry of Customer.io lands when it is back', async () => {
  await (await start()).answer('first')
  const { answer, lines } = await start({ WEBHOOK_PUBLISH_TIMEOUT_MS: '300' })
  const { port } = pubsub
  await pubsub.close()
  expect(await answer('first')).toBe(503)
  expect(lines).toMatchObject([{ severity: 'ERROR', reason: 'publish_failed', answer: 503 }])
  pubsub = await startPubSub({ port, restore: pubsub.snapshot() })
  // Customer.io backs off between its retries; the connection to Pub/Sub is tried again within two seconds.
  let status = 503
  for (let i = 0; i < 30 && status === 503; i += 1) status = await answer('first')
  expect(status).toBe(204)
})

it('logs a listener that fails by its name and kind, and answers 204', async () => {
  const { answer, lines } = await start({}, (webhooks) => {
    webhooks.on('email.bounced', () => {
      throw new TypeError('someone@example.com')
    })
    webhooks.on('email.*', () => Promise.reject('someone@example.com'))
  })
  expect(await answer('first')).toBe(204)
  const failed = { severity: 'WARNING', event: 'listener_failed', reason: 'error', event_id: '01' }
  expect(lines).toMatchObject([
    { ...failed, operation: 'email.bounced', error: 'TypeError' },
    { ...failed, operation: 'email.*' },
    { event: 'webhook', answer: 204 },
  ])
  expect(JSON.stringify(lines)).not.toContain('example.com')
})

it('answers 503 to everything when its configuration is invalid, and says what to set', async () => {
  const { answer, lines } = await start({ WEBHOOK_EVENTS_TOPIC: '', GOOGLE_CLOUD_PROJECT: '' })
  expect(await answer('first')).toBe(503)
  expect(lines).toMatchObject([
    { severity: 'ERROR', event: 'configuration_invalid' },
    { severity: 'ERROR', event: 'configuration_invalid', answer: 503 },
  ])
  expect(lines[0]?.message).toMatch(/GOOGLE_CLOUD_PROJECT is not set: .*WEBHOOK_EVENTS_TOPIC is not set/)
})

it('does not take an error of another kind for an invalid configuration', () => {
  const broken = () => {
    throw new RangeError('of the listeners')
  }
  const env = { GOOGLE_CLOUD_PROJECT: 'p', WEBHOOK_EVENTS_TOPIC: 't', CUSTOMERIO_WEBHOOK_SIGNING_KEYS: 'k' }
  expect(() => createFunction(webhookFunction(broken), hostOfTest(env))).toThrow(RangeError)
})
