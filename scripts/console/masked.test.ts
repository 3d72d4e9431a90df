import fc from 'fast-check'
import { identifyMessages, trackMessages, transactionalMessages } from '../schemas/arbitrary-messages.ts'
import { maskAttributes, maskJson, maskText } from './masked.ts'

const SECRET = 'Ada L0velace'

/** A message with the secret in the place of one of its values, wherever that is. */
const withSecret = fc
  .tuple(fc.oneof(identifyMessages, trackMessages, transactionalMessages), fc.nat())
  .map(([message, at]) => {
    const places: (() => void)[] = []
    const copy = structuredClone(message) as object
    const walk = (value: object) => {
      for (const [name, each] of Object.entries(value)) {
        places.push(() => Reflect.set(value, name, SECRET))
        if (typeof each === 'object' && each !== null) walk(each)
      }
    }
    walk(copy)
    places[at % places.length]?.()
    return copy
  })

it('keeps the names of a message and no value that could name somebody', () => {
  fc.assert(
    fc.property(withSecret, (message) => {
      const masked = JSON.stringify(maskJson(message))
      expect(masked).not.toContain(SECRET)
      expect(Object.keys(JSON.parse(masked)).length).toBe(Object.keys(message).length)
    }),
  )
})

it('shows what a message is, and not whom it is about', () => {
  expect(
    maskJson({
      ...{ channel: 'email', transactional_message_id: 3, identifiers: { id: 42 }, to: 'ada@example.com' },
      message_data: { list: ['a', 1, null, true], 'ada@example.com': { deep: 'x' } },
    }),
  ).toEqual({
    ...{ channel: 'email', transactional_message_id: 3, identifiers: { id: '•••' }, to: '•••' },
    message_data: { list: ['•••', '•••', null, true], '•••': { deep: '•••' } },
  })
  expect(maskJson({ channel: 'ada@example.com', action: 'x'.repeat(61) })).toEqual({ channel: '•••', action: '•••' })
})

it.each([
  ['Customer.io answered 400: Ada is not allowed', { name: 'Ada' }, 'Customer.io answered 400: ••• is not allowed'],
  ['550 <bob@example.com>: unknown', {}, '550 <•••>: unknown'],
  ['+1 (415) 555-2671 is no number', undefined, '••• is no number'],
  ['identifiers.extra: unknown field', { extra: 'x' }, 'identifiers.extra: unknown field'],
  ['attributes.plan: 1203 bytes, at most 1000', {}, 'attributes.plan: 1203 bytes, at most 1000'],
  ['x'.repeat(4_001), {}, '•••'],
])('of the words %j keeps what quotes nothing', (text, body, masked) => {
  expect(maskText(text, body)).toBe(masked)
})

it('masks what stands in an attribute of ours, when it cannot be ours', () => {
  expect(
    maskAttributes({ reason: 'ada@example.com', source_message_id: '+14155552671', delivery_attempt: '5' }),
  ).toEqual({
    ...{ reason: '•••', source_message_id: '•••', delivery_attempt: '5' },
  })
})

it('masks as a whole what is nested more deeply than anybody reads', () => {
  const deep = JSON.parse(`{"a":${'['.repeat(100_000)}"ada"${']'.repeat(100_000)}}`)
  expect(JSON.stringify(maskJson(deep))).toContain('•••')
})

it('shows attributes of ours, and masks those of the publisher', () => {
  expect(maskAttributes({ reason: 'refused', idempotency_key: 'welcome-ada', shop: 'eu', lane: 'bulk' })).toEqual({
    ...{ reason: 'refused', idempotency_key: '•••', shop: '•••', lane: 'bulk' },
  })
})
