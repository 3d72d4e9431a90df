import { type IdentifyMessage, parseMessage, TOPIC_SCHEMAS, type TopicName } from '../contract/index.ts'
import { createGuard, type Guarded, parseRecipients, type RecipientRules } from './index.ts'

function rules(more: object = {}): RecipientRules {
  const allow = ['@acme.com', 'ann@partner.io', '+4915112345678', 'id:test-*', 'device:d-*', 'broadcast:7']
  const parsed = parseRecipients(JSON.stringify({ allow, ...more }))
  if (typeof parsed === 'string' || 'problems' in parsed) throw new Error(JSON.stringify(parsed))
  return parsed
}

function guarded(topic: TopicName, body: object, given: 'anyone' | RecipientRules = rules()): Guarded<object> {
  const parsed = parseMessage<(typeof TOPIC_SCHEMAS)[TopicName]>(
    TOPIC_SCHEMAS[topic],
    Buffer.from(JSON.stringify(body)),
  )
  if (!parsed.ok) throw new Error(parsed.error)
  // The schema of the topic has just made it.
  const guards: Record<TopicName, (message: never) => Guarded<object>> = createGuard(given)
  return guards[topic](parsed.value as never)
}

/** The field that stops a message, or `allowed`. */
function verdict(topic: TopicName, body: object, given?: RecipientRules): string | undefined {
  const result = guarded(topic, body, given)
  return result.ok ? (result.note ?? 'allowed') : result.error.split(':')[0]
}

const known = { id: 'test-1' }
const unknown = { id: 'u-1' }
const STRANGER = 'jane@customer.org'
const TO_STRANGER = { channel: 'email', transactional_message_id: 1, identifiers: known, to: STRANGER }

describe('an e-mail', () => {
  const email = (more: object, identifiers: object = unknown) =>
    verdict('transactional', { channel: 'email', transactional_message_id: 1, identifiers, ...more })

  it.each([
    'bob@acme.com',
    'BOB@ACME.COM',
    'Bob <bob@acme.com>',
    '"Doe, Bob" <bob@acme.com>, ann@partner.io',
    "o'neil@acme.com",
    'bounce+a=b.org@acme.com',
  ])('to %s is allowed, whoever the person is', (to) => {
    expect(email({ to })).toBe('allowed')
  })

  it.each([
    STRANGER,
    `bob@acme.com, ${STRANGER}`,
    'bob@sub.acme.com',
    'bob@acme.com.evil.org',
    'bob@notacme.com',
    'anna@partner.io',
    `bob@acme.com <${STRANGER}>`,
    `"${STRANGER}" <bob@acme.com>`,
    `${STRANGER} <bob@acme.com>`,
    `'${STRANGER}' <bob@acme.com>`,
    'mailto:bob@acme.com?bcc=jane%40customer.org',
    'bob@acme.com/.evil.org',
    'bob@acme.com#.evil.org',
  ])('to %s is held', (to) => {
    expect(email({ to }, known)).toBe('to')
  })

  it.each(['cc', 'bcc'])('with a stranger in %s is held', (field) => {
    expect(email({ to: 'bob@acme.com', [field]: `bob@acme.com, ${STRANGER}` })).toBe(field)
    expect(email({ to: 'bob@acme.com', [field]: STRANGER, fake_bcc: true })).toBe(field)
  })

  it.each([
    { BCC: STRANGER },
    JSON.stringify({ ' Cc ': STRANGER }),
    JSON.stringify([{ name: 'Resent-To', value: STRANGER }]),
    JSON.stringify([['To', STRANGER]]),
    { 'Bcc:': STRANGER },
    { 'B\u200bcc': STRANGER },
    { "{{ 'Bcc' }}": STRANGER },
    JSON.stringify([{ name: 'X-A', Name: 'Bcc', value: 'a', Value: STRANGER }]),
    { 'X-MC-BccAddress': STRANGER },
    { 'X-SMTPAPI': JSON.stringify({ category: 'receipt', to: ['bob@acme.com', STRANGER] }) },
    { 'X-MSYS-API': JSON.stringify({ cc: [{ email: STRANGER }] }) },
  ])('with a stranger in its headers is held: %j', (headers) => {
    expect(email({ to: 'bob@acme.com', headers })).toBe('headers')
  })

  it('with other headers is allowed, whatever they name', () => {
    expect(email({ to: 'bob@acme.com', headers: { 'X-Customer': STRANGER }, reply_to: STRANGER })).toBe('allowed')
    const settings = (of: object) => ({ to: 'bob@acme.com', headers: { 'X-SMTPAPI': JSON.stringify(of) } })
    expect(email(settings({ category: 'receipt' }))).toBe('allowed')
    expect(email(settings({ to: ['Bob <bob@acme.com>'], sub: { '-name-': ['Bob'] } }))).toBe('allowed')
  })

  it('to Liquid is held unless the person is on the list', () => {
    expect(email({ to: '{{customer.email}}' })).toBe('to')
    expect(email({ to: '{{customer.email}}' }, known)).toBe('allowed')
    expect(email({ to: '{{customer.email}}' }, { email: 'bob@acme.com' })).toBe('allowed')
  })

  it.each([
    `{% if true %}${STRANGER}{% endif %}`,
    `{{ customer.email | default: '${STRANGER}' }}`,
    `{%assign x="${STRANGER}"%}{{x}}`,
    `{{customer.email}}, ${STRANGER}`,
  ])('to Liquid that names a stranger is held: %s', (to) => {
    expect(email({ to }, known)).toBe('to')
  })

  it('of a person who is named by a strange address is held, wherever it goes', () => {
    expect(email({ to: 'bob@acme.com' }, { email: STRANGER })).toBe('identifiers')
  })
})

