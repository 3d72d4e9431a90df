import fc from 'fast-check'
import { PUBSUB_LIMITS } from './limits.ts'
import { LARGEST_PUSH_BYTES, pushBytes, unwrapPush } from './push.ts'

const unwrap = (body: unknown) => unwrapPush(Buffer.from(JSON.stringify(body) ?? ''))

const base = { messageId: '1', publishTime: '2026-11-21T10:00:00Z' }

it('reads body, attributes, ordering key, subscription and attempt of a wrapped push', () => {
  const body = {
    message: { ...base, data: Buffer.from('{"a":1}').toString('base64'), attributes: { k: 'v' }, orderingKey: 'u1' },
    subscription: 'projects/p/subscriptions/track',
    deliveryAttempt: 7,
  }
  expect(unwrap(body)).toEqual({
    ok: true,
    message: {
      data: Buffer.from('{"a":1}'),
      dataIsIntact: true,
      attributes: { k: 'v' },
      messageId: '1',
      publishTime: '2026-11-21T10:00:00Z',
      orderingKey: 'u1',
      subscription: 'projects/p/subscriptions/track',
      deliveryAttempt: 7,
    },
  })
})

it('reads a message of attributes only, as the emulators push it, without attempt or ordering key', () => {
  const pushed = unwrap({ message: { ...base, attributes: null, orderingKey: '' } })
  expect(pushed).toMatchObject({ ok: true, message: { attributes: {}, deliveryAttempt: 0, orderingKey: undefined } })
  expect(pushed.ok && pushed.message.data.length).toBe(0)
})

it('takes what a push may leave out as empty', () => {
  expect(unwrap({ message: { messageId: '1' } })).toEqual({
    ok: true,
    message: {
      ...{ data: Buffer.alloc(0), dataIsIntact: true, attributes: {}, messageId: '1', publishTime: '' },
      ...{ orderingKey: undefined, subscription: '', deliveryAttempt: 0 },
    },
  })
})

it.each(['A', 'QUJDR'])('does not let the last digit of %j vanish', (data) => {
  const pushed = unwrap({ message: { ...base, data } })
  expect(pushed).toMatchObject({ ok: true, message: { dataIsIntact: false, data: Buffer.from(data) } })
})

it.each(['not base64 é', '!QUJ', 'QUJ!', 'QQ==QQ=='])('keeps a body that is no base64 as it came: %j', (data) => {
  const pushed = unwrap({ message: { ...base, data } })
  expect(pushed).toMatchObject({ ok: true, message: { dataIsIntact: false } })
  expect(pushed.ok && pushed.message.data.toString()).toBe(data)
})

it.each([
  [undefined, /^not a Pub\/Sub push: body: /],
  ['text', /^not a Pub\/Sub push: body: /],
  [{}, /^not a Pub\/Sub push: message: /],
  [{ message: { data: 'e30=' } }, /^not a Pub\/Sub push: message\.messageId: /],
  [{ message: { ...base, attributes: { a: 1 } } }, /^not a Pub\/Sub push: message\.attributes\.a: must be a string$/],
  [{ message: { ...base, attributes: 'text' } }, /^not a Pub\/Sub push: message\.attributes: /],
  [{ message: { ...base, attributes: ['a'] } }, /^not a Pub\/Sub push: message\.attributes: /],
  [{ message: { ...base, attributes: 7 } }, /^not a Pub\/Sub push: message\.attributes: /],
])('says what is wrong with the envelope %j', (body, error) => {
  expect(unwrap(body)).toEqual({ ok: false, error: expect.stringMatching(error) })
})

it('does not parse an envelope of more values than Pub/Sub writes', () => {
  const attributes = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`a${index}`, '']))
  expect(unwrap({ message: { ...base, attributes } })).toMatchObject({ ok: false })
})

it('gives back every byte and attribute that was pushed', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.dictionary(fc.string(), fc.string()), fc.nat(), (bytes, attributes, attempt) => {
      const data = Buffer.from(bytes)
      const body: unknown = JSON.parse(
        JSON.stringify({ message: { ...base, data: data.toString('base64'), attributes }, deliveryAttempt: attempt }),
      )
      const pushed = unwrap(body)
      if (!pushed.ok) throw new Error(pushed.error)
      expect(pushed.message.data.equals(data)).toBe(true)
      expect(Object.entries(pushed.message.attributes).sort()).toEqual(Object.entries(attributes).sort())
      expect(pushed.message.deliveryAttempt).toBe(attempt)
    }),
  )
})

it('keeps an attribute that is called like a property of every object', () => {
  const body: unknown = JSON.parse('{"message":{"messageId":"1","attributes":{"__proto__":"x"}}}')
  const pushed = unwrap(body)
  expect(pushed.ok && Object.entries(pushed.message.attributes)).toEqual([['__proto__', 'x']])
})

it('never throws, whatever is posted', () => {
  fc.assert(fc.property(fc.jsonValue(), (body) => typeof unwrap(body).ok === 'boolean'))
  fc.assert(fc.property(fc.uint8Array(), (bytes) => typeof unwrapPush(Buffer.from(bytes)).ok === 'boolean'))
})

it('repeats nothing of a body that is not JSON', () => {
  const pushed = unwrapPush(Buffer.from('{"message":{"data":"ann@example.com'))
  const error = 'not a Pub/Sub push: body: is not JSON (a compressed body is not taken)'
  expect(pushed).toEqual({ ok: false, error })
})

it('is never larger than what is read: 100 attributes of the greatest length, each byte of them escaped', () => {
  const attributes = Object.fromEntries(
    Array.from({ length: PUBSUB_LIMITS.attributes }, (_, index) => [
      String(index).padStart(PUBSUB_LIMITS.attributeKeyBytes, '\u0001'),
      '\u0001'.repeat(PUBSUB_LIMITS.attributeValueBytes),
    ]),
  )
  const bytes = 3_001
  const data = Buffer.alloc(bytes).toString('base64')
  const subscription = `projects/${'p'.repeat(30)}/subscriptions/${'s'.repeat(255)}`
  const message = { ...base, data, attributes, orderingKey: '\u0001'.repeat(1_024) }
  const push = JSON.stringify({ message, subscription, deliveryAttempt: 100 }).length
  expect(push).toBeLessThan(pushBytes(bytes))
  expect(push).toBeGreaterThan(pushBytes(bytes) - 30_000)
  expect(LARGEST_PUSH_BYTES).toBe(pushBytes(PUBSUB_LIMITS.messageBytes))
})
