import fc from 'fast-check'
import { DEAD_LETTER_REASONS } from '../outcome/index.ts'
import { cutBytes, deadLetterOf } from './dead-letter.ts'
import { PUBSUB_LIMITS } from './limits.ts'
import type { ReceivedMessage } from './push.ts'

function received(overrides: Partial<ReceivedMessage> = {}): ReceivedMessage {
  return {
    data: Buffer.from('{"a":1}'),
    dataIsIntact: true,
    attributes: {},
    messageId: '17',
    publishTime: '2026-11-21T10:00:00.123Z',
    orderingKey: undefined,
    subscription: 'projects/p/subscriptions/track',
    deliveryAttempt: 4,
    ...overrides,
  }
}

const failure = { reason: 'contract', error: 'name: is missing' } as const

/** As Pub/Sub counts a publish: body, ordering key, and every attribute, each with its encoding, within a request of 10 MB. */
function publishedBytes(deadLetter: ReturnType<typeof deadLetterOf>): number {
  const around = 1_024
  let bytes = around + deadLetter.data.length + Buffer.byteLength(deadLetter.orderingKey ?? '')
  for (const [key, value] of Object.entries(deadLetter.attributes))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value) + 16
  return bytes
}

it('keeps bytes, attributes and ordering key, and adds why, where and when', () => {
  const data = Buffer.from([0, 255, 128, 10])
  const deadLetter = deadLetterOf(received({ data, attributes: { tenant: 'a' }, orderingKey: 'id:u1' }), {
    reason: 'refused',
    error: 'Customer.io refused the item: attributes.plan: invalid',
    httpStatus: 207,
  })
  expect(deadLetter).toEqual({
    data,
    orderingKey: 'id:u1',
    attributes: {
      tenant: 'a',
      reason: 'refused',
      error: 'Customer.io refused the item: attributes.plan: invalid',
      http_status: '207',
      source_message_id: '17',
      source_publish_time: '2026-11-21T10:00:00.123Z',
      source_subscription: 'projects/p/subscriptions/track',
      delivery_attempt: '4',
    },
  })
})

it('keeps the identity of the first life when a replay fails again, and nothing of its failure', () => {
  const first = deadLetterOf(received(), { ...failure, httpStatus: 400 })
  const replayed = received({ attributes: first.attributes, messageId: '99', publishTime: '2026-12-01T00:00:00Z' })
  const second = deadLetterOf(replayed, { reason: 'exhausted', error: 'down' })
  expect(second.attributes).toMatchObject({
    source_message_id: '17',
    source_publish_time: '2026-11-21T10:00:00.123Z',
    reason: 'exhausted',
    error: 'down',
  })
  expect(second.attributes).not.toHaveProperty('http_status')
})

it('says nothing of what an earlier failure had left out, nor of an ordering key that there is none of', () => {
  const deadLetter = deadLetterOf(received({ attributes: { truncated: 'tenant' } }), failure)
  expect(deadLetter.attributes).not.toHaveProperty('truncated')
  expect(deadLetter).not.toHaveProperty('orderingKey')
})

it('keeps names and values of the greatest length that Pub/Sub takes, and none that is longer', () => {
  const [longest, longer] = ['k'.repeat(256), 'l'.repeat(257)]
  const attributes = { [longest]: '1', [longer]: '2', full: 'v'.repeat(1_024), over: 'v'.repeat(1_025) }
  const deadLetter = deadLetterOf(received({ attributes }), failure)
  expect(Object.keys(deadLetter.attributes)).toEqual(expect.arrayContaining([longest, 'full']))
  expect(deadLetter.attributes.truncated).toBe(`${longer},over`)
})

it('names the attributes that had to make room, and keeps the idempotency key before all others', () => {
  const attributes = Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`a${String(i).padStart(2, '0')}`, 'x']))
  const deadLetter = deadLetterOf(received({ attributes: { ...attributes, idempotency_key: 'k' } }), failure)
  expect(Object.keys(deadLetter.attributes)).toHaveLength(PUBSUB_LIMITS.attributes)
  expect(deadLetter.attributes.idempotency_key).toBe('k')
  expect(deadLetter.attributes.truncated).toBe('a92,a93,a94,a95,a96,a97,a98')
})

it('leaves out what a publisher may not set, and says so', () => {
  const deadLetter = deadLetterOf(received({ attributes: { googclient_x: '1', ['k'.repeat(300)]: 'v' } }), failure)
  expect(deadLetter.attributes.truncated).toBe(`googclient_x,${'k'.repeat(300)}`)
  expect(deadLetter.attributes).not.toHaveProperty('googclient_x')
})

it('takes an attribute named like a property of every object as data', () => {
  const attributes: Record<string, string> = JSON.parse('{"__proto__":"x","constructor":"y"}')
  const deadLetter = deadLetterOf(received({ attributes }), failure)
  expect(Object.keys(deadLetter.attributes)).toEqual(expect.arrayContaining(['__proto__', 'constructor']))
})

it('cuts a body that leaves no room for the reason, and names it', () => {
  const deadLetter = deadLetterOf(received({ data: Buffer.alloc(PUBSUB_LIMITS.messageBytes, 'x') }), failure)
  expect(deadLetter.attributes.truncated).toBe('data')
  expect(deadLetter.data.length).toBeGreaterThan(PUBSUB_LIMITS.messageBytes - 10_000)
  expect(publishedBytes(deadLetter)).toBeLessThanOrEqual(PUBSUB_LIMITS.messageBytes)
})

