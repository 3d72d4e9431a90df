import {
  APIClient,
  CustomerIORequestError,
  IdentifierType,
  SendEmailRequest,
  SendInAppRequest,
  SendPushRequest,
  TrackClient,
} from 'customerio-node'
import { startTestCustomerIo } from '../../testing/customerio.ts'
import type { CustomerIoOptions, CustomerIoServer } from './index.ts'

const NO_RETRY = { retry: { maxRetries: 0 } }

let nowMs = 1_793_610_000_000
let server: CustomerIoServer
let track: TrackClient
let app: APIClient

async function start(options: Partial<CustomerIoOptions> = {}): Promise<void> {
  server = await startTestCustomerIo({ deliveryDelayMs: 30_000, now: () => nowMs, ...options })
  track = new TrackClient('site', 'track-key', { url: server.trackUrl, timeout: 2_000, ...NO_RETRY })
  app = new APIClient('app-key', { url: server.appUrl, timeout: 2_000, ...NO_RETRY })
}

/** What the SDK throws for an answer other than 2xx, cut down to what was answered. */
async function refusal(
  call: Promise<unknown>,
): Promise<{ status: number; body: unknown; headers: Record<string, unknown> }> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof CustomerIORequestError)) throw new Error(`expected a refusal, got ${String(error)}`)
  return { status: error.statusCode, body: JSON.parse(error.body), headers: error.response.headers }
}

const person = (id: string) => server.workspace.people.find({ kind: 'id', value: id })
const identify = (id: string, attributes: Record<string, unknown>, timestamp?: number) => ({
  type: 'person',
  action: 'identify',
  identifiers: { id },
  attributes,
  ...(timestamp !== undefined && { timestamp }),
})
const event = (id: string, name: string, more: Record<string, unknown> = {}) => ({
  type: 'person',
  action: 'event',
  identifiers: { id },
  name,
  ...more,
})

beforeEach(async () => {
  nowMs = 1_793_610_000_000
  await start()
})
afterEach(() => server.close())

