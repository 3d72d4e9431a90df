import fc from 'fast-check'
import type { z } from 'zod'
import { identifyMessages, trackMessages, transactionalMessages } from '../../scripts/schemas/arbitrary-messages.ts'
import { fieldProblems, identifyMessage, LIMITS, parseMessage, trackMessage, transactionalMessage } from './index.ts'

const NOW_MS = 1_763_740_000_000
const now = () => NOW_MS

const TOPICS = [
  ['identify', identifyMessage, identifyMessages],
  ['track', trackMessage, trackMessages],
  ['transactional', transactionalMessage, transactionalMessages],
] as const

const encode = (value: unknown) => Buffer.from(JSON.stringify(value))

function parse(schema: z.ZodType, message: unknown) {
  return parseMessage(schema, typeof message === 'string' ? Buffer.from(message) : encode(message), { now })
}

/** The error, or 'accepted'. */
function refusal(schema: z.ZodType, message: unknown): string {
  const parsed = parse(schema, message)
  return parsed.ok ? 'accepted' : parsed.error
}

describe.each(TOPICS)('any message of the topic %s', (_topic, schema, messages) => {
  it('is taken when it keeps the contract', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(refusal(schema, message)).toBe('accepted')
      }),
      { numRuns: 300 },
    )
  })

  it('comes out the same when what came out is published again', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const once = parse(schema, message)
        expect(once.ok && parse(schema, once.value)).toEqual(once)
      }),
    )
  })

  it('is refused by name when it has a field that Customer.io would drop', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(refusal(schema, { ...message, is_new: 1 })).toContain('is_new: unknown field')
      }),
    )
  })

  it('is refused when half a surrogate pair stands anywhere, in a value or in a name', () => {
    fc.assert(
      fc.property(messages, fc.constantFrom('\ud83d', '\ude00', 'a\ude00\ud83d'), (message, half) => {
        expect(refusal(schema, { ...message, data: { deep: [half] } })).toContain(
          'data.deep[0]: holds half a surrogate',
        )
        expect(refusal(schema, { ...message, data: { [half]: 1 } })).toContain('name: holds half a surrogate')
      }),
    )
  })
})

