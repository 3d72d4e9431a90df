import type { z } from 'zod'
import { identifyMessage, parseMessage, trackMessage, transactionalMessage } from './index.ts'

const NOW_SECONDS = 1_763_740_000

function parse(schema: z.ZodType, message: unknown) {
  return parseMessage(schema, Buffer.from(JSON.stringify(message)), { now: () => NOW_SECONDS * 1000 })
}

/** What comes out, or the error. */
function result(schema: z.ZodType, message: unknown): unknown {
  const parsed = parse(schema, message)
  return parsed.ok ? parsed.value : parsed.error
}

const person = { identifiers: { id: 'u1' } }
const event = { ...person, name: 'order' }
const company = { type: 'object', identifiers: { object_type_id: '1', object_id: 'acme' } }
const email = { channel: 'email', ...person, transactional_message_id: 1, to: 'a@example.com' }
const push = { channel: 'push', ...person, transactional_message_id: 1 }
const broadcast = { channel: 'broadcast', broadcast_id: 1 }

describe('an id may be a number, whatever it is of', () => {
  it.each<[string, z.ZodType, (id: unknown) => object]>([
    ['id', identifyMessage, (id) => ({ identifiers: { id } })],
    ['cio_id', identifyMessage, (cio_id) => ({ identifiers: { cio_id } })],
    ['id of a merge', identifyMessage, (id) => ({ action: 'merge', primary: { id }, secondary: { id: '8' } })],
    ['anonymous_id', trackMessage, (anonymous_id) => ({ identifiers: { anonymous_id }, name: 'x' })],
    ['object_id', identifyMessage, (object_id) => ({ ...company, identifiers: { object_type_id: '1', object_id } })],
    [
      'object_type_id',
      identifyMessage,
      (type) => ({ ...company, identifiers: { object_type_id: type, object_id: 'a' } }),
    ],
    ['cio_object_id', identifyMessage, (cio_object_id) => ({ ...company, identifiers: { cio_object_id } })],
    [
      'object_id of a relationship',
      identifyMessage,
      (object_id) => ({ ...person, cio_relationships: [{ identifiers: { object_type_id: 1, object_id } }] }),
    ],
    ['id of a send', transactionalMessage, (id) => ({ ...push, identifiers: { id } })],
    ['ids of a broadcast', transactionalMessage, (id) => ({ ...broadcast, ids: ['a', id] })],
    ['id in per_user_data', transactionalMessage, (id) => ({ ...broadcast, per_user_data: [{ id }] })],
  ])('%s', (_what, schema, message) => {
    expect(parse(schema, message(7))).toMatchObject({ ok: true })
    expect(parse(schema, message(7))).toEqual(parse(schema, message('7')))
    for (const wrong of [true, 1.5, null, [7], { id: 7 }, '']) {
      expect(parse(schema, message(wrong))).toMatchObject({ ok: false, reason: 'contract' })
    }
  })
})