describe('Track API v1, called by the SDK', () => {
  it('keeps people, devices and events, and answers with an empty object and a line feed', async () => {
    await expect(track.identify('u1', { email: 'Ada@example.com', plan: 'pro' })).resolves.toEqual({})
    await track.addDevice('u1', 'token-1', 'ios', { last_used: 1_793_600_000, model: 'x' })
    await track.track('u1', { name: 'ordered', data: { total: 3 } })
    await track.trackAnonymous('a1', { name: 'looked' })
    await track.trackPageView('ada@EXAMPLE.com', '/home')
    expect(person('u1')?.attributes.toObject()).toEqual({ email: 'Ada@example.com', plan: 'pro' })
    expect([...(person('u1')?.devices ?? [])]).toEqual([['token-1', expect.objectContaining({ platform: 'ios' })]])
    expect(server.workspace.events.all().map(({ action, name, who }) => [action, name, who.kind])).toEqual([
      ['event', 'ordered', 'id'],
      ['event', 'looked', 'anonymous_id'],
      ['page', '/home', 'email'],
    ])
    expect(server.inbox.of().map(({ endpoint }) => endpoint)).toEqual([
      'v1/identify',
      'v1/add_device',
      'v1/event',
      'v1/anonymous_event',
      'v1/event',
    ])
    const raw = await fetch(`${server.trackUrl}/customers/u1`, {
      method: 'DELETE',
      headers: { authorization: 'Basic c2l0ZTp0cmFjay1rZXk=' },
    })
    expect(await raw.text()).toBe('{}\n')
  })

  it('suppresses for good: later calls are answered 200 and ignored until unsuppressed', async () => {
    await track.identify('u1', { email: 'ada@example.com' })
    await track.suppress('u1')
    await track.identify('u1', { plan: 'pro' })
    await track.track('ada@example.com', { name: 'ordered' })
    expect(person('u1')).toBeUndefined()
    expect(server.workspace.people.suppressed().toSorted()).toEqual([
      'cio_id:000000000001',
      'email:ada@example.com',
      'id:u1',
    ])
    expect(server.inbox.of('identify').map(({ result }) => result)).toEqual(['applied', 'suppressed'])
    await track.unsuppress('u1')
    await track.identify('u1', { plan: 'free' })
    expect(person('u1')?.attributes.toObject()).toEqual({ plan: 'free' })
  })

  it('merges two people: the primary keeps its own and gets what it lacks', async () => {
    await track.identify('u1', { plan: 'pro' })
    await track.identify('u2', { plan: 'free', city: 'Łódź', email: 'two@example.com' })
    await track.addDevice('u2', 'token-2', 'android')
    await track.mergeCustomers(IdentifierType.Id, 'u1', IdentifierType.Id, 'u2')
    expect(person('u2')).toBeUndefined()
    expect(person('u1')?.attributes.toObject()).toMatchObject({ plan: 'pro', city: 'Łódź' })
    expect(person('u1')?.devices.has('token-2')).toBe(true)
    expect(server.workspace.people.find({ kind: 'email', value: 'TWO@example.com' })).toBe(person('u1'))
    await expect(track.mergeCustomers(IdentifierType.Id, 'nobody', IdentifierType.Id, 'u1')).resolves.toEqual({})
    expect(server.inbox.of('merge').map(({ result }) => result)).toEqual(['applied', 'no_such_primary'])
  })

  it('refuses what breaks a limit in the shape of v1', async () => {
    expect(await refusal(track.identify('u1', { note: 'ü'.repeat(501) }))).toMatchObject({
      status: 400,
      body: { meta: { errors: ['property value cannot be longer than 1000 bytes'] } },
    })
    expect((await refusal(track.track('u1', { name: 'ordered', data: { blob: 'x'.repeat(100_001) } }))).status).toBe(
      400,
    )
  })

  it('tells which region the account is in, and answers a wrong key with 401', async () => {
    await expect(track.getAccountRegion()).resolves.toEqual({
      url: 'https://track.customer.io',
      region: 'us',
      environment_id: 1,
    })
    const stranger = new TrackClient('site', 'wrong', { url: server.trackUrl, ...NO_RETRY })
    expect(await refusal(stranger.getAccountRegion())).toMatchObject({
      status: 401,
      body: { meta: { error: 'Unauthorized request' } },
      headers: { 'www-authenticate': 'Basic realm="Customer.io edge event collection"' },
    })
  })

  it('answers a path that is none with a web page', async () => {
    const lost = new TrackClient('site', 'track-key', { url: `${server.url}/nowhere`, ...NO_RETRY })
    await expect(lost.identify('u1', {})).rejects.toThrow('Unable to parse JSON')
  })
})

