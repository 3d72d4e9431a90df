import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import { APIClient, SendEmailRequest, SendPushRequest, TrackClient, verifyRequestSignature } from 'customerio-node'
import { startTestCustomerIo } from '../../testing/customerio.ts'
import type { CustomerIoServer } from './index.ts'
import { webhookSamples } from './samples/index.ts'
import { signWebhook, type WebhookAttempt, WebhookSender, type WebhookSenderOptions, waitAfter } from './webhooks.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

interface Received {
  readonly body: string
  readonly headers: IncomingHttpHeaders
}

/** A receiver on a real port whose answers a test decides. */
let receiver: Server
let url: string
let received: Received[]
let answer: (request: Received, response: ServerResponse) => void
let sender: WebhookSender
let waits: number[]
let nowMs: number

function senderWith(options: Partial<WebhookSenderOptions> = {}): WebhookSender {
  return new WebhookSender({
    url,
    signingKey: 'key-1',
    now: () => nowMs,
    sleep: async (ms) => {
      waits.push(ms)
      nowMs += ms
    },
    ...options,
  })
}

const status = (code: number) => (_request: Received, response: ServerResponse) => void response.writeHead(code).end()

/** Answers with these statuses, one a request, and 204 after them. */
function statuses(...codes: number[]): typeof answer {
  return (request, response) => status(codes.shift() ?? 204)(request, response)
}

const signed = ({ body, headers }: Received, signingSecret: string) =>
  verifyRequestSignature({
    signingSecret,
    timestamp: Number(headers['x-cio-timestamp']),
    signature: String(headers['x-cio-signature']),
    body,
  })

beforeEach(async () => {
  received = []
  waits = []
  nowMs = 1_793_610_000_000
  answer = status(204)
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = { body: Buffer.concat(chunks).toString('utf8'), headers: request.headers }
      received.push(one)
      answer(one, response)
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const address = receiver.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  url = `http://127.0.0.1:${address.port}/webhook`
})

afterEach(async () => {
  sender.close()
  receiver.closeAllConnections()
  await new Promise((resolve) => receiver.close(resolve))
})