it('never throws, whatever the bytes, and always says why in one bounded line', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc.object({ maxDepth: 3, withNullPrototype: false }).map(encode),
    fc
      .tuple(fc.oneof(identifyMessages, trackMessages, transactionalMessages), fc.string(), fc.jsonValue())
      .map(([message, key, value]) => encode({ ...message, [key]: value })),
    fc
      .tuple(fc.oneof(identifyMessages, trackMessages, transactionalMessages), fc.nat(), fc.jsonValue())
      .map(([message, index, value]) => {
        const keys = Object.keys(message)
        return encode({ ...message, [keys[index % keys.length] ?? 'x']: value })
      }),
  )
  fc.assert(
    fc.property(anything, (bytes) => {
      for (const [, schema] of TOPICS) {
        const parsed = parseMessage(schema, bytes, { now })
        if (parsed.ok) continue
        expect(['not_json', 'contract']).toContain(parsed.reason)
        expect(parsed.error).toMatch(/^[^\n]+$/)
        expect(Buffer.byteLength(parsed.error)).toBeLessThanOrEqual(1000)
        expect(parsed.error.isWellFormed()).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})

it.each([
  ['', 'the body is empty'],
  ['{"identifiers":{"id":"jane"}', 'the body is not JSON'],
  ['[]', 'the body is not a JSON object'],
  ['null', 'the body is not a JSON object'],
  ['"jane"', 'the body is not a JSON object'],
])('calls a body of %j not JSON, without quoting it', (body, error) => {
  expect(parse(trackMessage, body)).toEqual({ ok: false, reason: 'not_json', error })
})

it('refuses bytes that are no UTF-8, which would otherwise be replaced without a word', () => {
  const bytes = Buffer.concat([
    Buffer.from('{"identifiers":{"id":"'),
    Buffer.from([0xff]),
    Buffer.from('"},"name":"x"}'),
  ])
  expect(parseMessage(trackMessage, bytes)).toEqual({ ok: false, reason: 'not_json', error: 'the body is not UTF-8' })
})

it('tells what is wrong field by field, in the words of the one line', () => {
  const problemsOf = (body: unknown) => fieldProblems(trackMessage, encode(body), { now })
  const broken = { identifiers: { id: 'jane', extra: 1 }, nam: 'x' }
  const problems = problemsOf(broken)
  expect(problems.map(({ field }) => field)).toEqual(['identifiers.extra', 'name', 'nam'])
  expect(problems.map(({ field, rule }) => `${field}: ${rule}`).join('; ')).toBe(refusal(trackMessage, broken))
  expect(problemsOf({ identifiers: { id: 'jane' }, name: 'x' })).toEqual([])
  expect(problemsOf([])).toEqual([{ field: 'message', rule: 'the body is not a JSON object' }])
})

it('takes a body that begins with a byte order mark', () => {
  expect(refusal(trackMessage, '\ufeff{"identifiers":{"id":"1"},"name":"x"}')).toBe('accepted')
})

it('fills in type and action, takes a number for an id and turns a date-time into seconds', () => {
  const parsed = parse(identifyMessage, { identifiers: { id: 42 }, timestamp: '2025-11-21T19:00:00.999+01:00' })
  expect(parsed).toEqual({
    ok: true,
    value: { type: 'person', action: 'identify', identifiers: { id: '42' }, timestamp: 1_763_748_000 },
  })
  expect(parse(trackMessage, { identifiers: { anonymous_id: 'a' }, name: 'x' })).toEqual({
    ok: true,
    value: { type: 'person', action: 'event', identifiers: { anonymous_id: 'a' }, name: 'x' },
  })
})

const event = { identifiers: { id: 'u1' }, name: 'order' }

it('lets any names pass in the data of an event, and pollutes no prototype', () => {
  const attributes = { constructor: { prototype: { admin: true } }, toString: 'x', userId: 1 }
  const parsed = parse(trackMessage, { ...event, attributes })
  expect(parsed.ok && parsed.value).toMatchObject({ attributes })
  expect(({} as Record<string, unknown>).admin).toBeUndefined()
})

it.each([
  ['lists', '{"attributes":', '[', ']'],
  ['objects', '{"attributes":', '{"a":', '}'],
])('refuses a hundred thousand nested %s instead of overflowing the stack', (_what, head, open, close) => {
  const levels = 100_000
  const body = `${head}${open.repeat(levels)}1${close.repeat(levels)}}`
  const parsed = parse(trackMessage, body)
  expect(parsed).toMatchObject({ ok: false, reason: 'contract' })
  expect(!parsed.ok && parsed.error).toContain('nested deeper than 64 levels')
})

it.each([
  ['lists', '[],'],
  ['lists without an end', '['],
  ['numbers', '1,'],
  ['objects', '{"a":1},'],
])('refuses ten megabytes of %s before it takes memory for each', (_what, item) => {
  const body = `{"channel":"broadcast","broadcast_id":1,"ids":[${item.repeat(1e7 / item.length)}1]}`
  expect(parse(transactionalMessage, body)).toEqual({
    ok: false,
    reason: 'contract',
    error: 'message: more than 500000 values',
  })
})

it('refuses more lists and objects than there is memory for', () => {
  const nested = (count: number) => parse(transactionalMessage, `{"ids":[${'[],'.repeat(count - 2)}1]}`)
  expect(nested(LIMITS.listsAndObjects)).not.toMatchObject({ error: expect.stringContaining('lists and objects') })
  expect(nested(LIMITS.listsAndObjects + 1)).toEqual({
    ok: false,
    reason: 'contract',
    error: 'message: more than 100000 lists and objects',
  })
})

it('refuses a body beyond the given length unread', () => {
  const body = Buffer.from(`{"not JSON${' '.repeat(1_000)}`)
  expect(parseMessage(trackMessage, body, { maxBytes: 1_000 })).toEqual({
    ok: false,
    reason: 'contract',
    error: 'message: 1010 bytes, at most 1000',
  })
})

it('refuses an object of more names than any honest one has', () => {
  const named = (count: number) => {
    const attributes = Object.fromEntries(Array.from({ length: count }, (_, i) => [i.toString(36), 1]))
    return { ...event, attributes }
  }
  expect(refusal(trackMessage, named(LIMITS.names))).toMatch(/^message: \d+ bytes, at most 29900$/)
  expect(refusal(trackMessage, named(LIMITS.names + 1))).toBe('attributes: more than 10000 names in one object')
})

it('takes the deepest nesting that is allowed', () => {
  const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)])
  const nested = (levels: number) => ({ ...event, attributes: { a: nest(levels) } })
  expect(refusal(trackMessage, nested(LIMITS.depth - 2))).toBe('accepted')
  expect(refusal(trackMessage, nested(LIMITS.depth - 1))).toContain('nested deeper than')
})