describe('Track API v2, called by the SDK', () => {
  it('refuses the bad items of a batch with a 207 and accepts the others', async () => {
    const answer = await track.batch([
      identify('u1', { plan: 'pro' }),
      identify('u2', { plan: 'é'.repeat(501) }),
      event('u3', 'e'.repeat(101)),
      { type: 'person', action: 'identify', identifiers: { id: 'u4', email: 'x@example.com' }, attributes: {} },
      { type: 'person', action: 'wave', identifiers: { id: 'u5' } },
      identify('i'.repeat(151), {}),
      event('u6', 'ordered'),
    ])
    expect(answer).toEqual({
      errors: [
        {
          batch_index: 1,
          reason: 'invalid',
          field: 'attributes.plan',
          message: 'property value cannot be longer than 1000 bytes',
        },
        { batch_index: 2, reason: 'invalid', field: 'name', message: 'event name cannot be longer than 100 bytes' },
        {
          batch_index: 3,
          reason: 'invalid',
          field: 'identifiers',
          message: 'identifiers must contain exactly one identifier',
        },
        { batch_index: 4, reason: 'invalid', field: 'action', message: 'unknown action for type person' },
        {
          batch_index: 5,
          reason: 'invalid',
          field: 'identifiers.id',
          message: 'identifier cannot be longer than 150 bytes',
        },
      ],
    })
    expect(person('u1')).toBeDefined()
    expect(server.workspace.events.all()).toHaveLength(1)
    expect(server.statistics()).toMatchObject({
      operations: 7,
      refusedOperations: 5,
      batches: { requests: 1, items: 7, mean: 7 },
    })
  })

  it('refuses one operation with a 400 and a malformed batch as a whole', async () => {
    expect(await refusal(track.entity(identify('u1', { note: 'x'.repeat(1001) })))).toEqual({
      status: 400,
      body: {
        errors: [
          { reason: 'invalid', field: 'attributes.note', message: 'property value cannot be longer than 1000 bytes' },
        ],
      },
      headers: expect.anything(),
    })
    const headers = { authorization: `Basic ${Buffer.from('site:track-key').toString('base64')}` }
    for (const body of ['{"batch":[', '{"batch":{}}', '[]', '{"batch":[]}']) {
      const response = await fetch(`${server.url}/api/v2/batch`, { method: 'POST', headers, body })
      expect([body, response.status]).toEqual([body, 400])
    }
  })

  it('measures items and batches in bytes of UTF-8', async () => {
    const big = event('u1', 'ordered', { attributes: { note: '字'.repeat(10_650) } })
    expect((await refusal(track.entity(big))).status).toBe(413)
    const answer = await track.batch([identify('u2', {}), big])
    expect(answer).toMatchObject({ errors: [{ batch_index: 1, message: 'operation is larger than 32000 bytes' }] })
    const many = Array.from({ length: 20 }, (_, n) =>
      event(`u${n}`, 'ordered', { attributes: { note: 'x'.repeat(25_000) } }),
    )
    expect((await refusal(track.batch(many))).status).toBe(413)
  })

  it('orders the updates of each attribute by their timestamp, not by arrival', async () => {
    await track.entity(identify('u1', { plan: 'pro', city: 'Oslo' }, 2_000))
    await track.entity(identify('u1', { plan: 'free', note: 'late' }, 1_000))
    expect(person('u1')?.attributes.toObject()).toEqual({ plan: 'pro', city: 'Oslo', note: 'late' })
    await track.entity(identify('u1', { plan: null, city: '' }, 2_000))
    await track.entity(identify('u1', { plan: 'older' }, 1_999))
    expect(person('u1')?.attributes.toObject()).toEqual({ note: 'late' })
  })

  it('changes one topic or channel of the preferences, or replaces them all', async () => {
    await track.entity(
      identify('u1', { cio_subscription_preferences: { topics: { topic_1: true, topic_2: true } } }, 10),
    )
    await track.entity(identify('u1', { 'cio_subscription_preferences.topics.topic_2': false }, 20))
    await track.entity(identify('u1', { 'cio_subscription_preferences.topics.topic_1': false }, 5))
    const preferences = () => person('u1')?.attributes.toObject().cio_subscription_preferences
    await track.entity(identify('u1', { 'cio_subscription_preferences.channels.email': false }, 25))
    expect(preferences()).toEqual({ topics: { topic_1: true, topic_2: false }, channels: { email: false } })
    await track.entity(identify('u1', { cio_subscription_preferences: { topics: { topic_3: true } } }, 30))
    expect(preferences()).toEqual({ topics: { topic_3: true } })
  })

  it('counts an event with the same ULID once and every receipt of it', async () => {
    const id = '01JBNWX1Y2ZZZZZZZZZZZZZZZZ'
    await track.entity(event('u1', 'ordered', { id }))
    await track.batch([event('u1', 'ordered', { id }), event('u1', 'ordered'), event('u1', 'ordered')])
    expect(server.workspace.events.all()).toHaveLength(3)
    expect(server.workspace.events.received).toBe(4)
    expect(server.workspace.events.find(id)).toMatchObject({ receipts: 2 })
    expect(server.inbox.of('event').map(({ result }) => result)).toEqual(['applied', 'duplicate', 'applied', 'applied'])
  })

  it('updates only with _update, takes an e-mail address from nobody, and ignores an unknown cio_id', async () => {
    await track.entity(identify('u1', { plan: 'pro', _update: true }))
    expect(person('u1')).toBeUndefined()
    await track.batch([
      identify('u1', { email: 'ada@example.com' }),
      identify('u2', { email: 'ADA@example.com', plan: 'x' }),
    ])
    expect(person('u2')?.attributes.toObject()).toEqual({ plan: 'x' })
    await track.entity({ type: 'person', action: 'identify', identifiers: { cio_id: 'ffff' }, attributes: { a: 1 } })
    expect(server.inbox.of('identify').map(({ result }) => result)).toEqual([
      'no_such_person',
      'applied',
      'applied',
      'no_such_person',
    ])
  })

  it('relates people and objects from either side', async () => {
    await track.batch([
      {
        type: 'object',
        action: 'identify',
        identifiers: { object_type_id: '1', object_id: 'acme' },
        attributes: { name: 'Acme' },
        cio_relationships: [{ identifiers: { id: 'u1' } }],
      },
      {
        type: 'person',
        action: 'add_relationships',
        identifiers: { id: 'u2' },
        cio_relationships: [{ identifiers: { object_type_id: '1', object_id: 'acme' } }],
      },
      {
        type: 'person',
        action: 'delete_relationships',
        identifiers: { id: 'u1' },
        cio_relationships: [{ identifiers: { object_type_id: '1', object_id: 'acme' } }],
      },
    ])
    expect(server.workspace.objects.describe('1:acme')).toEqual({ attributes: { name: 'Acme' }, people: ['id:u2'] })
  })

  it('applies a batch last to first where asked to, since no order is promised within one', async () => {
    await server.close()
    await start({ batchOrder: 'reversed' })
    await track.batch([
      { type: 'person', action: 'delete', identifiers: { id: 'u1' } },
      identify('u1', { plan: 'pro' }),
    ])
    expect(person('u1')).toBeUndefined()
  })
})