describe('a time', () => {
  const NOON = 1_763_726_400
  it.each([
    ['java.time, OffsetDateTime without seconds', '2025-11-21T12:00Z', NOON],
    ['java.time, Instant', '2025-11-21T12:00:00.123456789Z', NOON],
    ['java.time, ZonedDateTime', '2025-11-21T13:00+01:00[Europe/Vienna]', NOON],
    ['Jackson', '2025-11-21T12:00:00.000+0000', NOON],
    ['Python, isoformat()', '2025-11-21T12:00:00.123456+00:00', NOON],
    ['Python, str()', '2025-11-21 12:00:00+00:00', NOON],
    ['Python, strftime("%z")', '2025-11-21T06:30:00-0530', NOON],
    ['PostgreSQL', '2025-11-21 13:00:00.5+01', NOON],
    ['ISO 8601 with a comma', '2025-11-21T12:00:00,5Z', NOON],
    ['RFC 3339 in lower case', '2025-11-21t12:00:00z', NOON],
    ['a leap day', '2024-02-29T00:00:00Z', 1_709_164_800],
  ])('is taken as written by %s', (_program, timestamp, seconds) => {
    expect(result(trackMessage, { ...event, timestamp })).toMatchObject({ timestamp: seconds })
    expect(result(transactionalMessage, { ...push, send_at: timestamp })).toMatchObject({ send_at: seconds })
  })

  it.each([
    ['2025-11-21'],
    ['2025-11-21T12:00:00'],
    ['2025-02-29T12:00:00Z'],
    ['2025-11-31T12:00:00Z'],
    ['2025-11-21T24:00:00Z'],
    ['2025-11-21T12:60:00Z'],
    ['2025-11-21T12:00:00+24:00'],
    ['2025-11-21T12:00:00 Z'],
    ['2025-11-21T12:00:00Z\n'],
    ['21.11.2025 12:00Z'],
    ['Fri, 21 Nov 2025 12:00:00 GMT'],
    ['1763740000'],
    [''],
  ])('is refused as %j', (timestamp) => {
    expect(result(trackMessage, { ...event, timestamp })).toBe(
      'timestamp: must be an ISO-8601 date-time with its time zone',
    )
  })

  const device = (last_used: number) => ({ token: 't', platform: 'ios', last_used })
  it.each<[string, z.ZodType, (time: number) => object]>([
    ['timestamp', identifyMessage, (timestamp) => ({ ...person, timestamp })],
    ['timestamp', trackMessage, (timestamp) => ({ ...event, timestamp })],
    ['device.last_used', identifyMessage, (time) => ({ ...person, action: 'add_device', device: device(time) })],
    ['custom_device.last_used', transactionalMessage, (time) => ({ ...push, custom_device: device(time) })],
  ])('of what has happened (%s, %#) may be a day ahead, and no second more', (path, schema, message) => {
    expect(parse(schema, message(NOW_SECONDS + 86_400))).toMatchObject({ ok: true })
    expect(result(schema, message(NOW_SECONDS + 86_401))).toContain(`${path}: more than a day ahead`)
  })
})

describe('null', () => {
  it.each<[string, z.ZodType, object]>([
    ['identify', identifyMessage, { ...person, attributes: null, cio_relationships: null, timestamp: null }],
    ['track', trackMessage, { ...event, attributes: null, timestamp: null, id: null }],
    ['an e-mail', transactionalMessage, nulls(email, 'from', 'subject', 'body', 'cc', 'bcc', 'headers', 'attachments')],
    ['an e-mail', transactionalMessage, nulls(email, 'message_data', 'send_at', 'tracked', 'language', 'preheader')],
    ['a push', transactionalMessage, nulls(push, 'to', 'title', 'custom_device', 'custom_data', 'queue_draft')],
    ['WhatsApp', transactionalMessage, nulls({ ...push, channel: 'whatsapp' }, 'to', 'from')],
    ['a broadcast', transactionalMessage, nulls(broadcast, 'data', 'id_ignore_missing', 'email_add_duplicates')],
  ])('counts as absent in %s', (_what, schema, message) => {
    const given = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== null))
    expect(parse(schema, message)).toMatchObject({ ok: true })
    expect(parse(schema, message)).toStrictEqual(parse(schema, given))
  })

  it('counts as absent in the parts of a message', () => {
    const relationship = { identifiers: { object_type_id: '1', object_id: 'a' } }
    const related = { ...person, cio_relationships: [{ ...relationship, relationship_attributes: null }] }
    expect(result(identifyMessage, related)).toStrictEqual({
      type: 'person',
      action: 'identify',
      ...person,
      cio_relationships: [relationship],
    })
    expect(result(transactionalMessage, { ...broadcast, per_user_data: [{ id: '1', data: null }] })).toStrictEqual({
      ...broadcast,
      per_user_data: [{ id: '1' }],
    })
  })

  it.each<[string, z.ZodType, object]>([
    ...['recipients', 'ids', 'emails', 'per_user_data', 'data_file_url'].map(
      (audience): [string, z.ZodType, object] => [audience, transactionalMessage, { ...broadcast, [audience]: null }],
    ),
    ['action', identifyMessage, { ...person, action: null }],
    ['type', trackMessage, { ...event, type: null }],
    ['channel', transactionalMessage, { ...email, channel: null }],
    ['identifiers', trackMessage, { ...event, identifiers: null }],
    ['name', trackMessage, { ...event, name: null }],
    ['to', transactionalMessage, { ...push, channel: 'sms', to: null }],
    [
      'transactional_message_id',
      transactionalMessage,
      { ...email, transactional_message_id: null, subject: 's', body: 'b' },
    ],
  ])('is refused where it would change what happens: %s', (field, schema, message) => {
    expect(result(schema, message)).toContain(`${field}: `)
  })

  it('stays within attributes, where it removes one', () => {
    expect(result(identifyMessage, { ...person, attributes: { plan: null } })).toMatchObject({
      attributes: { plan: null },
    })
  })
})

