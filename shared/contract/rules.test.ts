import type { z } from 'zod'
import { identifyMessage, parseMessage, trackMessage, transactionalMessage } from './index.ts'

const NOW_MS = 1_763_740_000_000

/** The error, or 'accepted'. */
function refusal(schema: z.ZodType, message: unknown): string {
  const body = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))
  const parsed = parseMessage(schema, body, { now: () => NOW_MS })
  return parsed.ok ? 'accepted' : parsed.error
}

const person = { identifiers: { id: 'u1' } }
const event = { ...person, name: 'order' }
const company = { type: 'object', identifiers: { object_type_id: '1', object_id: 'acme' } }
const push = { channel: 'push', ...person, transactional_message_id: 1 }
const email = { channel: 'email', ...person, transactional_message_id: 1, to: 'a@example.com' }
const broadcast = { channel: 'broadcast', broadcast_id: 1 }
const sixteen = Array.from({ length: 16 }, (_, i) => `p${i}@example.com`)

it.each<[string, z.ZodType, unknown, string]>([
  ['no identifiers', identifyMessage, {}, 'identifiers: must hold exactly one of id, email, cio_id, phone'],
  [
    'no identifier',
    trackMessage,
    { identifiers: {}, name: 'x' },
    'identifiers: must hold exactly one of id, email, cio_id, phone, anonymous_id',
  ],
  [
    'two identifiers',
    identifyMessage,
    { identifiers: { id: '1', email: 'a@b' } },
    'identifiers: must hold exactly one of id, email, cio_id, phone',
  ],
  [
    'null for an identifier',
    identifyMessage,
    { identifiers: { id: null } },
    'identifiers.id: must be a string or an integer',
  ],
  ['identifiers that are a text', identifyMessage, { identifiers: 'u1' }, 'identifiers: must hold exactly one of'],
  ['an empty id', identifyMessage, { identifiers: { id: '' } }, 'identifiers.id: must not be empty'],
  ['an id with a fraction', identifyMessage, { identifiers: { id: 1.5 } }, 'identifiers.id: must be'],
  [
    'no e-mail address',
    identifyMessage,
    { identifiers: { email: 'jane' } },
    'identifiers.email: must be an e-mail address',
  ],
  [
    'no phone number',
    identifyMessage,
    { identifiers: { phone: '0301234' } },
    'identifiers.phone: must be a phone number in E.164 format',
  ],
  ['an anonymous person to identify', identifyMessage, { identifiers: { anonymous_id: 'a' } }, 'identifiers'],
  ['an unknown type', identifyMessage, { ...person, type: 'delivery' }, 'type: must be person or object'],
  ['an event on identify', identifyMessage, { ...event, action: 'event' }, 'go to the track topic'],
  [
    'an action that objects lack',
    identifyMessage,
    { ...company, action: 'suppress' },
    'action: must be identify, identify_anonymous, delete',
  ],
  [
    'an identify on track',
    trackMessage,
    { ...event, action: 'identify' },
    'action: must be event, page or screen (other operations go to the identify topic)',
  ],
  [
    'an object on track',
    trackMessage,
    { ...event, type: 'object' },
    'type: must be person (operations on objects go to the identify topic)',
  ],
  [
    'milliseconds',
    identifyMessage,
    { ...person, timestamp: NOW_MS },
    'timestamp: looks like milliseconds: divide by 1000',
  ],
  [
    'milliseconds of a device',
    identifyMessage,
    { ...person, action: 'add_device', device: { token: 't', platform: 'ios', last_used: NOW_MS } },
    'device.last_used: looks like milliseconds',
  ],
  ['a time before 1970', trackMessage, { ...event, timestamp: -1 }, 'timestamp: must not be before 1970'],
  [
    'a date-time before 1970',
    trackMessage,
    { ...event, timestamp: '1969-12-31T23:59:59Z' },
    'timestamp: must not be before 1970',
  ],
  [
    'a date without its zone',
    trackMessage,
    { ...event, timestamp: '2026-11-21T19:00:00' },
    'timestamp: must be an ISO-8601 date-time with its time zone',
  ],
  [
    'a day that does not exist',
    trackMessage,
    { ...event, timestamp: '2026-02-30T19:00:00Z' },
    'timestamp: must be an ISO-8601',
  ],
  [
    'true for a time',
    trackMessage,
    { ...event, timestamp: true },
    'timestamp: must be unix seconds or an ISO-8601 date-time',
  ],
  ['an event without a name', trackMessage, person, 'name: required'],
  ['an event id that is no ULID', trackMessage, { ...event, id: 'order-1' }, 'id: must be a ULID'],
  ['a ULID of more than 128 bits', trackMessage, { ...event, id: '8ZZZZZZZZZZZZZZZZZZZZZZZZZ' }, 'id: must be a ULID'],
  ['attributes that are a list', trackMessage, { ...event, attributes: [] }, 'attributes: must be an object'],
  [
    '301 attributes',
    identifyMessage,
    { ...person, attributes: Object.fromEntries(Array.from({ length: 301 }, (_, i) => [i, 1])) },
    'attributes: 301 attributes, at most 300',
  ],
  [
    'a relationship with two objects',
    identifyMessage,
    { ...person, cio_relationships: [{ identifiers: { object_id: 'a' } }] },
    'cio_relationships[0].identifiers.object_type_id: required',
  ],
  [
    'no relationship',
    identifyMessage,
    { ...person, action: 'add_relationships', cio_relationships: [] },
    'cio_relationships: at least 1 item',
  ],
  [
    'a device of no platform',
    identifyMessage,
    { ...person, action: 'add_device', device: { token: 't', platform: 'web' } },
    'device.platform: must be ios or android',
  ],
  [
    'an integer that JSON cannot carry',
    trackMessage,
    '{"identifiers":{"id":12345678901234567890},"name":"x"}',
    'identifiers.id: is an integer beyond 2^53, which would lose digits: send it as a string',
  ],
  [
    'a number too large',
    trackMessage,
    '{"identifiers":{"id":"1"},"name":"x","attributes":{"n":1e999}}',
    'attributes.n: is too large a number',
  ],
  [
    '__proto__',
    trackMessage,
    '{"identifiers":{"id":"1"},"name":"x","attributes":{"__proto__":{"admin":true}}}',
    'attributes.__proto__: name: is reserved by JavaScript',
  ],
  [
    'no channel',
    transactionalMessage,
    {},
    'channel: must be email, push, sms, whatsapp, in_app, inbox_message or broadcast',
  ],
  ['no template', transactionalMessage, { channel: 'push', ...person }, 'transactional_message_id: required'],
  [
    'an e-mail without template or body',
    transactionalMessage,
    { channel: 'email', ...person, to: 'a@b', subject: 's', body: 'b' },
    'transactional_message_id: required, unless body, subject and from are given',
  ],
  ['no recipient', transactionalMessage, { ...email, to: 'jane' }, 'to: must be e-mail addresses, separated by commas'],
  [
    'a recipient with a line break',
    transactionalMessage,
    { ...email, to: 'a@example.com\r\nBcc:b@example.com' },
    'to: must be e-mail addresses',
  ],
  [
    'sixteen recipients',
    transactionalMessage,
    { ...email, to: sixteen.slice(0, 10).join(), cc: sixteen.slice(10, 13).join(), bcc: sixteen.slice(13).join() },
    'to: 16 recipients with cc and bcc, at most 15',
  ],
  [
    'an attachment that is not base64',
    transactionalMessage,
    { ...email, attachments: { 'a.csv': 'a,b;c' } },
    'attachments["a.csv"]: must be base64 and not empty',
  ],
  [
    'an attachment without extension',
    transactionalMessage,
    { ...email, attachments: { file: 'YQ==' } },
    'attachments.file: name: must have a file extension',
  ],
  [
    'an SMS to no phone number',
    transactionalMessage,
    { ...push, channel: 'sms', to: '030 1234' },
    'to: must be a phone number in E.164 format, or Liquid',
  ],
  ['a broadcast without id', transactionalMessage, { channel: 'broadcast' }, 'broadcast_id: required'],
  ['a broadcast of id 0', transactionalMessage, { ...broadcast, broadcast_id: 0 }, 'broadcast_id: must be more than 0'],
  [
    'a broadcast id that is a text',
    transactionalMessage,
    { ...broadcast, broadcast_id: '1' },
    'broadcast_id: must be a',
  ],
  ['a flag that is a text', transactionalMessage, { ...email, tracked: 'yes' }, 'tracked: must be true or false'],
  [
    'a header that is no text',
    transactionalMessage,
    { ...email, headers: { 'X-A': 1 } },
    'headers.X-A: must be a string',
  ],
  [
    'a broadcast to two audiences',
    transactionalMessage,
    { ...broadcast, ids: ['1'], emails: ['a@b'] },
    'message: at most one of recipients, ids, emails, per_user_data, data_file_url',
  ],
  [
    'a broadcast to an empty filter, which would reach everybody',
    transactionalMessage,
    { ...broadcast, recipients: {} },
    'recipients: must not be empty',
  ],
  [
    'an in-app message that is not to be kept, which Customer.io does not offer',
    transactionalMessage,
    { channel: 'in_app', identifiers: { id: 'u1' }, transactional_message_id: 1, disable_message_retention: true },
    'disable_message_retention: unknown field',
  ],
  [
    'a broadcast to 10,001 people',
    transactionalMessage,
    { ...broadcast, ids: Array.from({ length: 10_001 }, String) },
    'ids: at most 10000 items',
  ],
  [
    'a data file that is no address',
    transactionalMessage,
    { ...broadcast, data_file_url: 'file:///etc/passwd' },
    'data_file_url: must be an http or https address',
  ],
  [
    'a person with no id in per_user_data',
    transactionalMessage,
    { ...broadcast, per_user_data: [{ data: {} }] },
    'per_user_data[0]: must hold exactly one of id, email',
  ],
])('refuses %s, naming path and rule', (_what, schema, message, error) => {
  expect(refusal(schema, message)).toContain(error)
})

