/** Arbitrary valid messages of each topic, as publishers send them, for property tests. */
import fc from 'fast-check'
import { LIMITS } from '../../shared/contract/index.ts'
import { isRecord } from '../../shared/json/index.ts'

/** One, two, three and four bytes a character, right-to-left, combining marks, and what escaping gets wrong. */
export const ALPHABETS = [
  'ab"\\/.',
  'éñß',
  'жщя',
  'שלום',
  '漢字仮名',
  'ก็์',
  '😀🏳👩',
  '\u0000\u001f\u007f\u2028',
] as const

const character = fc.constantFrom(...ALPHABETS.flatMap((alphabet) => Array.from(alphabet)))

/** Text of exactly so many bytes: as much of the alphabet as fits, then `x`. */
export function textOfBytes(bytes: number, alphabet: string): string {
  const characters = Array.from(alphabet)
  const perRound = Buffer.byteLength(alphabet)
  let text = alphabet.repeat(Math.floor(bytes / perRound))
  for (const next of characters) {
    if (Buffer.byteLength(text + next) > bytes) break
    text += next
  }
  return text + 'x'.repeat(bytes - Buffer.byteLength(text))
}

/** 1 to `maxBytes` bytes; the most often. */
function text(maxBytes: number): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: character, minLength: 1, maxLength: 30 }).filter((value) => Buffer.byteLength(value) <= maxBytes),
    fc.constantFrom(...ALPHABETS).map((alphabet) => textOfBytes(maxBytes, alphabet)),
  )
}

const name = text(LIMITS.attributeNameBytes).filter((key) => key !== '__proto__')

const scalar = fc.oneof(
  text(200),
  fc.maxSafeInteger(),
  fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e9, max: 1e9 }).filter((value) => !Object.is(value, -0)),
  fc.boolean(),
  fc.constant(null),
)

const json: fc.Arbitrary<unknown> = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(name, fc.array(scalar, { maxLength: 2 }), { maxKeys: 2, noNullPrototype: true }),
)

/** Unlimited names and values: data of an event or a send. */
const data = fc.dictionary(
  fc.oneof(name, fc.constantFrom('constructor', 'toString', 'prototype', 'data', 'userId')),
  json,
  { maxKeys: 4, noNullPrototype: true },
)
const attributes = fc.dictionary(name, json, { maxKeys: 4, noNullPrototype: true })

/** Not ahead of any clock that a test or a run has. */
const LATEST = 1_763_740_000
const seconds = fc.integer({ min: 0, max: LATEST })
/** As different programs write date-times with their time zone. */
const isoTime = fc
  .tuple(
    fc.date({ min: new Date(86_400_000), max: new Date((LATEST - 86_400) * 1000), noInvalidDate: true }),
    fc.constantFrom('Z', 'z', '+00:00', '-11:30', '+0000', '+02', '+01:00[Europe/Vienna]'),
    fc.constantFrom('T', 't', ' '),
    fc.constantFrom('', ':07', ':07.5', ':07.123456789', ':07,123'),
  )
  .map(([date, zone, separator, rest]) => `${date.toISOString().slice(0, 16).replace('T', separator)}${rest}${zone}`)
const time = fc.oneof(seconds, isoTime)
const optionalTime = fc.option(fc.option(time), { nil: undefined })

const id = fc.oneof(text(LIMITS.personIdBytes), fc.maxSafeInteger(), fc.constantFrom('.', '..', '../x', 'constructor'))
const email = fc.constantFrom('jane@example.com', 'JANE+x@example.co.uk', 'дж@пример.рф', "o'neil@localhost")
/** An id of anything: a text or a number. */
const anyId = fc.oneof(text(100), fc.maxSafeInteger())
const known = fc.oneof(fc.record({ id }), fc.record({ email }), fc.record({ cio_id: text(50) }))
const person = fc.oneof(known, fc.record({ phone: fc.constantFrom('+14155552671', '+4930123456') }))
const visitor = fc.record({ anonymous_id: anyId })
const object = fc.oneof(
  fc.record({
    object_type_id: fc.oneof(fc.constantFrom('1', '27'), fc.integer({ min: 1, max: 99 })),
    object_id: anyId,
  }),
  fc.record({ cio_object_id: anyId }),
)

const relationships = (identifiers: fc.Arbitrary<object>) =>
  fc.array(fc.record({ identifiers, relationship_attributes: attributes }, { requiredKeys: ['identifiers'] }), {
    minLength: 1,
    maxLength: 3,
  })

const device = fc.record(
  { token: text(100), platform: fc.constantFrom('ios', 'android'), last_used: time, attributes: fc.option(data) },
  { requiredKeys: ['token', 'platform'] },
)

const isPerson = fc.constantFrom({}, { type: 'person' })

/** Leaves out what is undefined, as JSON does. */
function compact(...parts: object[]): Record<string, unknown> {
  return JSON.parse(JSON.stringify(Object.assign({}, ...parts)))
}