/** The message with these fields as null. */
function nulls(message: object, ...fields: string[]): object {
  return { ...message, ...Object.fromEntries(fields.map((field) => [field, null])) }
}

describe('an audience of a broadcast', () => {
  const segment = { segment: { id: 7 } }
  const attribute = { attribute: { field: 'plan', operator: 'eq', value: 'pro' } }
  it.each<[object]>([
    [segment],
    [attribute],
    [{ attribute: { field: 'plan', operator: 'exists' } }],
    [{ attribute: { field: 'unsubscribed', operator: 'eq', value: true } }],
    [{ and: [segment, { or: [attribute, attribute, { not: attribute }] }] }],
    [{ not: { and: [segment, { or: [segment, { not: { or: [attribute] } }] }] } }],
  ])('may be the filter %j', (recipients) => {
    expect(result(transactionalMessage, { ...broadcast, recipients })).toEqual({ ...broadcast, recipients })
  })

  it.each<[unknown, string]>([
    [{}, 'recipients: must not be empty'],
    [{ and: [] }, 'recipients: must not be empty at any depth, as and is'],
    [{ and: [segment, {}] }, 'as and[1] is'],
    [{ or: [{ and: [{ not: {} }] }] }, 'as or[0].and[0].not is'],
    [{ not: { or: [] } }, 'as not.or is'],
    [{ segment: {} }, 'as segment is'],
    [{ attribute: { field: 'plan', operator: 'eq' } }, 'as attribute.value is'],
    [{ and: [segment], or: [attribute] }, 'recipients: must hold exactly one of and, or, not, segment, attribute'],
    [{ ids: ['1'] }, 'recipients.ids: unknown field (ids stands in place of recipients)'],
    [{ emails: [] }, 'recipients.emails: unknown field'],
    [{ recipients: segment }, 'recipients.recipients: unknown field'],
    [{ and: [{ segment: 7 }] }, 'recipients.and[0].segment: must be an object'],
    [{ segment: { id: '7' } }, 'recipients.segment.id: must be a'],
    [{ segment: { name: 'pro' } }, 'recipients.segment.name: unknown field'],
    [{ not: [segment] }, 'recipients.not: must be an object'],
    [
      { attribute: { field: 'plan', operator: 'contains', value: 'p' } },
      'recipients.attribute.operator: must be eq or exists',
    ],
    [{ email_ignore_missing: true }, 'recipients.email_ignore_missing: unknown field'],
    [[segment], 'recipients: must be an object'],
    ['segment 7', 'recipients: must be an object'],
  ])('is refused as the filter %j', (recipients, error) => {
    expect(result(transactionalMessage, { ...broadcast, recipients })).toContain(error)
  })

  it.each(['recipients', 'ids', 'emails', 'per_user_data', 'data_file_url'])(
    'is refused within the data, where %s would be no audience',
    (audience) => {
      const data = { headline: 'Hi', [audience]: ['1'] }
      expect(result(transactionalMessage, { ...broadcast, data })).toContain(`data.${audience}: would be data`)
      expect(parse(transactionalMessage, { ...broadcast, data, recipients: segment })).toMatchObject({ ok: true })
    },
  )

  it.each<[object, string]>([
    [{ perUserData: [] }, 'data.perUserData'],
    [{ Recipients: segment }, 'data.Recipients'],
    [{ data: { ids: ['1'] } }, 'data.data.ids'],
    [{ payload: { data: { 'data-file-url': 'x' } } }, 'data.payload.data.data-file-url'],
    [segment, 'data'],
    [{ and: [segment, attribute] }, 'data'],
    [{ not: {} }, 'data'],
    [{ headline: 'Hi', filter: { or: [] } }, 'data.filter'],
    [{ to: [{ who: attribute }] }, 'data.to[0].who'],
  ])('is refused within the data, however it is wrapped or spelt: %j', (data, path) => {
    expect(result(transactionalMessage, { ...broadcast, data })).toContain(`${path}: would be data`)
    expect(parse(transactionalMessage, { ...broadcast, data, ids: ['1'] })).toMatchObject({ ok: true })
  })

  it.each<[object]>([
    [{ order: { ids: [1, 2], emails: 2, recipients: 3 } }],
    [{ person: { segment: 'gold', attribute: 'x' } }],
    [{ rows: [{ segment: { id: 7 }, title: 'Gold' }] }],
    [{ not: false, and: 'more', filter: {} }],
  ])('is no data such as %j', (data) => {
    expect(result(transactionalMessage, { ...broadcast, data })).toEqual({ ...broadcast, data })
  })

  it.each(['ids', 'emails', 'per_user_data'])('is not an empty list of %s', (audience) => {
    expect(result(transactionalMessage, { ...broadcast, [audience]: [] })).toContain(`${audience}: at least 1 item`)
  })

  it.each([{}, { recipients: segment }, { ids: ['1'] }, { data_file_url: 'https://example.com/people.jsonl' }])(
    'may have every flag: %j',
    (audience) => {
      const flags = { id_ignore_missing: true, email_ignore_missing: true, email_add_duplicates: true }
      expect(parse(transactionalMessage, { ...broadcast, ...audience, ...flags })).toMatchObject({ ok: true })
    },
  )
})