it.each<[string, z.ZodType, object, string]>([
  ['data', trackMessage, event, 'attributes'],
  ['properties', trackMessage, event, 'attributes'],
  ['userId', identifyMessage, person, 'identifiers.id'],
  ['user_id', trackMessage, event, 'identifiers.id'],
  ['email', identifyMessage, person, 'identifiers.email'],
  ['data', transactionalMessage, push, 'message_data'],
  ['templateId', transactionalMessage, push, 'transactional_message_id'],
])('asks whether %s was meant to be another field', (field, schema, message, meant) => {
  expect(refusal(schema, { ...message, [field]: {} })).toBe(`${field}: unknown field (did you mean ${meant}?)`)
})

it('says where an idempotency key belongs', () => {
  expect(refusal(trackMessage, { ...event, idempotency_key: 'k' })).toBe(
    'idempotency_key: unknown field (it is an attribute of the Pub/Sub message)',
  )
})

it("takes Customer.io's own example of a broadcast, whose flags are off", () => {
  const flags = { email_add_duplicates: false, email_ignore_missing: false, id_ignore_missing: false }
  const body = { channel: 'broadcast', broadcast_id: 7, data: { headline: 'Roadrunner spotted!' }, ...flags }
  expect(parseMessage(transactionalMessage, Buffer.from(JSON.stringify(body)))).toMatchObject({ ok: true })
})