describe('a send by another channel', () => {
  const send = (channel: string, identifiers: object, more: object = {}) =>
    verdict('transactional', { channel, transactional_message_id: 1, identifiers, ...more })

  it.each(['sms', 'whatsapp'])('%s goes to numbers on the list', (channel) => {
    expect(send(channel, unknown, { to: '+4915112345678' })).toBe('allowed')
    expect(send(channel, known, { to: '+4915112345679' })).toBe('to')
    expect(send(channel, known, { to: '+49123' })).toBe('to')
    expect(send(channel, unknown, { to: '{{customer.phone}}' })).toBe('to')
    expect(send(channel, known, { to: '{{customer.phone}}' })).toBe('allowed')
    expect(send(channel, known, { to: '{% if true %}+4915112345679{% endif %}' })).toBe('to')
  })

  it.each(['whatsapp', 'push', 'in_app', 'inbox_message'])('%s without `to` goes to people on the list', (channel) => {
    expect(send(channel, known)).toBe('allowed')
    expect(send(channel, unknown)).toBe('identifiers')
  })

  it('push to one device goes to devices on the list', () => {
    const device = (token: string) => ({ custom_device: { token, platform: 'ios' } })
    expect(send('push', known, { to: 'last_used' })).toBe('allowed')
    expect(send('push', unknown, { to: 'all' })).toBe('identifiers')
    expect(send('push', unknown, { to: 'd-1' })).toBe('allowed')
    expect(send('push', known, { to: 'token' })).toBe('to')
    expect(send('push', known, device('d-1'))).toBe('allowed')
    expect(send('push', known, device('token'))).toBe('custom_device')
  })

  it('inbox messages to somebody else need them on the list', () => {
    expect(send('inbox_message', known, { to: 'test-2' })).toBe('allowed')
    expect(send('inbox_message', known, { to: 'u-1' })).toBe('to')
    expect(send('inbox_message', known, { to: STRANGER })).toBe('to')
  })
})

describe('a broadcast', () => {
  const broadcast = (broadcast_id: number, more: object = {}) =>
    verdict('transactional', { channel: 'broadcast', broadcast_id, ...more })
  const attribute = (value: string) => ({ attribute: { field: 'email', operator: 'eq', value } })

  it('to an audience that nobody sees here needs its id on the list', () => {
    expect(broadcast(7)).toBe('allowed')
    expect(broadcast(8)).toBe('broadcast_id')
    expect(broadcast(8, { recipients: { segment: { id: 1 } } })).toBe('broadcast_id')
    expect(broadcast(8, { data_file_url: 'https://acme.com/people.json' })).toBe('broadcast_id')
  })

  it('whose filter names a stranger is held all the same', () => {
    expect(broadcast(7, { recipients: { or: [attribute('bob@acme.com')] } })).toBe('allowed')
    expect(broadcast(7, { recipients: { or: [attribute(STRANGER)] } })).toBe('recipients')
    const named = (field: string, value: unknown) =>
      broadcast(7, { recipients: { attribute: { field, operator: 'eq', value } } })
    expect(named('phone', 4915199999999)).toBe('recipients')
    expect(named('phone', '4915199999999')).toBe('recipients')
    expect(named('id', 'u-1')).toBe('recipients')
    expect(named('id', 'test-1')).toBe('allowed')
    expect(named('plan', 'u-1')).toBe('allowed')
  })

  it('to people who are named needs all of them on the list', () => {
    expect(broadcast(8, { ids: ['test-1', 'test-2'] })).toBe('allowed')
    expect(broadcast(7, { ids: ['test-1', 'u-1'] })).toBe('ids')
    expect(broadcast(7, { emails: ['bob@acme.com', STRANGER] })).toBe('emails')
    expect(broadcast(8, { per_user_data: [{ id: 'test-1' }, { email: 'bob@acme.com' }] })).toBe('allowed')
    expect(broadcast(7, { per_user_data: [{ id: 'test-1' }, { email: STRANGER }] })).toBe('per_user_data')
  })
})

