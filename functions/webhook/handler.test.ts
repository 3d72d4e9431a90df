import { once } from 'node:events'
import { connect } from 'node:net'
import { type Clock, systemClock } from '../../shared/clock/index.ts'
import type { Log, LogFields } from '../../shared/logging/index.ts'
import type { RefreshResult, Secret } from '../../shared/secrets/index.ts'
import { CustomerIOWebhookHandler, type WebhookMessage } from '../../shared/webhooks/index.ts'
import { createWebhookHandler, type WebhookHandlerOptions } from './handler.ts'
import { type Sent, send, serve, webhook } from './testing.ts'

const event = { event_id: '01', object_type: 'email', metric: 'bounced', timestamp: 1_763_740_000, data: {} }
const body = JSON.stringify(event)
const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

type Line = LogFields & { severity: string }

/** The machine's timers, with another time of day. */
const clockAt = (now: () => number): Clock => ({ ...systemClock, now })

async function start(options: Partial<WebhookHandlerOptions> = {}) {
  const published: WebhookMessage[] = []
  const lines: Line[] = []
  const write = (severity: string) => (_message: string, fields: LogFields) => lines.push({ severity, ...fields })
  const log: Log = { debug: write('DEBUG'), info: write('INFO'), warning: write('WARNING'), error: write('ERROR') }
  const handler = createWebhookHandler({
    signingKeys: keys('current\nprevious'),
    publish: async (message) => published.push(message),
    webhooks: new CustomerIOWebhookHandler({ clock: systemClock }),
    log,
    clock: systemClock,
    maxAgeSeconds: undefined,
    maxBodyBytes: 1_000_000,
    bodyMemoryBytes: 1e9,
    publishTimeoutMs: 3_000,
    ...options,
  })
  const server = await serve(handler)
  closing.push(server.close)
  return { port: server.port, published, lines, answer: async (sent: Sent) => (await send(server.port, sent)).status }
}

/** Keys that hold still, or change to `then` when they are read again. */
function keys(now: string | undefined, refresh: RefreshResult = 'unchanged', then = now) {
  let value = now
  const secret: Secret = {
    name: 'CUSTOMERIO_WEBHOOK_SIGNING_KEYS',
    current: async () => value,
    ageMs: () => 0,
    refresh: async () => {
      value = then
      return refresh
    },
  }
  return secret
}