describe('a line break would begin another header', () => {
  it.each<[string, object]>([
    ['subject', { subject: 'Hello\r\nBcc: b@example.com' }],
    ['subject', { subject: 'Hello\n' }],
    ['from', { from: 'Jane\r<a@example.com>' }],
    ['reply_to', { reply_to: 'a@example.com\n' }],
    ['to', { to: '"Jane\r\nBcc: b@example.com" <a@example.com>' }],
    ['cc', { cc: '{{customer.email}}\nBcc: b@example.com' }],
    ['bcc', { bcc: 'Jane\n<a@example.com>' }],
    ['headers.X-A', { headers: { 'X-A': 'a\r\nBcc: b@example.com' } }],
    ['headers["X-A\\nBcc"]', { headers: { 'X-A\nBcc': 'b@example.com' } }],
    ['headers', { headers: '{"X-A":"a\\r\\nBcc: b@example.com"}' }],
    ['headers', { headers: '[{"name":"X-A","value":"a\\nb"}]' }],
    ['headers', { headers: '{"X-A\\u000aBcc":"b@example.com"}' }],
    ['headers', { headers: 'X-A: a' }],
  ])('is refused: %s, %j', (path, fields) => {
    const error = result(transactionalMessage, { ...email, ...fields })
    expect(error).toMatch(/must not hold a line break|must be e-mail addresses|must be JSON/)
    expect(error).toContain(`${path}: `)
  })

  it.each(['recipient', 'from_address', 'reply_to'])('is refused in %s of an event, which a campaign takes', (name) => {
    const message = (value: unknown) => ({ ...event, attributes: { [name]: value } })
    expect(result(trackMessage, message('a@example.com\r\nBcc: b@example.com'))).toBe(
      `attributes.${name}: must not hold a line break`,
    )
    for (const fine of ['a@example.com', 7, null])
      expect(parse(trackMessage, message(fine))).toMatchObject({ ok: true })
  })

  it.each<[object]>([
    [{ headers: '[\n  {"name": "X-A", "value": "a\\\\nb"}\n]' }],
    [{ headers: { 'X-A': 'a\\nb' } }],
    [{ body: '<p>\n</p>', body_plain: 'a\r\nb', preheader: 'a\nb' }],
  ])('is none in %j', (fields) => {
    expect(parse(transactionalMessage, { ...email, ...fields })).toMatchObject({ ok: true })
  })
})