describe('transactional messages', () => {
  const email = (more: Record<string, unknown> = {}) =>
    new SendEmailRequest({
      to: 'ada@example.com',
      identifiers: { id: 'u1' },
      transactional_message_id: 'receipt',
      ...more,
    })

  it('are accepted with a delivery id, each repetition as a message of its own', async () => {
    const first = await app.sendEmail(email())
    const second = await app.sendEmail(email())
    expect(first).toEqual({ delivery_id: expect.stringMatching(/^[\w-]{28}$/), queued_at: 1_793_610_000 })
    expect(second).not.toEqual(first)
    expect(server.workspace.sends).toHaveLength(2)
    await app.sendPush(new SendPushRequest({ identifiers: { id: 'u1' }, transactional_message_id: 4 }))
    await app.sendInApp(new SendInAppRequest({ identifiers: { id: 'u1' }, transactional_message_id: 4 }))
    expect(server.inbox.of('send').map(({ kind }) => kind)).toEqual([
      'send.email',
      'send.email',
      'send.push',
      'send.in_app',
    ])
  })

  it('are refused with the documented bodies', async () => {
    const withFile = (name: string, content: string) => {
      const request = email()
      request.attach(name, content, { encode: false })
      return app.sendEmail(request)
    }
    expect(await refusal(withFile('filename.xyz', 'not base64!'))).toMatchObject({
      status: 400,
      body: { meta: { error: 'Attachment must be base64 encoded: "filename.xyz"' } },
    })
    expect(await refusal(withFile('run.exe', 'AAAA'))).toMatchObject({
      status: 403,
      body: { meta: { error: 'Forbidden file type exe for attachment run.exe.' } },
    })
    expect(await refusal(withFile('large.pdf', 'AAAA'.repeat(700_000)))).toMatchObject({
      status: 413,
      body: { meta: { error: 'Total attachment size exceeds the limit' } },
    })
    const sixteen = Array.from({ length: 16 }, (_, n) => `p${n}@example.com`).join(',')
    expect((await refusal(app.sendEmail(email({ to: sixteen })))).status).toBe(400)
    expect((await refusal(app.sendEmail(email({ identifiers: { id: 'u1', email: 'x@example.com' } })))).status).toBe(
      400,
    )
    expect((await refusal(app.sendEmail(email({ message_data: { text: 'x'.repeat(1_000_001) } })))).status).toBe(413)
    expect(server.workspace.sends).toHaveLength(0)
  })

  it('appear in the look-ups only after the delay, among earlier ones', async () => {
    await track.identify('u1', { email: 'ada@example.com' })
    await app.sendEmail(email())
    nowMs += 60_000
    const { delivery_id } = (await app.sendEmail(email())) as { delivery_id: string }
    const template = server.workspace.sends[0]?.transactionalMessageId ?? 0
    const lookUp = async (options = {}) =>
      ((await app.getTransactionalMessageDeliveries(template, options)) as { messages: Record<string, unknown>[] })
        .messages
    expect(await lookUp()).toHaveLength(1)
    expect((await refusal(app.getMessage(delivery_id))).status).toBe(404)
    nowMs += 30_000
    expect((await lookUp()).map(({ created }) => created)).toEqual([1_793_610_060, 1_793_610_000])
    expect(await lookUp({ start_ts: 1_793_610_001, end_ts: 1_793_610_060 })).toEqual([
      expect.objectContaining({
        id: delivery_id,
        customer_id: 'u1',
        customer_identifiers: { id: 'u1', email: 'ada@example.com', cio_id: '000000000001' },
        recipient: 'ada@example.com',
        created: 1_793_610_060,
        metrics: { created: 1_793_610_060, sent: 1_793_610_060 },
      }),
    ])
    await expect(app.getCustomerMessages('u1', { limit: 1 })).resolves.toMatchObject({
      messages: [{ id: delivery_id }],
      next: '1',
    })
    await expect(app.getMessage(delivery_id)).resolves.toMatchObject({ message: { id: delivery_id } })
  })

  it('are looked up at most ten times per second', async () => {
    const lookUps = Array.from({ length: 10 }, () => app.getTransactionalMessageDeliveries(7))
    await Promise.all(lookUps)
    expect(await refusal(app.getTransactionalMessageDeliveries(7))).toEqual({
      status: 429,
      body: { errors: [{ detail: expect.stringContaining('rate limited to 10 requests per 1s'), status: '429' }] },
      headers: expect.objectContaining({ 'retry-after': '1' }),
    })
    nowMs += 1_000
    await expect(app.getTransactionalMessageDeliveries(7)).resolves.toEqual({ messages: [], next: '' })
  })
})

