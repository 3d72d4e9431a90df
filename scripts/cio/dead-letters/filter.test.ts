import { isAbout, peopleIn, whatIs } from './body.ts'
import type { DeadLetter } from './dead-letter.ts'
import { type Filter, isNarrowed, matches } from './filter.ts'

const NOW_MS = Date.parse('2026-11-21T12:00:00Z')

const DEAD_LETTER: DeadLetter = {
  source: { name: 'track', topic: 'track', deadLetterSubscription: 'track-dead-letter', ackDeadlineMs: 60_000 },
  id: '900',
  messageId: '900',
  ackId: 'ack',
  data: Buffer.from('{"identifiers":{"email":"Ada@Example.com"},"name":"x","attributes":{"note":"for u7"}}'),
  attributes: { reason: 'refused', shop: 'eu=1', source_publish_time: '2026-11-21T11:00:00Z' },
  orderingKey: '',
  deadLetteredAtMs: NOW_MS,
}
const HOUR_MS = 3_600_000

describe('a filter', () => {
  it.each<[boolean, Filter]>([
    [true, {}],
    [true, { id: ['1', '900'] }],
    [false, { id: ['90'] }],
    [true, { reason: ['refused', 'contract'] }],
    [false, { reason: ['contract'] }],
    [true, { olderThan: HOUR_MS, youngerThan: HOUR_MS }],
    [false, { olderThan: HOUR_MS + 1 }],
    [false, { youngerThan: HOUR_MS - 1 }],
    [true, { attribute: ['shop=eu=1', 'reason'] }],
    [false, { attribute: ['shop=eu'] }],
    [true, { person: 'ada@example.com' }],
    [false, { person: 'u7' }],
    [false, { reason: ['refused'], person: 'bob' }],
  ])('is %p for %p', (expected, filter) => {
    expect(matches(DEAD_LETTER, filter, NOW_MS)).toBe(expected)
  })

  it('knows whether it narrows anything', () => {
    expect([isNarrowed({}), isNarrowed({ person: 'u1' })]).toEqual([false, true])
  })
})

describe('the people of a message', () => {
  const people = (body: unknown) => [...peopleIn(Buffer.from(JSON.stringify(body)))]

  it('are found wherever messages and webhooks name them', () => {
    expect(people({ primary: { id: 'a' }, secondary: { cio_id: 'b' } })).toEqual(['a', 'b'])
    expect(people({ channel: 'email', to: 'Ada <Ada@X.com>, bob@x.com', identifiers: { id: 5 } })).toEqual(
      expect.arrayContaining(['ada@x.com', 'bob@x.com', '5']),
    )
    expect(people({ data: { identifiers: { email: 'C@x.com', id: null }, recipient: 'd@x.com' } })).toEqual(
      expect.arrayContaining(['c@x.com', 'd@x.com']),
    )
    expect(people({ identifiers: { id: 'Ada@X.com' } })).toEqual(['Ada@X.com', 'ada@x.com'])
  })

  it('are found by address in a body that is broken, and by id only where it is one', () => {
    expect(isAbout(Buffer.from('{"to": "Ada@X.com", oops'), 'ada@x.com')).toBe(true)
    expect(isAbout(Buffer.from('{"identifiers":{"id":"u1"},"name":"u2"}'), 'u2')).toBe(false)
  })

  it.each([
    '{"identifiers": {"id": "ada"}, oops',
    '[{"identifiers":{"id":"ada"}}]',
    '{"id":"ada',
    JSON.stringify(JSON.stringify({ identifiers: { id: 'ada' } })),
    '{"note": 1, "id" : "ada", "email": "',
  ])('are found by what names them in a body that is no message: %s', (body) => {
    expect(peopleIn(Buffer.from(body))).toContain('ada')
  })

  it('are found by a number in a broken body, and by nothing that names nobody', () => {
    expect(peopleIn(Buffer.from('{"id":42,"note":"u2","paid":7,'))).toEqual(new Set(['42']))
  })

  it('do not send a reader into the depths of a hostile body', () => {
    const deep = `${'{"a":'.repeat(5_000)}{"id":"deep"}${'}'.repeat(5_000)}`
    expect(peopleIn(Buffer.from(deep))).toEqual(new Set())
  })
})

it.each([
  ['identify', { identifiers: { id: 'u' } }],
  ['suppress', { action: 'suppress', identifiers: { id: 'u' } }],
  ['event order', { name: 'order', identifiers: { id: 'u' } }],
  ['page /home', { action: 'page', name: '/home' }],
  ['sms', { channel: 'sms' }],
  ['email.bounced', { object_type: 'email', metric: 'bounced' }],
])('names a message as %s', (expected, body) => {
  expect(whatIs(Buffer.from(JSON.stringify(body)))).toBe(expected)
  expect(whatIs(Buffer.from('[1]'))).toBe('not JSON')
})