describe('an operation on a person', () => {
  const identify = (body: object) => verdict('identify', body)

  it('makes only people on the list known, with addresses on the list', () => {
    expect(identify({ identifiers: known })).toBe('allowed')
    expect(identify({ identifiers: unknown })).toBe('identifiers')
    expect(identify({ identifiers: { email: 'Bob@acme.com' } })).toBe('allowed')
    expect(identify({ identifiers: { email: STRANGER } })).toBe('identifiers')
    expect(identify({ identifiers: known, attributes: { email: STRANGER } })).toBe('attributes')
    expect(identify({ identifiers: known, attributes: { email: [STRANGER] } })).toBe('attributes')
    expect(identify({ identifiers: known, attributes: { phone: '0151 999' } })).toBe('attributes')
    expect(identify({ identifiers: known, attributes: { phone: ['4915199999999'] } })).toBe('attributes')
    expect(identify({ identifiers: known, attributes: { phone: [4915199999999] } })).toBe('attributes')
    expect(identify({ identifiers: known, attributes: { email: '', phone: null } })).toBe('allowed')
    expect(identify({ identifiers: known, attributes: { phone: '+49 151 12345678' } })).toBe('allowed')
    expect(identify({ identifiers: known, attributes: { manager: STRANGER } })).toBe('allowed')
  })

  it('counts somebody as on the list by the address that it gives them', () => {
    expect(identify({ identifiers: unknown, attributes: { email: 'bob@acme.com' } })).toBe('allowed')
    expect(identify({ identifiers: unknown, attributes: { email: 'bob@acme.com', phone: '+4930' } })).toBe('attributes')
    expect(identify({ identifiers: unknown, attributes: { anonymous_id: 'test-1' } })).toBe('identifiers')
  })

  it.each<IdentifyMessage['action']>(['delete', 'suppress'])('may %s anybody', (action) => {
    expect(identify({ action, identifiers: { email: STRANGER } })).toBe('allowed')
  })

  it('holds what lets a stranger be written to in another way', () => {
    expect(identify({ action: 'unsuppress', identifiers: unknown })).toBe('identifiers')
    expect(identify({ action: 'merge', primary: known, secondary: unknown })).toBe('secondary')
    expect(identify({ action: 'merge', primary: unknown, secondary: known })).toBe('primary')
    expect(identify({ action: 'add_device', identifiers: unknown, device: { token: 't', platform: 'ios' } })).toBe(
      'identifiers',
    )
    const object = { object_type_id: '1', object_id: 'acme' }
    expect(identify({ type: 'object', identifiers: object })).toBe('allowed')
    const related = (identifiers: object) => ({ cio_relationships: [{ identifiers: known }, { identifiers }] })
    expect(identify({ type: 'object', identifiers: object, ...related({ id: 'test-2' }) })).toBe('allowed')
    expect(identify({ type: 'object', identifiers: object, ...related(unknown) })).toBe('cio_relationships')
  })
})

describe('an event', () => {
  const track = (identifiers: object, attributes: object = {}) =>
    verdict('track', { identifiers, name: 'ordered', attributes })

  it('of somebody on the list is allowed, unless its recipient is another', () => {
    expect(track(known)).toBe('allowed')
    expect(track(unknown)).toBe('identifiers')
    expect(track({ anonymous_id: 'v1' })).toBe('identifiers')
    expect(track(known, { recipient: 'bob@acme.com' })).toBe('allowed')
    expect(track(known, { recipient: STRANGER })).toBe('attributes.recipient')
    expect(track(known, { recipient: [STRANGER] })).toBe('attributes.recipient')
    expect(track(known, { recipient: '0049 151 999999' })).toBe('attributes.recipient')
    expect(track(known, { recipient: 4915199999999 })).toBe('attributes.recipient')
    expect(track(known, { recipient: 'bob@acme.com, jane\uff20customer.org' })).toBe('attributes.recipient')
    expect(track(known, { recipient: '' })).toBe('allowed')
    expect(track(known, { buyer: STRANGER })).toBe('allowed')
  })
})

