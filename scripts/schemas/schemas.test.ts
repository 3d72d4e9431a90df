import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
// A second reader of the files, which knows nothing of zod. As in its own documentation: no options, no plugins.
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { messageAttributes, parseMessage } from '../../shared/contract/index.ts'
import {
  alteredMessages,
  identifyMessages,
  nestedFilters,
  trackMessages,
  transactionalMessages,
} from './arbitrary-messages.ts'
import { CONTRACT_FOLDER } from './folders.ts'
import { TOPICS, type Topic } from './json-schema.ts'
import { run, staleFiles } from './schemas.ts'
import type { JsonSchema } from './unions.ts'

const MESSAGES: Readonly<Record<Topic, fc.Arbitrary<Record<string, unknown>>>> = {
  identify: identifyMessages,
  track: trackMessages,
  transactional: transactionalMessages,
}
const topics: readonly Topic[] = ['identify', 'track', 'transactional']

/** What no schema can say: sizes in bytes and of the whole, lists of addresses, time zones, what JSON.parse loses. */
const NOT_SAID = [
  /\d+ bytes/,
  /recipients with cc and bcc/,
  /must be e-mail addresses, separated by commas/,
  /must not be before 1970|looks like milliseconds/,
  /beyond 2\^53|too large a number|surrogate pair|reserved by JavaScript|nested deeper|more than [\d]+ /,
  /must be base64 and not empty/,
  /headers: must (be JSON|not hold a line break)/,
  /must be an http or https address/,
  /would be data/,
]

function schemaOf(topic: Topic): JsonSchema {
  return JSON.parse(readFileSync(join(CONTRACT_FOLDER, `json-schema/${topic}.schema.json`), 'utf8'))
}
const VALIDATORS = new Map(topics.map((topic) => [topic, new Ajv2020().compile(schemaOf(topic))]))
function validator(topic: Topic) {
  const validate = VALIDATORS.get(topic)
  if (validate === undefined) throw new Error(`no schema of ${topic}`)
  return validate
}
/** What is wrong, without the conditions that led there. */
function errorsOf(topic: Topic, message: unknown): string[] {
  const validate = validator(topic)
  validate(message)
  const errors = (validate.errors ?? []).filter(({ keyword }) => keyword !== 'if')
  return errors.map(({ instancePath, message, params }: ErrorObject) =>
    `${instancePath} ${message} ${params.additionalProperty ?? params.allowedValues ?? ''}`.trim(),
  )
}

it('are committed as the contract says now (else: npm run schemas)', () => {
  expect(staleFiles(CONTRACT_FOLDER)).toEqual([])
})

it('are written when missing, found stale when changed, and current again when written', () => {
  const folder = mkdtempSync(join(tmpdir(), 'schemas-'))
  const said: string[] = []
  const say = (line: string) => said.push(line)
  try {
    expect(run(join(folder, 'new'), false, say)).toBe(0)
    expect(run(join(folder, 'new'), true, say)).toBe(0)
    writeFileSync(join(folder, 'new/json-schema/track.schema.json'), '{}')
    expect(run(join(folder, 'new'), true, say)).toBe(1)
    expect(readFileSync(join(folder, 'new/json-schema/track.schema.json'), 'utf8')).toBe('{}')
  } finally {
    rmSync(folder, { recursive: true })
  }
  expect(said).toEqual([
    'written: json-schema/identify.schema.json, json-schema/track.schema.json, json-schema/transactional.schema.json, json-schema/attributes.schema.json, python/customerio_messages.py',
    'JSON Schemas and Python types are current',
    'not current: json-schema/track.schema.json: run npm run schemas',
  ])
})