describe('what Customer.io signed', () => {
  it.each(['current', 'previous'])('is published as it came and answered 204: signed by the %s key', async (key) => {
    const { answer, published, lines } = await start()
    expect(await answer(webhook(key, body))).toBe(204)
    expect(published.map(({ data }) => data.toString())).toEqual([body])
    expect(published[0]?.attributes).toMatchObject({ object_type: 'email', metric: 'bounced', event_id: '01' })
    expect(lines).toEqual([
      {
        severity: 'INFO',
        event: 'webhook',
        answer: 204,
        outcome: 'published',
        objectType: 'email',
        metric: 'bounced',
        eventId: '01',
        latencyMs: expect.any(Number),
      },
    ])
  })

  it.each([
    ['not_json', '{"event_id":'],
    ['not_json', ''],
    ['not_json', Buffer.from([0xff, 0x00, 0xfe])],
    ['not_an_object', '[]'],
    ['no_event_id', '{"metric":"sent"}'],
  ])('is quarantined and answered 204 when it is not understood: %s %j', async (reason, unknown) => {
    const { answer, published, lines } = await start()
    expect(await answer(webhook('current', unknown))).toBe(204)
    expect(published[0]?.data.equals(Buffer.from(unknown))).toBe(true)
    expect(published[0]?.attributes.quarantine).toBe(reason)
    expect(lines).toMatchObject([{ severity: 'INFO', answer: 204, outcome: 'quarantined', reason }])
  })

  it.each([
    ['no content type', { 'content-type': [] }],
    ['an unknown charset', { 'content-type': 'application/json; charset=klingon' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['an encoding that it does not have', { 'content-encoding': 'gzip' }],
    ['a cloud event', { 'content-type': 'application/cloudevents+json' }],
    ['chunks', { 'transfer-encoding': 'chunked' }],
  ])('is accepted whatever the headers say of the body: %s', async (_, headers) => {
    const { answer, published } = await start()
    const sent = webhook('current', body)
    expect(await answer({ ...sent, headers: { ...sent.headers, ...headers } })).toBe(204)
    expect(published[0]?.data.toString()).toBe(body)
  })

  it.each(['/robots.txt', '/favicon.ico', '/%zz', '/any/path?query'])('is accepted on the path %s', async (path) => {
    const { answer } = await start()
    expect(await answer({ ...webhook('current', body), path })).toBe(204)
  })

  it('is published without its content when it is too large for Pub/Sub', async () => {
    const { answer, published, lines } = await start({ maxBodyBytes: 33_554_432 })
    const large = JSON.stringify({ ...event, data: { content: 'x'.repeat(11_000_000), subject: 's' } })
    expect(await answer(webhook('current', large))).toBe(204)
    expect(JSON.parse(String(published[0]?.data))).toEqual({ ...event, data: { subject: 's' } })
    expect(published[0]?.attributes.truncated).toBe('data.content')
    expect(lines).toMatchObject([{ answer: 204, outcome: 'truncated' }])
  })

  it('passes the trace context of the request on, to the message and to the log', async () => {
    const { answer, published, lines } = await start()
    const sent = webhook('current', body)
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await answer({ ...sent, headers: { ...sent.headers, traceparent } })
    expect(published[0]?.attributes.traceparent).toBe(traceparent)
    expect(lines[0]?.trace).toBe(traceparent)
  })
})

describe('what Customer.io did not sign', () => {
  const genuine = webhook('current', body)
  const { 'x-cio-signature': signature, ...unsigned } = genuine.headers as Record<string, string>

  it.each<[string, Sent, string]>([
    ['unsigned', { headers: unsigned, body }, 'no_signature'],
    ['unsigned and malformed', { headers: unsigned, body: '{' }, 'no_signature'],
    ['malformed', { headers: { ...unsigned, 'x-cio-signature': 'abc' }, body }, 'malformed_signature'],
    ['signed by nobody', { headers: { ...unsigned, 'x-cio-signature': 'a'.repeat(64) }, body }, 'wrong_signature'],
    ['altered', { ...genuine, body: body.replace('bounced', 'clicked') }, 'wrong_signature'],
    ['cut short', { ...genuine, body: body.slice(0, -1) }, 'wrong_signature'],
    ['written again', { ...genuine, body: JSON.stringify(event, null, 1) }, 'wrong_signature'],
    [
      'moved in time',
      { ...genuine, headers: { ...genuine.headers, 'x-cio-timestamp': '1763740001' } },
      'wrong_signature',
    ],
    ['signed by a retired key', webhook('retired', body), 'wrong_signature'],
    [
      'repeated header',
      { ...genuine, headers: { ...unsigned, 'x-cio-signature': [signature ?? '', 'a'] } },
      'malformed_signature',
    ],
  ])('is answered 401 and never published: %s', async (_, sent, reason) => {
    const { answer, published, lines } = await start()
    expect(await answer(sent)).toBe(401)
    expect(published).toEqual([])
    expect(lines).toEqual([
      { severity: 'WARNING', event: 'webhook', answer: 401, outcome: 'refused', reason, latencyMs: expect.any(Number) },
    ])
  })

  it('is answered 405 when it is no POST, and 413 when it is far too large', async () => {
    const { port, lines } = await start({ maxBodyBytes: 100_000 })
    const got = await send(port, { method: 'GET', headers: genuine.headers })
    expect([got.status, got.headers.allow]).toEqual([405, 'POST'])
    expect((await send(port, webhook('current', 'x'.repeat(100_001)))).status).toBe(413)
    expect((await send(port, webhook('current', 'x'.repeat(3_000_000)))).status).toBe(413)
    expect((await send(port, webhook('current', 'x'.repeat(100_000)))).status).toBe(204)
    expect(lines.map(({ answer, reason }) => [answer, reason])).toEqual([
      [405, 'method'],
      [413, 'too_large'],
      [413, 'too_large'],
      [204, 'not_json'],
    ])
  })

  it('is not waited for when the sender goes away in the middle of the body', async () => {
    const { port, answer, lines } = await start()
    const socket = connect(port, '127.0.0.1')
    const headers = Object.entries({ host: 'x', ...genuine.headers, 'content-length': '1000' })
    socket.write(`POST / HTTP/1.1\r\n${headers.map((pair) => pair.join(': ')).join('\r\n')}\r\n\r\n${body}`)
    await once(socket, 'ready')
    socket.end()
    await once(socket.resume(), 'close')
    expect(await answer(genuine)).toBe(204)
    expect(lines).toHaveLength(1)
  })

  it('is answered 408, and cut off, when it is still being sent after Customer.io would have given up', async () => {
    let clockMs = 0
    // A tenth of a second is left for the body.
    const { port, lines, published } = await start({ clock: clockAt(() => (clockMs += 3_400)) })
    const socket = connect(port, '127.0.0.1')
    const headers = Object.entries({ host: 'x', ...genuine.headers, 'content-length': '1000' })
    socket.write(`POST / HTTP/1.1\r\n${headers.map((pair) => pair.join(': ')).join('\r\n')}\r\n\r\n${body}`)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 408 /)
    await once(socket.resume(), 'close')
    expect(lines).toMatchObject([{ severity: 'WARNING', answer: 408, reason: 'too_slow' }])
    expect(published).toEqual([])
  })

  it('is answered 401 when it is genuine but older than the configured limit', async () => {
    const { answer, lines } = await start({ maxAgeSeconds: 300, clock: clockAt(() => 1_763_740_301_000) })
    expect(await answer(webhook('current', body, '1763740000'))).toBe(401)
    expect(await answer(webhook('current', body, '1763740001'))).toBe(204)
    expect(lines[0]?.reason).toBe('too_old')
  })
})

describe('signing keys', () => {
  it('are read again when no known key explains a signature, which may be by a new key', async () => {
    const { answer } = await start({ signingKeys: keys('current', 'changed', 'next\ncurrent') })
    expect(await answer(webhook('next', body))).toBe(204)
  })

  it.each(['limited', 'failed'] as const)('that could not be read again make it 503, not 401: %s', async (refresh) => {
    const { answer, published, lines } = await start({ signingKeys: keys('current', refresh) })
    expect(await answer(webhook('next', body))).toBe(503)
    expect(published).toEqual([])
    expect(lines).toMatchObject([{ severity: 'ERROR', answer: 503, reason: 'keys_unreadable' }])
  })

  it('are used even if someone else’s read brought them', async () => {
    const { answer } = await start({ signingKeys: keys('current', 'failed', 'next') })
    expect(await answer(webhook('next', body))).toBe(204)
  })

  it('that are not configured make it 503 with an error that says so', async () => {
    const { answer, lines } = await start({ signingKeys: keys(undefined) })
    expect(await answer(webhook('current', body))).toBe(503)
    expect(await answer(webhook('', body))).toBe(503)
    expect(lines[0]).toMatchObject({ severity: 'ERROR', reason: 'not_configured' })
  })
})

describe('a publish', () => {
  it.each([
    [Object.assign(new Error('secret body'), { code: 14 }), 'Error 14'],
    [new TypeError('secret body'), 'TypeError'],
    ['secret body', 'string'],
  ])('that fails makes it 503, and the log shows no more than the name of the error', async (error, shown) => {
    const { answer, lines } = await start({ publish: () => Promise.reject(error) })
    expect(await answer(webhook('current', body))).toBe(503)
    expect(lines).toMatchObject([
      { severity: 'ERROR', answer: 503, reason: 'publish_failed', error: shown, eventId: '01' },
    ])
    expect(JSON.stringify(lines)).not.toContain('secret')
  })

  it('that takes too long makes it 503, and its late failure disturbs nobody', async () => {
    let fail: (error: Error) => void = () => {}
    const publish = () => new Promise((_, reject) => (fail = reject))
    const { answer, lines } = await start({ publish, publishTimeoutMs: 20 })
    expect(await answer(webhook('current', body))).toBe(503)
    fail(new Error('late'))
    expect(lines[0]).toMatchObject({ reason: 'publish_failed', error: 'timeout' })
  })
})

describe('listeners', () => {
  it('are called once the event is safe, and only then', async () => {
    const webhooks = new CustomerIOWebhookHandler({ clock: systemClock })
    const heard: string[] = []
    webhooks.on('email.bounced', ({ event_id }) => heard.push(event_id))
    let publishes = 0
    const publish = async () => {
      publishes += 1
      if (publishes === 1) throw new Error('not safe')
    }
    const { answer } = await start({ webhooks, publish })
    expect([await answer(webhook('current', body)), [...heard]]).toEqual([503, []])
    expect([await answer(webhook('current', body)), heard]).toEqual([204, ['01']])
    await answer(webhook('current', '{"object_type":"email","metric":"bounced"}'))
    expect(heard).toEqual(['01'])
  })

  it('that throw, reject, hang or leak never change the answer', async () => {
    const webhooks = new CustomerIOWebhookHandler({ clock: systemClock })
    webhooks.setMaxListeners(0)
    const reasons: string[] = []
    webhooks.on('listenerFailure', ({ reason }) => {
      reasons.push(reason)
      throw new Error('even this one')
    })
    webhooks.on('*', () => {
      throw new Error('thrown')
    })
    webhooks.on('*', () => Promise.reject(new Error('rejected')))
    webhooks.on('*', () => new Promise(() => {}))
    webhooks.on('*', () => void webhooks.on('email.*', () => {}))
    // The publish takes so long that a tenth of a second is left for listeners.
    let clockMs = 0
    const publish = async () => (clockMs += 3_400)
    const { answer } = await start({ webhooks, publish, clock: clockAt(() => clockMs), publishTimeoutMs: 10_000 })
    for (let i = 0; i < 8; i += 1) expect(await answer(webhook('current', body))).toBe(204)
    expect(new Set(reasons)).toEqual(new Set(['error', 'timeout', 'paused']))
  })
})