describe('broadcasts', () => {
  it('run once in ten seconds with five more in line', async () => {
    for (let n = 1; n <= 6; n++)
      await expect(app.triggerBroadcast(12, { n }, { ids: ['u1'] })).resolves.toEqual({ id: n })
    expect((await refusal(app.triggerBroadcast(12, {}, { ids: ['u1'] }))).status).toBe(429)
    await expect(app.triggerBroadcast(13, {}, { ids: ['u1'] })).resolves.toEqual({ id: 7 })
    nowMs += 10_000
    await expect(app.triggerBroadcast(12, {}, { ids: ['u1'] })).resolves.toEqual({ id: 8 })
  })

  it('are refused with a 422 that points at what is wrong', async () => {
    const refused = await refusal(app.triggerBroadcast(12, {}, { per_user_data: [{ data: {} }] }))
    expect(refused).toMatchObject({
      status: 422,
      body: { errors: [{ source: { pointer: '/data/attributes/per_user_data' }, status: '422' }] },
    })
  })
})

describe('the account', () => {
  it('has reporting webhooks that can be made, listed, changed and deleted', async () => {
    const made = (await app.createReportingWebhook({
      name: 'all',
      endpoint: 'https://example.com/hook',
      events: ['email_sent'],
    })) as { id: number }
    expect(made).toMatchObject({
      id: 1,
      type: 'webhook',
      endpoint: 'https://example.com/hook',
      events: ['email_sent'],
      disabled: false,
    })
    await app.updateReportingWebhook(made.id, { disabled: true })
    await expect(app.listReportingWebhooks()).resolves.toMatchObject({
      reporting_webhooks: [{ id: 1, name: 'all', disabled: true }],
    })
    expect(
      (
        await refusal(
          app.createReportingWebhook({ name: 'x', endpoint: 'https://example.com', events: ['email_sung'] }),
        )
      ).status,
    ).toBe(400)
    await app.deleteReportingWebhook(made.id)
    expect((await refusal(app.getReportingWebhook(made.id))).status).toBe(404)
    await expect(app.getIpAddresses()).resolves.toEqual({ ip_addresses: ['127.0.0.1', '::1'] })
  })

  it('shows people to the App API', async () => {
    await track.identify('u1', { email: 'ada@example.com', unsubscribed: true })
    await expect(app.getAttributes('u1')).resolves.toMatchObject({
      customer: { id: 'u1', unsubscribed: true, attributes: { email: 'ada@example.com' } },
    })
    await expect(app.getCustomersByEmail('ADA@example.com')).resolves.toMatchObject({ results: [{ id: 'u1' }] })
    expect((await refusal(app.getAttributes('u2'))).status).toBe(404)
  })

  it('honours rotated and revoked credentials', async () => {
    server.credentials.replace({ trackApiKeys: ['track-key', 'next-key'] })
    const next = new TrackClient('site', 'next-key', { url: server.trackUrl, ...NO_RETRY })
    await Promise.all([track.identify('u1', {}), next.identify('u1', {})])
    server.credentials.replace({ trackApiKeys: ['next-key'], appApiKeys: [] })
    expect((await refusal(track.identify('u1', {}))).status).toBe(401)
    const refused = await refusal(app.getIpAddresses())
    expect(refused.status).toBe(401)
    expect(refused.headers).not.toHaveProperty('www-authenticate')
  })
})

