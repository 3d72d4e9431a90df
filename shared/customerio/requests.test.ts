import { createTestService } from '../../scripts/testing/customerio-service.ts'
import { startRecordingServer } from '../../scripts/testing/recording-server.ts'
import { identifyMessage, parseMessage, trackMessage, transactionalMessage } from '../contract/index.ts'

/**
 * Every request that the pipeline makes, for every action: the message as it is published, and what Customer.io gets.
 * Track operations travel in a v2 batch; the table shows the single item of it.
 */

let server: Awaited<ReturnType<typeof startRecordingServer>>
beforeAll(async () => {
  server = await startRecordingServer()
})
afterAll(() => server.close())
beforeEach(() => server.requests.splice(0))

const service = () => createTestService({ trackUrl: `${server.url}/api/v1`, appUrl: `${server.url}/v1` }).service

function parsed<T extends Parameters<typeof parseMessage>[0]>(schema: T, message: object) {
  const result = parseMessage(schema, Buffer.from(JSON.stringify(message)))
  if (!result.ok) throw new Error(result.error)
  return result.value
}

const basic = `Basic ${Buffer.from('site:track-key').toString('base64')}`
const id = { id: 'u1' }

const OPERATIONS: [string, object, object][] = [
  ['identify', { identifiers: id, attributes: { plan: 'pro' }, timestamp: 1_763_740_000 }, {}],
  ['identify by e-mail', { identifiers: { email: 'a@example.com' } }, {}],
  ['identify by cio_id', { identifiers: { cio_id: 'a3000001' }, attributes: { _update: true } }, {}],
  ['identify by phone', { identifiers: { phone: '+15550100' } }, {}],
  ['identify at an ISO time', { identifiers: id, timestamp: '2025-11-21T15:46:40Z' }, { timestamp: 1_763_740_000 }],
  ['delete', { action: 'delete', identifiers: id }, {}],
  ['suppress', { action: 'suppress', identifiers: id }, {}],
  ['unsuppress', { action: 'unsuppress', identifiers: id }, {}],
  ['merge', { action: 'merge', primary: id, secondary: { email: 'old@example.com' } }, {}],
  [
    'add_device',
    { action: 'add_device', identifiers: id, device: { token: 't', platform: 'ios', last_used: 1_763_740_000 } },
    {},
  ],
  ['delete_device', { action: 'delete_device', identifiers: id, device: { token: 't' } }, {}],
  [
    'add_relationships',
    {
      action: 'add_relationships',
      identifiers: id,
      cio_relationships: [{ identifiers: { object_type_id: '1', object_id: 'acme' } }],
    },
    {},
  ],
  [
    'delete_relationships',
    {
      action: 'delete_relationships',
      identifiers: id,
      cio_relationships: [{ identifiers: { cio_object_id: 'ob1' } }],
    },
    {},
  ],
  [
    'object identify',
    { type: 'object', identifiers: { object_type_id: '1', object_id: 'acme' }, attributes: { name: 'Acme' } },
    {},
  ],
  ['object delete', { type: 'object', action: 'delete', identifiers: { object_type_id: '1', object_id: 'acme' } }, {}],
]

describe('identify', () => {
  it.each(OPERATIONS)('%s', async (_name, message, differs) => {
    const operation = parsed(identifyMessage, message)
    expect(await service().identify(operation)).toMatchObject({ kind: 'delivered', batchSize: 1 })
    expect(server.requests).toEqual([
      {
        method: 'POST',
        path: '/api/v2/batch',
        headers: expect.objectContaining({ authorization: basic, 'content-type': 'application/json' }),
        body: { batch: [{ type: 'person', action: 'identify', ...message, ...differs }] },
      },
    ])
  })

  it('suppress and delete by name', async () => {
    const cio = service()
    await cio.suppress(id)
    await cio.delete({ email: 'a@example.com' })
    expect(server.requests.map(({ body }) => body)).toEqual([
      { batch: [{ type: 'person', action: 'suppress', identifiers: id }] },
      { batch: [{ type: 'person', action: 'delete', identifiers: { email: 'a@example.com' } }] },
    ])
  })
})

const EVENTS: [string, object][] = [
  ['event', { identifiers: id, name: 'order_completed', attributes: { total: 42.5 }, timestamp: 1_763_740_000 }],
  ['event with an id', { identifiers: id, name: 'order_completed', id: '01ARZ3NDEKTSV4RRFFQ69G5FAV' }],
  ['page', { action: 'page', identifiers: id, name: 'https://example.com/' }],
  ['screen', { action: 'screen', identifiers: id, name: 'Home' }],
  ['anonymous event', { identifiers: { anonymous_id: 'visitor-9' }, name: 'video_played' }],
]

describe('track', () => {
  it.each(EVENTS)('%s', async (_name, message) => {
    expect(await service().track(parsed(trackMessage, message))).toMatchObject({ kind: 'delivered', batchSize: 1 })
    expect(server.requests).toEqual([
      {
        method: 'POST',
        path: '/api/v2/batch',
        headers: expect.objectContaining({ authorization: basic }),
        body: { batch: [{ type: 'person', action: 'event', ...message }] },
      },
    ])
  })
})