it('keeps the attributes of a body that has to be cut anyway', () => {
  const data = Buffer.alloc(PUBSUB_LIMITS.messageBytes, 'x')
  const many = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`attribute-${i}`, 'x']))
  const deadLetter = deadLetterOf(received({ data, attributes: many, orderingKey: 'k'.repeat(1_024) }), failure)
  expect(deadLetter.attributes).toMatchObject({ ...many, truncated: 'data' })
  expect(publishedBytes(deadLetter)).toBeLessThanOrEqual(PUBSUB_LIMITS.messageBytes)
})

describe('beside the largest body that is kept whole', () => {
  const bodyOf = (bytes: number) => Buffer.alloc(bytes, 'x')
  // Between a body that is whole and one that is cut, each byte less leaves one more.
  const cut = deadLetterOf(received({ data: bodyOf(PUBSUB_LIMITS.messageBytes) }), failure)
  const largest = cut.data.length

  it('its ordering key takes the room of its bytes', () => {
    const data = bodyOf(PUBSUB_LIMITS.messageBytes)
    expect(deadLetterOf(received({ data, orderingKey: 'id:é' }), failure).data.length).toBe(largest - 5)
  })

  it('there is no room for another attribute', () => {
    const deadLetter = deadLetterOf(received({ data: bodyOf(largest), attributes: { tenant: 'a' } }), failure)
    expect(deadLetter.data.length).toBe(largest)
    expect(deadLetter.attributes).not.toHaveProperty('tenant')
    expect(deadLetter.attributes.truncated).toBe('tenant')
  })

  it('there is room for one of as many bytes as it is smaller', () => {
    const size = 'tenant'.length + 'a'.length + 16
    const kept = deadLetterOf(received({ data: bodyOf(largest - size), attributes: { tenant: 'a' } }), failure)
    expect(kept.attributes).toMatchObject({ tenant: 'a' })
    const left = deadLetterOf(received({ data: bodyOf(largest - size + 1), attributes: { tenant: 'a' } }), failure)
    expect(left.attributes.truncated).toBe('tenant')
  })
})

it('leaves out attributes rather than bytes of the body', () => {
  const data = Buffer.alloc(PUBSUB_LIMITS.messageBytes - 5_000, 'x')
  const attributes = { a: 'x'.repeat(1_024), b: 'x'.repeat(1_024), c: 'x'.repeat(1_024) }
  const deadLetter = deadLetterOf(received({ data, attributes }), failure)
  expect(deadLetter.data.length).toBe(data.length)
  expect(deadLetter.attributes.truncated).toMatch(/^(a,)?(b,)?c$/)
})

const anyText = fc.string({ unit: 'binary', maxLength: 1_400 })
const anyAttributes = fc.dictionary(fc.string({ unit: 'binary', maxLength: 300 }), anyText, {
  maxKeys: 100,
  noNullPrototype: true,
})

it('keeps within the limits of Pub/Sub whatever the source had', () => {
  fc.assert(
    fc.property(
      anyAttributes,
      fc.constantFrom(...DEAD_LETTER_REASONS),
      fc.string({ unit: 'binary', maxLength: 4_000 }),
      fc.constantFrom(0, 1, 30_000, 9_990_000, 9_999_000, PUBSUB_LIMITS.messageBytes),
      (attributes, reason, error, size) => {
        const source = received({ attributes, data: Buffer.alloc(size, 'x') })
        const deadLetter = deadLetterOf(source, { reason, error, httpStatus: 400 })
        const entries = Object.entries(deadLetter.attributes)
        expect(entries.length).toBeLessThanOrEqual(PUBSUB_LIMITS.attributes)
        for (const [key, value] of entries) {
          expect(key.length).toBeGreaterThan(0)
          expect(Buffer.byteLength(key)).toBeLessThanOrEqual(PUBSUB_LIMITS.attributeKeyBytes)
          expect(Buffer.byteLength(value)).toBeLessThanOrEqual(PUBSUB_LIMITS.attributeValueBytes)
        }
        expect(publishedBytes(deadLetter)).toBeLessThanOrEqual(PUBSUB_LIMITS.messageBytes)
        expect(deadLetter.attributes.reason).toBe(reason)
        expect(Buffer.byteLength(deadLetter.attributes.error ?? '')).toBeLessThanOrEqual(1_000)
        expect(deadLetter.attributes.source_message_id).toBe(attributes.source_message_id || '17')
        const complete =
          Object.keys(attributes).every((key) => key in deadLetter.attributes) && deadLetter.data.length === size
        if (!complete) expect(deadLetter.attributes.truncated).toBeDefined()
      },
    ),
    { numRuns: 150 },
  )
})

it('cuts text at a character, never within one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, limit) => {
      const cut = cutBytes(text, limit)
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(limit)
      expect(cut.isWellFormed()).toBe(true)
      if (text.isWellFormed()) expect(text.startsWith(cut)).toBe(true)
    }),
  )
  expect(cutBytes('aé', 2)).toBe('a')
  expect(cutBytes('日本', 5)).toBe('日')
})