describe('the webhook sender', () => {
  it('signs the bytes that it sends, so that the SDK verifies them', async () => {
    sender = senderWith()
    for (const { event } of webhookSamples().slice(0, 20)) sender.send(event)
    await sender.idle()
    expect(received.map(({ body }) => JSON.parse(body))).toEqual(
      webhookSamples()
        .slice(0, 20)
        .map(({ event }) => event),
    )
    expect(received.every((request) => signed(request, 'key-1'))).toBe(true)
    expect(received[0]?.headers).toMatchObject({ 'x-cio-timestamp': '1793610000', 'content-type': 'application/json' })
    expect(sender.state).toMatchObject({ delivered: 20, attempts: 20, pending: 0, blocked: false })
  })

  it('sends text as it is, even what is no JSON', async () => {
    sender = senderWith()
    sender.send('{ "spaced":  true }')
    sender.send('not json')
    await sender.idle()
    expect(received.map(({ body }) => body)).toEqual(['{ "spaced":  true }', 'not json'])
  })

  it('lets all later webhooks wait behind one that fails', async () => {
    answer = statuses(503, 503)
    sender = senderWith()
    for (const n of [1, 2, 3]) sender.send({ n })
    await sender.idle()
    expect(received.map(({ body }) => JSON.parse(body).n)).toEqual([1, 1, 1, 2, 3])
    expect(waits).toEqual([30_000, 60_000])
  })

  it('waits an hour after a status that is on the list, and after a connection error', async () => {
    answer = statuses(500, 401, 429)
    sender = senderWith()
    sender.send({ n: 1 })
    await sender.idle()
    expect(waits).toEqual([HOUR_MS, HOUR_MS, HOUR_MS])
    expect(waitAfter({ failure: 'connection' }, 1)).toBe(HOUR_MS)
    expect([503, 504, 302, 418].map((code) => waitAfter({ status: code }, 1))).toEqual([30_000, 30_000, 30_000, 30_000])
  })

  it('tries again when nobody listens, and lands it when somebody does', async () => {
    sender = senderWith({ url: 'http://127.0.0.1:1/closed' })
    const failures: WebhookAttempt[] = []
    sender.events.on('attempt', (attempt) => {
      if (attempt.failure === undefined) return
      failures.push(attempt)
      sender.deliverTo(url)
    })
    sender.send({ n: 1 })
    await sender.idle()
    expect(failures).toMatchObject([{ failure: 'connection', nextInMs: HOUR_MS }])
    expect(received).toHaveLength(1)
  })

  it('takes an answer that is not whole in time for none', async () => {
    answer = (_request, response) => {
      answer = status(204)
      response.writeHead(200, { 'content-length': '10' }).write('half')
    }
    sender = senderWith({ timeoutMs: 1_000 })
    const attempts: WebhookAttempt[] = []
    sender.events.on('attempt', (attempt) => attempts.push(attempt))
    sender.send({ n: 1 })
    await sender.idle()
    expect(attempts).toMatchObject([
      { attempt: 1, failure: 'timeout', nextInMs: 30_000 },
      { attempt: 2, status: 204 },
    ])
  })

  it('gives up after seven days, and goes on with the next', async () => {
    answer = ({ body }, response) => status(body.includes('poison') ? 500 : 204)({ body, headers: {} }, response)
    sender = senderWith()
    const gaveUp: WebhookAttempt[] = []
    sender.events.on('gaveUp', (attempt) => gaveUp.push(attempt))
    sender.send({ poison: true })
    sender.send({ n: 2 })
    await sender.idle()
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBe(7 * DAY_MS)
    expect(gaveUp).toHaveLength(1)
    expect(sender.state).toMatchObject({ delivered: 1, gaveUp: 1, pending: 0 })
  })

  it('signs a retry again, or keeps the first signature when told so', async () => {
    answer = statuses(503)
    sender = senderWith()
    sender.send({ n: 1 })
    await sender.idle()
    expect(received.map(({ headers }) => headers['x-cio-timestamp'])).toEqual(['1793610000', '1793610030'])
    sender.close()

    received.length = 0
    answer = statuses(503)
    sender = senderWith({ retrySignature: 'first' })
    sender.send({ n: 1 })
    await sender.idle()
    expect(received.map(({ headers }) => headers['x-cio-signature'])).toEqual([
      received[0]?.headers['x-cio-signature'],
      received[0]?.headers['x-cio-signature'],
    ])
    expect(received.every((request) => signed(request, 'key-1'))).toBe(true)
  })

  it('signs with the new key after a rotation', async () => {
    sender = senderWith()
    sender.send({ n: 1 })
    await sender.idle()
    sender.signWith('key-2')
    sender.send({ n: 2 })
    await sender.idle()
    expect(received.map((request) => [signed(request, 'key-1'), signed(request, 'key-2')])).toEqual([
      [true, false],
      [false, true],
    ])
  })

  it('sends several at a time when asked to, until one fails', async () => {
    let open = 0
    let most = 0
    answer = (_request, response) => {
      most = Math.max(most, ++open)
      setImmediate(() => {
        open--
        response.writeHead(204).end()
      })
    }
    sender = senderWith({ concurrency: 8 })
    for (let n = 0; n < 40; n++) sender.send({ n })
    await sender.idle()
    expect(received).toHaveLength(40)
    expect(most).toBeGreaterThan(1)
    answer = statuses(503, 503, 503)
    for (let n = 40; n < 60; n++) sender.send({ n })
    await sender.idle()
    expect(new Set(received.map(({ body }) => body)).size).toBe(60)
    expect(sender.state).toMatchObject({ delivered: 60, pending: 0 })
  })

  it('signs as documented', () => {
    // echo -n 'v0:1793610000:{"a":1}' | openssl dgst -sha256 -hmac key-1
    expect(signWebhook('key-1', 1_793_610_000, '{"a":1}')).toBe(
      '4189229392313ef2ed0c2b32824b6ae366fbc2f38bda5ae3be8b17ca7bb4eca3',
    )
  })
})