describe.each(topics)('the JSON Schema of %s', (topic) => {
  const validate = validator(topic)
  const { message: contract } = TOPICS[topic]
  const messages = MESSAGES[topic]

  it('compiles in strict mode without a warning, and has an id, a description and valid examples', () => {
    const logged: unknown[] = []
    const log = (...line: unknown[]) => logged.push(line)
    const logger = { log, warn: log, error: log }
    new Ajv2020({ logger }).compile(schemaOf(topic))
    expect(logged).toEqual([])
    const { $id, description, examples, $schema } = schemaOf(topic)
    expect($id).toBe(`urn:cio-gcp:contract:${topic}`)
    expect($schema).toBe('https://json-schema.org/draft/2020-12/schema')
    expect(description).toEqual(expect.stringContaining('bytes of UTF-8'))
    if (!Array.isArray(examples)) throw new Error('no examples')
    expect(examples.length).toBeGreaterThan(1)
    for (const example of examples) expect(errorsOf(topic, example)).toEqual([])
  })

  it('takes every message that the contract takes', () => {
    fc.assert(
      fc.property(messages, (message) => {
        validate(message)
        expect(validate.errors ?? []).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('agrees with the contract on any message, but for what no schema can say', () => {
    const seen = { both: 0, neither: 0 }
    fc.assert(
      fc.property(alteredMessages(messages), (message) => {
        const parsed = parseMessage(contract, Buffer.from(JSON.stringify(message)))
        const valid = validate(message)
        if (parsed.ok === valid) seen[valid ? 'both' : 'neither']++
        if (parsed.ok && !valid) throw new Error(`refused by the schema only: ${JSON.stringify(validate.errors)}`)
        if (!parsed.ok && valid && !NOT_SAID.some((rule) => rule.test(parsed.error)))
          throw new Error(`refused by the contract only: ${parsed.error}`)
      }),
      { numRuns: 1_500 },
    )
    expect(seen.both).toBeGreaterThan(20)
    expect(seen.neither).toBeGreaterThan(200)
  })

  it('refuses a field that is not in the contract', () => {
    fc.assert(fc.property(messages, (message) => expect(validate({ ...message, is_new: 1 })).toBe(false)))
  })
})

it('take a filter of a broadcast, however it is nested, and refuse it when a part of it is empty, as the contract does', () => {
  const validate = validator('transactional')
  const isTaken = (recipients: unknown) => {
    const broadcast = { channel: 'broadcast', broadcast_id: 1, recipients }
    const { ok } = parseMessage(TOPICS.transactional.message, Buffer.from(JSON.stringify(broadcast)))
    expect(validate(broadcast)).toBe(ok)
    return ok
  }
  const empty = fc.constantFrom<object>(
    {},
    { and: [] },
    { or: [] },
    { not: {} },
    { segment: {} },
    { or: [{ and: [{}] }] },
  )
  const wrap = fc.constantFrom<(part: object, beside: object) => object>(
    (part) => ({ not: part }),
    (part, beside) => ({ and: [beside, part] }),
    (part, beside) => ({ or: [part, beside] }),
  )
  fc.assert(
    fc.property(nestedFilters, empty, fc.array(wrap, { maxLength: 4 }), (filter, hole, wraps) => {
      expect(isTaken(filter)).toBe(true)
      expect(isTaken(wraps.reduce<object>((part, wrapped) => wrapped(part, filter), hole))).toBe(false)
    }),
  )
})

it.each([
  [{}, true],
  [{ lane: 'bulk', idempotency_key: 'order-1', traceparent: '00-1', other: 'passes' }, true],
  [{ expires_at: '1763740000' }, true],
  [{ expires_at: '2026-11-21T19:00+01:00' }, true],
  [{ lane: 'urgent' }, false],
  [{ idempotency_key: '' }, false],
])('say of the attributes %j whether they are meant: %p', (attributes, valid) => {
  const schema = JSON.parse(readFileSync(join(CONTRACT_FOLDER, 'json-schema/attributes.schema.json'), 'utf8'))
  expect(new Ajv2020().validate(schema, attributes)).toBe(valid)
  expect(messageAttributes.safeParse(attributes).success).toBe(valid)
})

describe('an error', () => {
  it.each<[string, Topic, unknown, string[]]>([
    [
      'names the channels when there is no such channel',
      'transactional',
      { channel: 'fax', identifiers: { id: '1' }, to: 'a@example.com' },
      ['/channel must be equal to one of the allowed values email,push,sms,whatsapp,in_app,inbox_message,broadcast'],
    ],
    ['asks for the channel', 'transactional', { to: 'a@example.com' }, ["must have required property 'channel'"]],
    [
      'is about the channel that was meant',
      'transactional',
      { channel: 'push', identifiers: { id: '1' } },
      ["must have required property 'transactional_message_id'"],
    ],
    [
      'asks for the content of an e-mail without a template',
      'transactional',
      { channel: 'email', identifiers: { id: '1' }, to: 'a@example.com', body: 'x', from: 'b@example.com' },
      ["must have required property 'subject'"],
    ],
    [
      'is about a person when type is absent',
      'identify',
      { action: 'identify_anonymous', identifiers: { id: '1' } },
      [
        '/action must be equal to one of the allowed values identify,delete,suppress,unsuppress,merge,add_device,delete_device,add_relationships,delete_relationships',
      ],
    ],
    [
      'is about identify when action is absent',
      'identify',
      { identifiers: { id: '1' }, traits: {} },
      ['must NOT have additional properties traits'],
    ],
    [
      'counts identifiers',
      'track',
      { identifiers: {}, name: 'x' },
      ['/identifiers must NOT have fewer than 1 properties'],
    ],
    [
      'names half an object',
      'identify',
      { type: 'object', identifiers: { object_type_id: '1' } },
      ["/identifiers must have required property 'object_id'"],
    ],
  ])('%s', (_what, topic, message, errors) => {
    expect(errorsOf(topic, message)).toEqual(errors)
  })
})

it.each<[string, Topic, unknown]>([
  ['nobody', 'identify', { attributes: {} }],
  ['two identifiers', 'identify', { identifiers: { id: '1', email: 'a@example.com' } }],
  ['a long id', 'identify', { identifiers: { id: 'x'.repeat(151) } }],
  ['a long attribute', 'identify', { identifiers: { id: '1' }, attributes: { plan: 'x'.repeat(1_001) } }],
  ['milliseconds', 'identify', { identifiers: { id: '1' }, timestamp: 1_763_740_000_000 }],
  ['an event', 'identify', { action: 'event', identifiers: { id: '1' }, name: 'x' }],
  ['an event without a name', 'track', { identifiers: { id: '1' } }],
  ['an id that is no ULID', 'track', { identifiers: { id: '1' }, name: 'x', id: 'order-1' }],
  [
    'no phone number',
    'transactional',
    { channel: 'sms', identifiers: { id: '1' }, transactional_message_id: 1, to: '0664' },
  ],
  ['two audiences', 'transactional', { channel: 'broadcast', broadcast_id: 1, ids: ['1'], emails: ['a@example.com'] }],
  ['an audience within the data', 'transactional', { channel: 'broadcast', broadcast_id: 1, data: { ids: ['1'] } }],
  ['an empty filter', 'transactional', { channel: 'broadcast', broadcast_id: 1, recipients: { not: { and: [] } } }],
  ['a long name of an event', 'track', { identifiers: { id: '1' }, name: 'x'.repeat(101) }],
  [
    'a line break in the sender of an event',
    'track',
    { identifiers: { id: '1' }, name: 'x', attributes: { from_address: 'a\nb' } },
  ],
  [
    'a line break in a subject',
    'transactional',
    { channel: 'email', identifiers: { id: '1' }, to: 'a@b.c', transactional_message_id: 1, subject: 'a\nb' },
  ],
])('refuse %s', (_what, topic, message) => {
  expect(validator(topic)(message)).toBe(false)
})
