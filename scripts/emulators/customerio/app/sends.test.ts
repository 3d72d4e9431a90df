import { startTestCustomerIo } from '../../../testing/customerio.ts'
import type { CustomerIoServer } from '../index.ts'

const NOW_SECONDS = 1_793_610_000
let server: CustomerIoServer

beforeAll(async () => {
  server = await startTestCustomerIo({ now: () => NOW_SECONDS * 1_000 })
})
afterAll(() => server.close())

async function send(channel: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${server.appUrl}/send/${channel}`, {
    method: 'POST',
    headers: { authorization: 'Bearer app-key' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
}

const email = { to: 'ada@example.com', identifiers: { email: 'ada@example.com' }, transactional_message_id: 'receipt' }
const { transactional_message_id: _template, ...withoutTemplate } = email
const push = { identifiers: { id: 'u1' }, transactional_message_id: 3 }

describe('a transactional message', () => {
  it.each<[string, string, unknown]>([
    ['is no JSON', 'email', '{"to":'],
    ['is a list', 'email', []],
    ['has no identifiers', 'email', { ...email, identifiers: undefined }],
    ['is identified by a phone number', 'email', { ...email, identifiers: { phone: '+447700900001' } }],
    ['goes to nobody', 'email', { ...email, to: '' }],
    ['goes to what is no address', 'email', { ...email, to: 'ada' }],
    [
      'has 16 recipients in all',
      'email',
      { ...email, bcc: Array.from({ length: 15 }, (_, n) => `p${n}@example.com`).join(', ') },
    ],
    ['has neither template nor body', 'email', withoutTemplate],
    ['has attachments that are a list', 'email', { ...email, attachments: ['a'] }],
    ['has message data in text', 'email', { ...email, message_data: 'x' }],
    ['is for later, in text', 'push', { ...push, send_at: '2026' }],
    ['is for later than 90 days', 'push', { ...push, send_at: NOW_SECONDS + 91 * 86_400 }],
    ['has no template', 'in_app', { identifiers: { id: 'u1' } }],
    ['goes to what is no phone number', 'sms', { ...push, to: '0770' }],
    ['is an SMS to nobody', 'sms', push],
  ])('is refused with 400 when it %s', async (_what, channel, body) => {
    expect(await send(channel, body)).toEqual({ status: 400, body: { meta: { error: expect.any(String) } } })
  })

  it.each<[string, string, unknown]>([
    [
      'brings body, subject and sender of its own',
      'email',
      { ...withoutTemplate, body: '<p>', subject: 's', from: 'x@example.com' },
    ],
    [
      'has 15 recipients',
      'email',
      { ...email, cc: Array.from({ length: 14 }, (_, n) => `p${n}@example.com`).join(',') },
    ],
    ['has an attachment of 2 MB', 'email', { ...email, attachments: { 'a.pdf': 'A'.repeat(2_666_664) } }],
    ['brings a push payload of its own', 'push', { identifiers: { id: 'u1' }, custom_payload: { ios: {} } }],
    ['leaves its recipient to Liquid', 'email', { ...email, to: '{{customer.email}}' }],
    ['leaves its number to Liquid', 'sms', { ...push, to: '{% if a %}{{customer.phone}}{% endif %}' }],
    ['is an SMS', 'sms', { ...push, to: '+447700900001' }],
    ['is a WhatsApp message', 'whatsapp', push],
    ['is an inbox message', 'inbox_message', push],
  ])('is accepted when it %s', async (_what, channel, body) => {
    expect(await send(channel, body)).toEqual({
      status: 200,
      body: { delivery_id: expect.any(String), queued_at: NOW_SECONDS },
    })
  })

  it.each([
    ['ada@example.com', 'ada@example.com'],
    ['"Love, Ada" <ada@example.com>, <mailto:bob@example.com>', 'ada@example.com, bob@example.com'],
    ['MAILTO:Ada@Bücher.example', 'Ada@xn--bcher-kva.example'],
    ['{{ customer.email | downcase }}, {{trigger.copy.to}}', 'ada@example.com, copy@example.com'],
    ['{{customer.nothing}}', null],
  ])('to %s is shown as gone to %s', async (to, recipient) => {
    const { workspace } = server
    workspace.people.findOrCreate({ kind: 'email', value: 'ada@example.com' })
    await send('email', { ...email, to, message_data: { copy: { to: 'copy@example.com' } } })
    expect(workspace.sends.at(-1)?.recipient).toBe(recipient)
    workspace.testAddress = 'tests@example.com'
    await send('email', { ...email, to: 'ada@example.com' })
    workspace.testAddress = undefined
    expect(workspace.sends.at(-1)?.recipient).toBe('tests@example.com')
  })

  it('is shown in look-ups as documented: without what there is none of, by their names of the channels', async () => {
    server.workspace.people.identify({ kind: 'id', value: 'u8' }, {}, NOW_SECONDS)
    const shown = async (channel: string, body: object) => {
      const { body: accepted } = await send(channel, { ...push, identifiers: { id: 'u8' }, ...body })
      const { delivery_id } = accepted as { delivery_id: string }
      const headers = { authorization: 'Bearer app-key' }
      const answer = await fetch(`${server.appUrl}/messages/${delivery_id}`, { headers })
      return ((await answer.json()) as { message: Record<string, unknown> }).message
    }
    expect(await shown('sms', { to: '+447700900001' })).toMatchObject({ type: 'twilio', recipient: '+447700900001' })
    expect(await shown('email', { to: 'a@example.com' })).toMatchObject({ type: 'email', subject: 'Template 3' })
    const inbox = await shown('inbox_message', {})
    expect(inbox).toMatchObject({ type: 'in_app', customer_id: 'u8', customer_identifiers: { id: 'u8', email: null } })
    for (const absent of ['recipient', 'subject', 'action_id', 'content_id']) expect(inbox).not.toHaveProperty(absent)
    const unknown = await shown('push', { identifiers: { email: 'nobody@example.com' } })
    expect(unknown).not.toHaveProperty('customer_identifiers')
  })

  it('is never shown with an address of its person that is none', async () => {
    const who = { kind: 'id', value: 'u70' } as const
    const { people } = server.workspace
    for (const address of [' ', 'ada', 'ada@', 'a da@example.com', 'a@b@example.com', 7]) {
      people.identify(who, { email: address }, NOW_SECONDS)
      expect(people.find(who)).toMatchObject({ identifiers: { cio_id: expect.any(String), id: 'u70' } })
      expect(people.find(who)?.identifiers).not.toHaveProperty('email')
      const given = { ...push, identifiers: { email: address }, auto_create: true }
      expect(await send('push', given)).toMatchObject({ status: 400 })
    }
  })

  it('is listed for its person, under every identifier of theirs that the workspace uses, and for nobody unknown', async () => {
    const { workspace } = server
    workspace.people.identify(
      { kind: 'id', value: 'u9' },
      { email: 'eve@example.com', phone: '+15550100' },
      NOW_SECONDS,
    )
    await send('push', { ...push, identifiers: { id: 'u9' } })
    const list = async (path: string) => {
      const answer = await fetch(`${server.appUrl}/customers/${path}`, { headers: { authorization: 'Bearer app-key' } })
      const { messages } = (await answer.json()) as { messages?: { id: string }[] }
      return messages?.map(({ id }) => id) ?? answer.status
    }
    const delivery = workspace.sends.at(-1)?.deliveryId
    expect(await list('u9/messages')).toEqual([delivery])
    expect(await list(`u9/messages?start_ts=${NOW_SECONDS + 1}`)).toEqual([])
    expect(await list('eve%40example.com/messages?id_type=email')).toEqual([delivery])
    const cioId = workspace.people.find({ kind: 'id', value: 'u9' })?.cioId
    expect(await list(`${cioId}/messages?id_type=cio_id`)).toEqual([delivery])
    expect(await list('%2B15550100/messages?id_type=phone')).toBe(400)
    expect(await list('nobody/messages')).toBe(404)
  })

  it('has its time echoed only when that lies ahead', async () => {
    expect((await send('push', { ...push, send_at: NOW_SECONDS + 60 })).body).toMatchObject({
      send_at: NOW_SECONDS + 60,
    })
    expect((await send('push', { ...push, send_at: NOW_SECONDS - 60 })).body).not.toHaveProperty('send_at')
  })

  it('creates its person only when told so', async () => {
    const { people } = server.workspace
    await send('push', { ...push, identifiers: { id: 'u7' } })
    expect(people.find({ kind: 'id', value: 'u7' })).toBeUndefined()
    await send('push', { ...push, identifiers: { id: 'u7' }, auto_create: true })
    expect(people.find({ kind: 'id', value: 'u7' })).toBeDefined()
  })

  it('gets one number for each template name, and keeps numbers as they are', async () => {
    const numbers = server.workspace.sends.length
    for (const template of ['welcome', 'receipt', 'welcome', '12', 12])
      await send('push', { ...push, transactional_message_id: template })
    const [welcome, receipt, again, text, number] = server.workspace.sends
      .slice(numbers)
      .map((one) => one.transactionalMessageId)
    expect(again).toBe(welcome)
    expect(receipt).not.toBe(welcome)
    expect([text, number]).toEqual([12, 12])
  })

  it('is unknown on a channel that is none', async () => {
    expect((await send('fax', push)).status).toBe(404)
  })
})