const personIdentify = fc
  .tuple(
    isPerson,
    fc.constantFrom({}, { action: 'identify' }),
    fc.record({ identifiers: person, attributes: fc.option(attributes), timestamp: optionalTime }),
    fc.oneof(
      fc.constant({}),
      fc.record({ cio_relationships: fc.oneof(relationships(object), fc.constantFrom([], null)) }),
    ),
  )
  .map((parts) => compact(...parts))

const personOperation = fc.oneof(
  fc.record({ action: fc.constantFrom('delete', 'suppress', 'unsuppress'), identifiers: person }),
  fc.record({ action: fc.constant('merge'), primary: known, secondary: known }),
  fc.record({ action: fc.constant('add_device'), identifiers: person, device }),
  fc.record({ action: fc.constant('delete_device'), identifiers: person, device: fc.record({ token: text(100) }) }),
  fc.record({
    action: fc.constantFrom('add_relationships', 'delete_relationships'),
    identifiers: person,
    cio_relationships: relationships(object),
  }),
)

const objectOperation = fc.oneof(
  fc.record({ type: fc.constant('object'), identifiers: object, attributes }),
  fc.record({
    type: fc.constant('object'),
    action: fc.constant('identify_anonymous'),
    identifiers: object,
    cio_relationships: relationships(visitor),
  }),
  fc.record({
    type: fc.constant('object'),
    action: fc.constant('identify_anonymous'),
    identifiers: object,
    anonymous_id: anyId,
  }),
  fc.record({ type: fc.constant('object'), action: fc.constantFrom('identify', 'delete'), identifiers: object }),
  fc.record({
    type: fc.constant('object'),
    action: fc.constantFrom('add_relationships', 'delete_relationships'),
    identifiers: object,
    cio_relationships: relationships(known),
  }),
)

/** As published on `identify`. */
export const identifyMessages = fc.oneof(
  personIdentify,
  fc.tuple(isPerson, personOperation).map((parts) => compact(...parts)),
  objectOperation.map((operation) => compact(operation)),
)

/** As published on `track`. */
export const trackMessages = fc
  .tuple(
    isPerson,
    fc.constantFrom({}, { action: 'event' }, { action: 'page' }, { action: 'screen' }),
    fc.record({
      identifiers: fc.oneof(person, visitor),
      name: text(LIMITS.eventNameBytes),
      attributes: fc.option(fc.option(data), { nil: undefined }),
      timestamp: optionalTime,
      id: fc.option(fc.option(fc.ulid()), { nil: undefined }),
    }),
  )
  .map((parts) => compact(...parts))
  .chain((event) => (event.action === 'page' ? text(2_000).map((name) => ({ ...event, name })) : fc.constant(event)))

const common = fc.record(
  {
    message_data: data,
    send_at: fc.integer({ min: 0, max: 1_763_740_000 }),
    queue_draft: fc.option(fc.boolean()),
    language: fc.constantFrom('en', 'de-AT'),
  },
  { requiredKeys: [] },
)
const phoneNumber = fc.constantFrom('+14155552671', '{{customer.phone}}')
const template = fc.oneof(fc.integer({ min: 1, max: 999 }), text(40))
const addressed = fc.record({ identifiers: known, transactional_message_id: template })

const send = fc.oneof(
  fc.record(
    {
      channel: fc.constant('email'),
      to: fc.constantFrom('a@example.com', '"Doe, Jane" <jane@example.com>, b@example.com', '{{customer.email}}'),
      subject: text(80),
      disable_message_retention: fc.boolean(),
      cc: fc.constant('c@example.com'),
      headers: fc.constantFrom({ 'X-Tag': 'a' }, '[{"name":"X-Tag","value":"a"}]'),
      attachments: fc.dictionary(
        fc.constantFrom('a.csv', 'счёт.pdf'),
        fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64')),
        { noNullPrototype: true },
      ),
    },
    { requiredKeys: ['channel', 'to'] },
  ),
  fc.record(
    {
      channel: fc.constant('push'),
      disable_message_retention: fc.boolean(),
      to: fc.constantFrom('all', 'last_used'),
      title: text(50),
      custom_device: device,
    },
    { requiredKeys: ['channel'] },
  ),
  fc.record({ channel: fc.constantFrom('sms', 'whatsapp'), to: phoneNumber }),
  fc.record({ channel: fc.constant('whatsapp') }),
  fc.record({ channel: fc.constantFrom('in_app', 'inbox_message') }),
)

const condition = fc.oneof(
  fc.record({ segment: fc.record({ id: fc.integer({ min: 1, max: 99 }) }) }),
  fc.record({
    attribute: fc.record({ field: name, operator: fc.constant('eq'), value: fc.oneof(fc.string(), fc.boolean()) }),
  }),
  fc.record({ attribute: fc.record({ field: name, operator: fc.constant('exists') }) }),
)
const listOf = (part: fc.Arbitrary<Record<string, unknown>>) => fc.array(part, { minLength: 1, maxLength: 3 })
const notFilter = fc.record({ not: condition })
/** Nested as Customer.io documents it. */
const filter = fc.oneof(
  condition,
  fc.record({ and: listOf(fc.oneof(condition, notFilter, fc.record({ or: listOf(condition) }))) }),
  fc.record({ or: listOf(fc.oneof(condition, notFilter, fc.record({ and: listOf(condition) }))) }),
)

