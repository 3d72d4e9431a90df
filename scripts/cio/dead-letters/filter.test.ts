import { whatIs } from './body.ts'
import type { DeadLetter } from './dead-letter.ts'
import { type Filter, isNarrowed, matches } from './filter.ts'

const NOW_MS = Date.parse('2026-11-21T12:00:00Z')

const DEAD_LETTER: DeadLetter = {
  source: {
    name: 'track',
    topic: 'track',
    deployedTopic: 'track',
    deadLetterSubscription: 'track-dead-letter',
    ackDeadlineMs: 60_000,
  },
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
    [true, { person: 'Ada <ada@EXAMPLE.com>' }],
    [false, { person: 'da@example.com' }],
    [false, { person: 'u7' }],
    [false, { person: 'u7', mentions: true }],
    [false, { reason: ['refused'], person: 'bob' }],
  ])('is %p for %p', (expected, filter) => {
    expect(matches(DEAD_LETTER, filter, NOW_MS)).toBe(expected)
  })

  it('knows whether it narrows anything', () => {
    expect([isNarrowed({}), isNarrowed({ person: 'u1' })]).toEqual([false, true])
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