it('never puts a value into an error', () => {
  const secret = fc.constantFrom('s3cr3t-v4lue')
  fc.assert(
    fc.property(
      fc.oneof(identifyMessages, trackMessages, transactionalMessages),
      secret,
      fc.nat(),
      (message, value, at) => {
        const keys = Object.keys(message)
        const broken = {
          ...message,
          [keys[at % keys.length] ?? 'x']: value,
          unknown: value,
          data: { deep: [value, '\ud800'] },
        }
        for (const [, schema] of TOPICS) expect(refusal(schema, broken)).not.toContain(value)
        const { data: _data, ...shallow } = broken
        for (const [, schema] of TOPICS) expect(refusal(schema, shallow)).not.toContain(value)
      },
    ),
  )
})

it('bounds and escapes hostile names, and says how many problems are left out', () => {
  const names = Array.from({ length: 30 }, (_, i) => `${i}\n"]: accepted; ${'\u202e'.repeat(500)}`)
  const error = refusal(trackMessage, { ...event, ...Object.fromEntries(names.map((name) => [name, 1])) })
  expect(Buffer.byteLength(error)).toBeLessThanOrEqual(1000)
  expect(error).not.toMatch(/[\n\u202e]/)
  expect(error).toMatch(/; and \d+ more$/)
})

describe('what real publishers send', () => {
  const event = { identifiers: { id: 'u1' }, name: 'e' }
  const device = (fields: object) => ({
    action: 'add_device',
    identifiers: { id: 'u1' },
    device: { token: 't', ...fields },
  })

  it('takes a time that is null for one that is absent', () => {
    const parsed = parse(trackMessage, { ...event, timestamp: null })
    expect(parsed.ok).toBe(true)
    expect(JSON.stringify(parsed)).not.toContain('timestamp')
    const added = parse(identifyMessage, device({ platform: 'ios', last_used: null }))
    expect(added).toMatchObject({ ok: true, value: { device: { token: 't', platform: 'ios' } } })
    expect(JSON.stringify(added)).not.toContain('last_used')
  })

  it.each([
    [1_763_740_000.999, 1_763_740_000],
    [0.5, 0],
  ])('cuts the fraction off %d seconds', (timestamp, seconds) => {
    expect(parse(trackMessage, { ...event, timestamp })).toMatchObject({ ok: true, value: { timestamp: seconds } })
  })

  it.each([
    [-0.5, 'must not be before 1970'],
    [1_763_740_000_000.5, 'looks like milliseconds'],
  ])('refuses %d seconds', (timestamp, rule) => {
    expect(parse(trackMessage, { ...event, timestamp })).toMatchObject({ error: expect.stringContaining(rule) })
  })

  it.each([
    ['iOS', 'ios'],
    ['Android', 'android'],
    ['ANDROID', 'android'],
  ])('writes the platform %s as Customer.io documents it', (platform, documented) => {
    const parsed = parse(identifyMessage, device({ platform }))
    expect(parsed).toMatchObject({ ok: true, value: { device: { platform: documented } } })
  })
})