/** Filters of broadcasts that are nested in any way: Customer.io's own example goes beyond its schema. */
export const nestedFilters = fc.letrec<{ filter: Record<string, unknown> }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    condition,
    fc.record({ not: tie('filter') }),
    fc.record({ and: listOf(tie('filter')) }),
    fc.record({ or: listOf(tie('filter')) }),
    fc.record({ and: listOf(tie('filter')), or: listOf(tie('filter')) }).map((groups) => ({ not: groups })),
  ),
})).filter

const flags = fc.record(
  {
    id_ignore_missing: fc.boolean(),
    email_ignore_missing: fc.option(fc.boolean()),
    email_add_duplicates: fc.boolean(),
  },
  { requiredKeys: [] },
)
const audience = fc.oneof(
  fc.constant({}),
  fc.record({ recipients: filter }),
  fc.record({ ids: fc.array(fc.oneof(text(50), fc.maxSafeInteger()), { minLength: 1, maxLength: 3 }) }),
  fc.record({ emails: fc.array(email, { minLength: 1, maxLength: 3 }) }),
  fc.record({ per_user_data: fc.array(fc.record({ email, data }), { minLength: 1, maxLength: 3 }) }),
  fc.record({ data_file_url: fc.constant('https://example.com/people.json') }),
)

/** As published on `transactional`. */
export const transactionalMessages = fc.oneof(
  fc.tuple(addressed, common, send).map((parts) => compact(...parts)),
  fc
    .tuple(
      fc.record({ channel: fc.constant('broadcast'), broadcast_id: fc.integer({ min: 1, max: 99 }), data }),
      audience,
      flags,
    )
    .map((parts) => compact(...parts)),
)

/** What is wrong, or right elsewhere, in the place of any value. */
const misplaced = fc.oneof(
  json,
  fc.constantFrom<unknown>(
    '',
    'x'.repeat(200),
    'x'.repeat(1_001),
    -1,
    0,
    1.5,
    1e12,
    true,
    [],
    {},
    '2026-01-01T00:00:00Z',
    'a\r\nb',
    '{"X-A":"a\\r\\nb"}',
    { 'X-A': 'a\nb' },
    { and: [] },
    { not: {} },
    { segment: {} },
    { attribute: { field: 'a', operator: 'eq' } },
    { ids: ['1'] },
    null,
  ),
  fc.constantFrom<unknown>('push', 'email', 'broadcast', 'object', 'merge', 'page', 'a@example.com', '+14155552671'),
  fc.constantFrom<unknown>(
    { id: '1' },
    { id: '1', email: 'a@example.com' },
    { cio_object_id: 'o' },
    ['a'],
    'https://x.y',
  ),
)
const place = fc.integer({ min: 0, max: 9_999 })
const alteration = fc.record({
  kind: fc.constantFrom('none', 'remove', 'replace', 'add'),
  /** Which object of the message (every second time the message itself) and which field of it, counted in circles. */
  object: place,
  field: place,
  name: fc.constantFrom(
    ...[
      'type',
      'action',
      'channel',
      'identifiers',
      'attributes',
      'timestamp',
      'name',
      'id',
      'email',
      'phone',
      'to',
      'body',
    ],
    ...['transactional_message_id', 'subject', 'from', 'ids', 'emails', 'recipients', 'id_ignore_missing', 'object_id'],
    ...[
      'cio_object_id',
      'device',
      'primary',
      'data',
      'send_at',
      'cio_relationships',
      'anonymous_id',
      'headers',
      'from',
    ],
    ...['and', 'or', 'not', 'segment', 'attribute', 'value', 'operator', 'field', 'per_user_data', 'language'],
  ),
  value: misplaced,
})

/** Messages of which most are wrong in one or two places. */
export function alteredMessages(
  messages: fc.Arbitrary<Record<string, unknown>>,
): fc.Arbitrary<Record<string, unknown>> {
  return fc.tuple(messages, fc.array(alteration, { minLength: 1, maxLength: 2 })).map(([message, alterations]) => {
    const altered: Record<string, unknown> = structuredClone(message)
    for (const { kind, object: which, field, name, value } of alterations) {
      const objects = objectsIn(altered)
      const object = objects[which % (2 * objects.length)] ?? altered
      const fields = Object.keys(object)
      const existing = fields[field % fields.length] ?? name
      if (kind === 'remove') delete object[existing]
      if (kind === 'replace') object[existing] = structuredClone(value)
      if (kind === 'add') object[name] = structuredClone(value)
    }
    return altered
  })
}

function objectsIn(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(objectsIn)
  return isRecord(value) ? [value, ...Object.values(value).flatMap(objectsIn)] : []
}