describe('what an erasure or an audit asks for', () => {
  it('unsubscribes by delivery id without credentials', async () => {
    await track.identify('u1', {})
    const request = new SendPushRequest({ identifiers: { id: 'u1' }, transactional_message_id: 4 })
    const { delivery_id } = (await app.sendPush(request)) as { delivery_id: string }
    await track.unsubscribe(delivery_id)
    expect(person('u1')?.attributes.get('unsubscribed')).toBe(true)
    expect((await refusal(track.unsubscribe('unknown'))).status).toBe(400)
  })

  it('lists deliveries by template and channel, templates by name, and a person’s events', async () => {
    await server.close()
    await start({ deliveryDelayMs: 0 })
    await track.track('u1', { name: 'ordered', timestamp: 1_793_600_000 })
    await app.sendPush(new SendPushRequest({ identifiers: { id: 'u1' }, transactional_message_id: 'shipped' }))
    const template = server.workspace.templates.resolve('shipped')
    await expect(app.getMessages({ transactional_id: template, type: 'push' })).resolves.toMatchObject({
      messages: [{ type: 'push' }],
    })
    await expect(app.getMessages({ type: 'email' })).resolves.toMatchObject({ messages: [] })
    await expect(app.listTransactionalMessages()).resolves.toMatchObject({
      messages: expect.arrayContaining([expect.objectContaining({ id: template, name: 'shipped' })]),
    })
    await expect(app.getCustomerActivities('u1')).resolves.toMatchObject({
      activities: [{ type: 'event', name: 'ordered', timestamp: 1_793_600_000 }],
    })
    expect((await refusal(app.getCustomerActivities('nobody'))).status).toBe(404)
    expect((await refusal(app.getTransactionalMessageDeliveries('shipped'))).status).toBe(404)
  })

  it('keeps metrics, segments and forms in the inbox', async () => {
    await track.trackPush({ delivery_id: 'd', event: 'opened', device_id: 'x', timestamp: 1 })
    await track.reportMetric({ delivery_id: 'd', metric: 'opened' })
    await track.addCustomersToSegment(1, ['u1'])
    await track.submitForm('f', { email: 'ada@example.com' })
    expect(server.inbox.of().map(({ kind }) => kind)).toEqual(['push_event', 'metric', 'segment', 'form'])
    const headers = { authorization: `Basic ${Buffer.from('site:track-key').toString('base64')}` }
    const form = { method: 'POST', headers, body: '{"data":{}}' }
    expect((await fetch(`${server.trackUrl}/forms/f/submit`, form)).status).toBe(204)
  })

  it('deletes people, devices and objects, and says when there was nothing to delete', async () => {
    await track.identify('u1', {})
    await track.addDevice('u1', 'token-1', 'ios')
    await track.deleteDevice('u1', 'token-1')
    expect(person('u1')?.devices.size).toBe(0)
    await track.destroy('u1')
    await track.destroy('u1')
    const object = { type: 'object', identifiers: { object_type_id: '1', object_id: 'acme' } }
    await track.batch([
      { ...object, action: 'identify' },
      { ...object, action: 'delete' },
      { ...object, action: 'delete_relationships' },
    ])
    expect(server.workspace.objects.describe('1:acme')).toBeUndefined()
    expect(server.inbox.of('delete', 'object.delete').map(({ result }) => result)).toEqual([
      'applied',
      'no_such_person',
      'applied',
    ])
  })
})
