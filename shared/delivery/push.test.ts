import fc from 'fast-check'
import { unwrapPush } from './push.ts'

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

it.each(['A', 'QUJDR'])('does not let the last digit of %j vanish', (data) => {
  const pushed = unwrap({ message: { ...base, data } })
  expect(pushed).toMatchObject({ ok: true, message: { dataIsIntact: false, data: Buffer.from(data) } })
})

it('keeps a body that is no base64 as it came', () => {
  const pushed = unwrap({ message: { ...base, data: 'not base64 é!' } })
  expect(pushed).toMatchObject({ ok: true, message: { dataIsIntact: false } })
  expect(pushed.ok && pushed.message.data.toString()).toBe('not base64 é!')
})

it.each([
  [undefined, /^not a Pub\/Sub push: body: /],
  ['text', /^not a Pub\/Sub push: body: /],
  [{}, /^not a Pub\/Sub push: message: /],
  [{ message: { data: 'e30=' } }, /^not a Pub\/Sub push: message\.messageId: /],
  [{ message: { ...base, attributes: { a: 1 } } }, /^not a Pub\/Sub push: message\.attributes\.a: /],
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
  expect(pushed).toMatchObject({ ok: false })
  expect(JSON.stringify(pushed)).not.toContain('ann')
})