describe('what does no harm is taken', () => {
  it.each<[string, z.ZodType, object]>([
    ['no relationships of a person', identifyMessage, { ...person, cio_relationships: [] }],
    ['no relationships of an object', identifyMessage, { ...company, cio_relationships: [] }],
    ['attributes of an object that goes', identifyMessage, { ...company, action: 'delete', attributes: { a: 1 } }],
    [
      'attributes beside new relationships',
      identifyMessage,
      { ...company, action: 'add_relationships', attributes: { a: 1 }, cio_relationships: [person] },
    ],
    [
      "a page's address as its name",
      trackMessage,
      { ...event, action: 'page', name: `https://example.com/?q=${'x'.repeat(2_000)}` },
    ],
  ])('%s', (_what, schema, message) => {
    expect(result(schema, message)).toMatchObject(message)
  })

  it.each([undefined, 'event', 'screen'])('a name of 101 bytes is not, of an %s', (action) => {
    const error = result(trackMessage, { ...event, ...(action && { action }), name: 'x'.repeat(101) })
    expect(error).toBe('name: 101 bytes, at most 100')
  })

  it("Customer.io's own example of an anonymous relationship, as the one that its schema has", () => {
    const operation = { ...company, action: 'identify_anonymous' }
    const relationship = { identifiers: { anonymous_id: 'anon-abc-123' } }
    expect(result(identifyMessage, { ...operation, anonymous_id: 'anon-abc-123' })).toStrictEqual({
      ...operation,
      cio_relationships: [relationship],
    })
  })
})

describe('a hint', () => {
  it.each<[string, z.ZodType, object, string]>([
    [
      'names the token of a device',
      identifyMessage,
      { ...person, action: 'add_device', device: { id: 't', platform: 'ios' } },
      'device.id: unknown field (did you mean token?)',
    ],
    [
      'spells a field',
      transactionalMessage,
      { ...email, replyTo: 'a@b.c' },
      'replyTo: unknown field (did you mean reply_to?)',
    ],
    [
      'spells a field',
      transactionalMessage,
      { ...broadcast, perUserData: [] },
      'perUserData: unknown field (did you mean per_user_data?)',
    ],
    ['is not the very field', transactionalMessage, { ...push, reply_to: 'a@b.c' }, 'reply_to: unknown field'],
    ['is not the very field', transactionalMessage, { ...broadcast, send_at: 1 }, 'send_at: unknown field'],
    [
      'is no field that this message lacks',
      identifyMessage,
      { ...person, action: 'delete', data: {} },
      'data: unknown field',
    ],
    ['is no field that this message lacks', transactionalMessage, { ...push, html: 'x' }, 'html: unknown field'],
    [
      'is no field that this message lacks',
      transactionalMessage,
      { ...broadcast, userId: 'x' },
      'userId: unknown field',
    ],
    [
      'is about the place',
      identifyMessage,
      { ...person, cio_relationships: [{ ...company, id: 1 }] },
      'cio_relationships[0].id: unknown field',
    ],
    [
      'is about the kind of message',
      identifyMessage,
      { ...company, traits: {} },
      'traits: unknown field (did you mean attributes?)',
    ],
  ])('%s (%#)', (_what, schema, message, error) => {
    expect(String(result(schema, message)).split('; ')).toContain(error)
  })
})