describe('the local Customer.io', () => {
  let customerIo: CustomerIoServer

  beforeEach(async () => {
    customerIo = await startTestCustomerIo({ webhooks: { url, signingKey: 'key-1', ownEvents: true } })
    sender = customerIo.webhooks
  })
  afterEach(() => customerIo.close())

  it('sends given webhooks on order, to the given address, signed with the given key', async () => {
    await fetch(`${customerIo.url}/_local/webhooks`, {
      method: 'PUT',
      body: JSON.stringify({ url, signingKey: 'key-9' }),
    })
    const events = webhookSamples()
      .slice(0, 3)
      .map(({ event }) => event)
    const response = await fetch(`${customerIo.url}/_local/webhooks`, {
      method: 'POST',
      body: JSON.stringify({ events }),
    })
    expect(await response.json()).toEqual({ queued: 3 })
    await sender.idle()
    expect(received.map((request) => signed(request, 'key-9'))).toEqual([true, true, true])
    const state = await fetch(`${customerIo.url}/_local/webhooks`).then((answered) => answered.json())
    expect(state).toMatchObject({ delivered: 3, pending: 0 })
    const refused = await fetch(`${customerIo.url}/_local/webhooks`, { method: 'POST', body: '{"events":[]}' })
    expect(refused.status).toBe(400)
  })

  it('names the devices of a push, and null for an identifier that is not set', async () => {
    const track = new TrackClient('site', 'track-key', { url: customerIo.trackUrl, retry: { maxRetries: 0 } })
    const app = new APIClient('app-key', { url: customerIo.appUrl, retry: { maxRetries: 0 } })
    await track.identify('u1', {})
    await track.addDevice('u1', 'token-1', 'ios')
    await app.sendPush(new SendPushRequest({ identifiers: { id: 'u1' }, transactional_message_id: 3 }))
    await sender.idle()
    const push = received.map(({ body }) => JSON.parse(body)).find(({ metric }) => metric === 'sent')
    expect(push.data).toEqual({
      customer_id: 'u1',
      delivery_id: expect.any(String),
      identifiers: { id: 'u1', email: null, cio_id: '000000000001' },
      transactional_message_id: 3,
      recipients: [{ device_id: 'token-1', device_platform: 'ios' }],
    })
  })

  it('tells of each channel as it is documented, and of a message whose Liquid comes to no address that it went nowhere', async () => {
    const { workspace } = customerIo
    workspace.people.identify({ kind: 'id', value: 'u1' }, { phone: '+15550100' }, 1)
    const send = async (channel: string, body: object) => {
      const message = JSON.stringify({ identifiers: { id: 'u1' }, transactional_message_id: 3, ...body })
      const headers = { authorization: 'Bearer app-key' }
      await fetch(`${customerIo.appUrl}/send/${channel}`, { method: 'POST', headers, body: message })
    }
    await send('email', { to: '{{customer.email}}' })
    await send('sms', { to: '{{customer.phone}}' })
    await send('whatsapp', {})
    await send('whatsapp', { to: '{{customer.nothing}}' })
    await send('in_app', {})
    await send('sms', { to: '+15550100', queue_draft: true })
    await sender.idle()
    const told = received.map(({ body }) => JSON.parse(body)).filter(({ metric }) => metric !== 'delivered')
    expect(told.at(-1).data).not.toHaveProperty('recipient')
    const about = { customer_id: 'u1', identifiers: { id: 'u1', email: null, cio_id: '000000000001' } }
    expect(told).toMatchObject([
      {
        object_type: 'email',
        metric: 'undeliverable',
        data: { ...about, recipient: '', subject: 'Template 3', failure_message: 'no recipient' },
      },
      { object_type: 'sms', metric: 'sent', data: { ...about, recipient: '+15550100' } },
      { object_type: 'whatsapp', metric: 'sent', data: { ...about, recipient: '+15550100' } },
      { object_type: 'whatsapp', metric: 'undeliverable', data: { ...about, failure_message: 'no recipient' } },
      { object_type: 'in_app', metric: 'sent', data: { ...about, recipient: 'u1' } },
      { object_type: 'sms', metric: 'drafted', data: about },
    ])
  })

  it('reports what it does itself: sends, subscriptions, preferences', async () => {
    const track = new TrackClient('site', 'track-key', { url: customerIo.trackUrl, retry: { maxRetries: 0 } })
    const app = new APIClient('app-key', { url: customerIo.appUrl, retry: { maxRetries: 0 } })
    await track.identify('u1', { email: 'ada@example.com' })
    await track.identify('u1', { unsubscribed: true })
    await track.identify('u1', { unsubscribed: false })
    await track.identify('u1', {
      'cio_subscription_preferences.topics.topic_7': false,
      'cio_subscription_preferences.channels.email': false,
    })
    await app.sendEmail(
      new SendEmailRequest({ to: 'ada@example.com', identifiers: { id: 'u1' }, transactional_message_id: 3 }),
    )
    await sender.idle()
    const told = received.map(({ body }) => JSON.parse(body))
    expect(told.map(({ object_type, metric }) => `${object_type}.${metric}`)).toEqual([
      'customer.unsubscribed',
      'customer.subscribed',
      'customer.cio_subscription_preferences_changed',
      'email.sent',
      'email.delivered',
    ])
    expect(JSON.parse(told[2].data.content)).toEqual({
      topics: { topic_7: false },
      channels: { email: false },
    })
    expect(told[3].data).toMatchObject({
      identifiers: { id: 'u1', email: 'ada@example.com', cio_id: '000000000001' },
      transactional_message_id: 3,
      delivery_id: customerIo.workspace.sends[0]?.deliveryId,
      recipient: 'ada@example.com',
    })
    expect(new Set(told.map(({ event_id }) => event_id)).size).toBe(5)
  })

  it('acts as the recipient: reports what had to come before, once, and unsubscribes the person', async () => {
    await customerIo.close()
    customerIo = await startTestCustomerIo({ webhooks: { url, signingKey: 'key-1' } })
    const app = new APIClient('app-key', { url: customerIo.appUrl, retry: { maxRetries: 0 } })
    const email = { to: 'ada@example.com', identifiers: { email: 'ada@example.com' }, transactional_message_id: 3 }
    await app.sendEmail(new SendEmailRequest(email))
    await app.sendPush(new SendPushRequest({ identifiers: { id: 'u1' }, transactional_message_id: 3 }))
    const [send, push] = customerIo.workspace.sends
    if (send === undefined || push === undefined) throw new Error('nothing was sent')
    const { recipients, webhooks } = customerIo
    const act = async (id: string, order: object) => {
      const answer = await fetch(`${customerIo.url}/_local/sends/${id}`, {
        method: 'POST',
        body: JSON.stringify(order),
      })
      return [answer.status, await answer.json()]
    }
    expect(recipients.actionsOf('push')).toEqual(['deliver', 'open', 'click', 'bounce'])
    expect(recipients.actionsOf('inbox_message')).toEqual([])
    expect(await act(send.deliveryId, { does: 'open' })).toEqual([202, { reported: ['sent', 'delivered', 'opened'] }])
    const href = 'https://example.com/pricing'
    expect(recipients.act(send.deliveryId, 'click', href)).toEqual(['clicked'])
    expect(recipients.act(send.deliveryId, 'unsubscribe')).toEqual(['unsubscribed'])
    expect(await act(push.deliveryId, { does: 'complain' })).toMatchObject([404, {}])
    expect(await act('nobody', { does: 'open' })).toMatchObject([404, {}])
    expect(await act(send.deliveryId, { does: 'frown' })).toMatchObject([400, {}])
    await webhooks.idle()
    expect(received.every((request) => signed(request, 'key-1'))).toBe(true)
    const told = received.map(({ body }) => JSON.parse(body))
    expect(told.map(({ object_type, metric }) => `${object_type}.${metric}`)).toEqual([
      ...['email.sent', 'email.delivered', 'email.opened', 'email.clicked', 'email.unsubscribed'],
      'customer.unsubscribed',
    ])
    expect(told[3].data).toMatchObject({ delivery_id: send.deliveryId, recipient: 'ada@example.com', href, link_id: 1 })
    expect(recipients.reported(send).map(({ metric }) => metric)).toEqual([
      ...['sent', 'delivered', 'opened', 'clicked', 'unsubscribed'],
    ])
    const person = customerIo.workspace.people.find(send.who)
    expect(person?.attributes.get('unsubscribed')).toBe(true)
  })
})