describe('otherwise', () => {
  const redirected = (body: object, redirect_to: object = { email: 'inbox@acme.io', phone: '+4930000000' }) =>
    guarded('transactional', body, rules({ otherwise: 'redirect', redirect_to }))

  it('drop leaves no dead letter', () => {
    const dropping = rules({ otherwise: 'drop' })
    expect(guarded('track', { identifiers: unknown, name: 'a' }, dropping)).toMatchObject({
      ok: false,
      isDropped: true,
    })
    expect(guarded('transactional', TO_STRANGER, dropping)).toMatchObject({ ok: false, isDropped: true })
    expect(guarded('transactional', TO_STRANGER)).not.toHaveProperty('isDropped')
  })

  it('redirect sends an e-mail to one address, and a header says for whom it was', () => {
    const body = { ...TO_STRANGER, to: `Jane <${STRANGER}>, bob@acme.com`, cc: STRANGER, bcc: STRANGER, fake_bcc: true }
    const headers = { Bcc: STRANGER, 'X-Tag': 'a' }
    expect(redirected({ ...body, identifiers: { email: STRANGER }, headers })).toEqual({
      ok: true,
      note: 'redirected',
      value: {
        ...{ channel: 'email', transactional_message_id: 1, to: 'inbox@acme.io' },
        identifiers: { email: 'inbox@acme.io' },
        headers: { 'X-Tag': 'a', 'X-Intended-Recipient': `${STRANGER}, bob@acme.com, ${STRANGER}, ${STRANGER}` },
      },
    })
  })

  it.each([
    ['{"X-Tag":"a"}', `{"X-Tag":"a","X-Intended-Recipient":"${STRANGER}"}`],
    [
      '[{"name":"X-Tag","value":"a"}]',
      `[{"name":"X-Tag","value":"a"},{"name":"X-Intended-Recipient","value":"${STRANGER}"}]`,
    ],
  ])('redirect keeps headers in their form: %s', (headers, expected) => {
    expect(redirected({ ...TO_STRANGER, headers })).toMatchObject({ value: { headers: expected, identifiers: known } })
  })

  it('redirect sends an SMS to one number', () => {
    const sms = { channel: 'sms', transactional_message_id: 1, identifiers: unknown, to: '+4915199999999' }
    expect(redirected(sms)).toMatchObject({ ok: true, note: 'redirected', value: { to: '+4930000000' } })
    expect(redirected(sms, { email: 'inbox@acme.io' })).toMatchObject({ ok: false })
  })

  it('redirect holds what has no address to replace', () => {
    expect(redirected({ channel: 'push', transactional_message_id: 1, identifiers: unknown })).toMatchObject({
      ok: false,
    })
    expect(redirected({ channel: 'broadcast', broadcast_id: 8 })).toMatchObject({ ok: false })
    const event = { identifiers: unknown, name: 'a' }
    const redirecting = rules({ otherwise: 'redirect', redirect_to: { email: 'inbox@acme.io' } })
    expect(guarded('track', event, redirecting)).toMatchObject({ ok: false })
  })

  it('redirect leaves alone what goes to the list', () => {
    const body = { ...TO_STRANGER, to: 'bob@acme.com' }
    expect(redirected(body)).toEqual({ ok: true, value: body })
  })
})

it('lets everything through in production', () => {
  expect(guarded('transactional', TO_STRANGER, 'anyone')).toEqual({ ok: true, value: TO_STRANGER })
  expect(guarded('track', { identifiers: unknown, name: 'a' }, 'anyone')).toMatchObject({ ok: true })
})

it('names no address in its error', () => {
  const result = guarded('transactional', TO_STRANGER)
  expect(result.ok ? '' : result.error).toMatch(/^to: not on the list/)
  expect(JSON.stringify(result)).not.toContain(STRANGER)
})

describe('rules', () => {
  it.each([
    ['everybody', 'must be `anyone`, or rules as JSON'],
    ['[]', expect.stringContaining('expected object')],
    ['{}', expect.stringMatching(/^allow /)],
    ['{"allow":["*"]}', expect.stringMatching(/^allow\.0 must be @domain/)],
    ['{"allow":["@acme.com","*@acme.com"]}', expect.stringMatching(/^allow\.1 must be @domain/)],
    ['{"allow":["a@b.c, d@e.f"]}', expect.stringMatching(/^allow\.0 must be @domain/)],
    ['{"allow":["name:x"]}', expect.stringMatching(/^allow\.0 must be @domain/)],
    ['{"allow":[],"otherwise":"bounce"}', 'otherwise must be hold, redirect or drop'],
    ['{"allow":[],"otherwise":"redirect"}', expect.stringMatching(/^redirect_to required/)],
    ['{"allow":[],"redirect_to":{"email":"a@b.c"}}', expect.stringMatching(/^redirect_to has no effect/)],
    ['{"allow":[],"otherwise":"redirect","redirect_to":{"email":"a"}}', 'redirect_to.email must be an e-mail address'],
    ['{"allow":[],"else":1}', expect.stringContaining('else')],
  ])('%s are refused with the field and the fix', (text, problem) => {
    expect(parseRecipients(text)).toEqual({ problems: expect.arrayContaining([problem]) })
  })

  it('hold by default', () => {
    expect(parseRecipients('{"allow":[]}')).toEqual({ allow: [], otherwise: 'hold' })
    expect(parseRecipients('anyone')).toBe('anyone')
  })
})