const template = { transactional_message_id: 3, identifiers: id }
const everyEmailField = {
  ...template,
  to: 'ada@example.com',
  from: 'shop@example.com',
  subject: 'Your order',
  body: '<p>Thanks</p>',
  body_plain: 'Thanks',
  body_amp: '<html amp4email></html>',
  preheader: 'Thanks',
  cc: 'team@example.com',
  bcc: 'archive@example.com',
  fake_bcc: true,
  reply_to: 'help@example.com',
  headers: { 'X-Order': 'o-1' },
  attachments: { 'invoice.txt': Buffer.from('42.50').toString('base64') },
  message_data: { order: 'o-1' },
  tracked: false,
  send_to_unsubscribed: false,
  disable_message_retention: true,
  disable_css_preprocessing: true,
  queue_draft: false,
  send_at: 1_763_740_000,
  language: 'pl',
  auto_create: true,
}
const everyPushField = {
  ...template,
  to: 'last_used',
  title: 'Shipped',
  message: 'On its way',
  image_url: 'https://example.com/a.png',
  link: 'app://orders/1',
  sound: 'default',
  custom_data: { a: 'b' },
  custom_device: { token: 't', platform: 'ios' },
  custom_payload: { ios: { aps: { alert: 'Shipped' } } },
  language: 'pl',
}
const everyPhoneField = { ...template, to: '+15550100', from: '+15550199', tracked: true, auto_create: true }

const SENDS: [string, string, object][] = [
  ['email', '/v1/send/email', everyEmailField],
  [
    'email with a body of its own',
    '/v1/send/email',
    { to: 'a@example.com', identifiers: { email: 'a@example.com' }, from: 'b@example.com', subject: 's', body: 'b' },
  ],
  ['push', '/v1/send/push', everyPushField],
  ['push to all devices', '/v1/send/push', template],
  ['sms', '/v1/send/sms', everyPhoneField],
  ['whatsapp', '/v1/send/whatsapp', everyPhoneField],
  ['in_app', '/v1/send/in_app', { ...template, message_data: { a: 1 }, auto_create: true }],
  ['inbox_message', '/v1/send/inbox_message', { ...template, message_data: { a: 1 } }],
]

describe('transactional', () => {
  it.each(SENDS)('%s', async (name, path, body) => {
    const channel = name.split(' ')[0]
    const message = parsed(transactionalMessage, { channel, ...body })
    expect(await service().transactional(message)).toMatchObject({ kind: 'delivered' })
    expect(server.requests).toEqual([
      {
        method: 'POST',
        path,
        headers: expect.objectContaining({ authorization: 'Bearer app-key', 'content-type': 'application/json' }),
        body,
      },
    ])
  })

  it.each([
    ['to its own audience', {}],
    ['to recipients by a filter', { recipients: { segment: { id: 7 } } }],
    ['to ids', { ids: ['u1'], id_ignore_missing: true }],
    ['to e-mail addresses', { emails: ['a@example.com'], email_add_duplicates: true }],
    ['to people with data each', { per_user_data: [{ id: 'u1', data: { a: 1 } }] }],
    ['to a file of people', { data_file_url: 'https://example.com/people.json' }],
  ])('broadcast %s', async (_name, audience) => {
    const data = { headline: 'Sale' }
    const message = parsed(transactionalMessage, { channel: 'broadcast', broadcast_id: 7, data, ...audience })
    if (message.channel !== 'broadcast') throw new Error('not a broadcast')
    expect(await service().broadcast(message)).toMatchObject({ kind: 'delivered' })
    expect(server.requests).toEqual([
      {
        method: 'POST',
        path: '/v1/campaigns/7/triggers',
        headers: expect.objectContaining({ authorization: 'Bearer app-key' }),
        body: { data, ...audience },
      },
    ])
  })

  it.each<[string, object, object]>([
    ['that it is set up for', {}, {}],
    ['of a filter', { recipients: { segment: { id: 7 } } }, { recipients: { segment: { id: 7 } } }],
    ['of people', { ids: ['1'] }, { ids: ['1'], id_ignore_missing: true }],
  ])('makes no filter of the flags of a broadcast to the audience %s', async (_audience, audience, sent) => {
    const flags = { id_ignore_missing: true, email_ignore_missing: false, email_add_duplicates: false }
    const message = parsed(transactionalMessage, { channel: 'broadcast', broadcast_id: 7, ...audience, ...flags })
    if (message.channel !== 'broadcast') throw new Error('not a broadcast')
    expect(await service().broadcast(message)).toMatchObject({ kind: 'delivered' })
    expect(server.requests).toMatchObject([{ body: sent }])
    expect(Object.keys(Object(server.requests[0]?.body))).toEqual(Object.keys(sent))
  })
})

it('asks for deliveries of a transactional message within a time', async () => {
  await service().findDeliveries({ transactionalMessageId: 3, createdFrom: 100, createdUntil: 200 })
  expect(server.requests[0]).toMatchObject({
    method: 'GET',
    path: '/v1/transactional/3/messages?limit=1000&start_ts=100&end_ts=200',
    headers: { authorization: 'Bearer app-key' },
  })
})
