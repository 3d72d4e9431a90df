import { signWebhook } from '../../emulators/customerio/index.ts'
import { webhookSamples } from '../../emulators/customerio/samples/index.ts'

/** What can be sent to an instance. */
export const MESSAGE_KINDS = ['identify', 'track', 'transactional', 'webhook', 'webhook-event', 'look'] as const
export type MessageKind = (typeof MESSAGE_KINDS)[number]

/** Every instance of the bench is told this key. Not a secret: nothing outside this machine knows it. */
export const SIGNING_KEY = 'bench-signing-key'

const PROJECT = 'bench-project'
const SIGNED_AT = '1793610000'
const PUBLISHED_AT = '2026-11-21T10:00:00.000Z'

/** The bytes of `count` HTTP requests with different people, keys and ids, as Pub/Sub or Customer.io would send them. */
export function requestsOf(kind: MessageKind, count: number): Buffer[] {
  const make = MAKERS[kind]
  return Array.from({ length: count }, (_, index) => make(index))
}

const MAKERS: Readonly<Record<MessageKind, (index: number) => Buffer>> = {
  identify: (index) => push('identify', index, identifyMessage(index)),
  track: (index) => push('track', index, trackMessage(index)),
  transactional: (index) => push('transactional', index, transactionalMessage(index)),
  webhook: (index) => {
    const body = JSON.stringify(webhookBody(index))
    const signature = signWebhook(SIGNING_KEY, SIGNED_AT, Buffer.from(body))
    return httpRequest(body, { 'x-cio-timestamp': SIGNED_AT, 'x-cio-signature': signature })
  },
  'webhook-event': (index) => {
    const event = webhookBody(index)
    const { event_id, object_type, metric } = event
    const about = { event_id, object_type, metric, signature_timestamp: SIGNED_AT, received_at: PUBLISHED_AT }
    return push('warehouse', index, event, about)
  },
  // Not a message: any function answers it with 405, after all it loads at its start.
  look: () => httpRequest('', {}, 'GET'),
}

const digits = (index: number, length: number) => String(index).padStart(length, '0')

function identifyMessage(index: number) {
  return {
    identifiers: { id: `user-${digits(index, 8)}` },
    attributes: {
      email: `user-${index}@example.com`,
      first_name: 'Ada',
      plan: index % 3 === 0 ? 'pro' : 'free',
      created_at: 1_763_740_000,
      city: 'Zürich',
      orders: index % 17,
    },
  }
}

export function trackMessage(index: number) {
  return {
    identifiers: { id: `user-${digits(index, 8)}` },
    name: 'order_completed',
    attributes: {
      order_id: `order-${digits(index, 10)}`,
      total: 42.5 + (index % 100),
      currency: 'EUR',
      items: [
        { sku: 'A-1001', quantity: 1, price: 19.5 },
        { sku: 'B-2002', quantity: 2, price: 11.5 },
      ],
      source: 'web',
      first_order: index % 5 === 0,
    },
    timestamp: 1_763_740_000 + index,
  }
}

function transactionalMessage(index: number) {
  return {
    channel: 'email',
    transactional_message_id: 5,
    to: `user-${index}@example.com`,
    identifiers: { id: `user-${digits(index, 8)}` },
    message_data: { order_id: `order-${digits(index, 10)}`, total: '42.50 EUR' },
  }
}

/** What most webhooks are: an e-mail of a campaign that was delivered, opened or clicked. */
const WEBHOOKS = webhookSamples().filter(({ name }) => /^email\.(delivered|opened|clicked)\.campaign$/.test(name))

function webhookBody(index: number) {
  const sample = WEBHOOKS[index % WEBHOOKS.length]
  if (sample === undefined) throw new Error('there is no sample of an e-mail that was delivered, opened or clicked')
  return { ...sample.event, event_id: `01BENCH${digits(index, 19)}` }
}

/** The wrapped form of a push, with the attributes that the publisher of this project sets. */
function push(subscription: string, index: number, data: object, more: Readonly<Record<string, string>> = {}): Buffer {
  const id = digits(index, 16)
  const message = {
    data: Buffer.from(JSON.stringify(data)).toString('base64'),
    attributes: { idempotency_key: `key-${id}`, traceparent: `00-0af7651916cd43dd${id}-b7ad6b7169203331-01`, ...more },
    messageId: id,
    message_id: id,
    publishTime: PUBLISHED_AT,
    publish_time: PUBLISHED_AT,
  }
  const name = `projects/${PROJECT}/subscriptions/${subscription}`
  return httpRequest(JSON.stringify({ message, subscription: name, deliveryAttempt: 1 }))
}

function httpRequest(body: string, headers: Readonly<Record<string, string>> = {}, method = 'POST'): Buffer {
  const lines = [
    `${method} / HTTP/1.1`,
    'host: 127.0.0.1',
    'user-agent: APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)',
    'accept: application/json',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}
