import fc from 'fast-check'
import type { Entry, Fact } from './entry.ts'
import { journeysOf } from './journey.ts'
import { timelineOf } from './timeline.ts'

const T = Date.UTC(2026, 10, 21, 10)
const SEND = { topic: 'transactional', channel: 'email', template: '3' }
const published: Entry = { atMs: T, messageIds: ['1'], keyHash: 'k', ...SEND, fact: { kind: 'published' } }
const attempt = (
  after: number,
  more: Partial<Extract<Fact, { kind: 'attempted' }>>,
  ties: Partial<Entry> = {},
): Entry => ({
  ...{ atMs: T + after, messageIds: ['1'], keyHash: 'k', ...SEND, ...ties },
  fact: {
    kind: 'attempted',
    ...{
      attempt: 1,
      outcome: 'delivered',
      reason: undefined,
      cause: undefined,
      httpStatus: undefined,
      note: undefined,
    },
    ...{ batch: undefined, queueMs: undefined, requestMs: undefined, held: undefined },
    ...more,
  },
})
const webhook = (after: number, metric: string, more: Partial<Extract<Fact, { kind: 'came_back' }>> = {}): Entry => {
  const atMs = Math.floor((T + after) / 1_000) * 1_000
  const fact = { metric, byMachine: false, failure: undefined, receivedAtMs: atMs + 500, ...more }
  return {
    atMs,
    deliveryId: 'd',
    channel: 'email',
    fact: { kind: 'came_back', eventId: `${metric} ${after}`, ...fact },
  }
}
const deadLetter = (reason: string): Entry => ({
  ...{ atMs: T + 2_000, messageIds: ['9', '1'], topic: 'transactional' },
  fact: { kind: 'dead_lettered', id: '1', reason, error: 'gave no answer', attempts: 1, replays: 0, doubt: undefined },
})
const decided = (after: number, what: string): Entry => ({
  ...{ atMs: T + after, messageIds: ['1'] },
  fact: { kind: 'decided', what },
})
const told = (...entries: readonly Entry[]) => journeysOf(entries).map(timelineOf)
const textsOf = (...entries: readonly Entry[]) => told(...entries).flatMap(({ lines }) => lines.map(({ text }) => text))
const endingsOf = (...entries: readonly Entry[]) =>
  journeysOf(entries).map(({ ending: { state, final } }) => (final ? `${state}, final` : state))

it('has no template in its title where a message brings its own text', () => {
  const about = { ...published, channel: 'email', template: '' }
  expect(told(about)).toMatchObject([{ title: 'transactional: email' }])
})

describe('a send that was opened', () => {
  const accepted = attempt(900, { attempt: 2, queueMs: 12, requestMs: 180 }, { deliveryId: 'd' })
  const entries = [
    webhook(60_000, 'opened', { byMachine: true }),
    webhook(90_000, 'opened', { receivedAtMs: T + 90_000 + 7_200_000 }),
    webhook(1_500, 'delivered'),
    webhook(1_000, 'sent'),
    accepted,
    attempt(300, { outcome: 'retry', reason: 'server_error', cause: 'transient', httpStatus: 503 }),
    published,
  ]

  it('is one timeline in the order of events', () => {
    expect(told(...entries)).toEqual([
      {
        title: 'transactional: email, template 3',
        lines: [
          {
            at: '2026-11-21T10:00:00.000Z',
            afterMs: 0,
            source: 'record',
            text: 'published to transactional, as message 1',
          },
          {
            ...{ at: '2026-11-21T10:00:00.300Z', afterMs: 300, source: 'record' },
            text: 'attempt 1: Customer.io had an error of its own, HTTP 503; Pub/Sub delivers it again',
          },
          {
            ...{ at: '2026-11-21T10:00:00.900Z', afterMs: 900, source: 'record' },
            text: 'attempt 2: accepted by Customer.io, as delivery d (waited 12 ms, request 180 ms)',
          },
          { at: '2026-11-21T10:00:01Z', afterMs: 1_000, source: 'webhooks', text: 'sent, delivery d' },
          { at: '2026-11-21T10:00:01Z', afterMs: 1_000, source: 'webhooks', text: 'delivered' },
          { at: '2026-11-21T10:01:00Z', afterMs: 60_000, source: 'webhooks', text: 'opened by a machine' },
          {
            ...{ at: '2026-11-21T10:01:30Z', afterMs: 90_000, source: 'webhooks' },
            text: 'opened, we heard of it 2 h later',
          },
        ],
        ending: 'accepted by Customer.io; then sent, delivered, opened by a machine, opened',
      },
    ])
  })

  it('is the same whatever the order of the entries, and however often each is read', () => {
    const expected = told(...entries)
    fc.assert(
      fc.property(fc.shuffledSubarray([...entries, ...entries], { minLength: 14 }), (shuffled) => {
        expect(told(...shuffled)).toEqual(expected)
      }),
    )
  })

  it('keeps a webhook of the second in which it was accepted behind it', () => {
    expect(textsOf(webhook(900, 'sent'), accepted, published).at(-1)).toBe('sent, delivery d')
  })
})

describe('where a journey stands', () => {
  const uncertain = attempt(1_000, { outcome: 'refused', reason: 'uncertain' })
  const guarded = attempt(1_000, { outcome: 'guarded', reason: 'guarded' })
  const dropped = attempt(1_000, { outcome: 'guarded', note: 'dropped' })
  it.each<[string, string, readonly Entry[]]>([
    ['is under way without an outcome', 'under_way', [published]],
    ['is under way after a retry', 'under_way', [published, attempt(1, { outcome: 'retry', cause: 'configuration' })]],
    ['waits for webhooks once it is accepted', 'accepted', [attempt(1, {}, { deliveryId: 'd' })]],
    ['waits on when it was sent', 'accepted', [attempt(1, {}, { deliveryId: 'd' }), webhook(2_000, 'sent')]],
    [
      'is final when it has bounced',
      'accepted, final',
      [attempt(1, {}, { deliveryId: 'd' }), webhook(2_000, 'bounced')],
    ],
    [
      'is final for an event as soon as it is accepted',
      'accepted, final',
      [attempt(1, {}, { topic: 'track', channel: undefined })],
    ],
    [
      'is final for a broadcast, of which no webhook tells',
      'accepted, final',
      [attempt(1, {}, { channel: 'broadcast' })],
    ],
    ['is uncertain among the dead letters', 'uncertain, final', [published, uncertain, deadLetter('uncertain')]],
    ['is uncertain where the dead letter cannot be seen', 'uncertain, final', [published, uncertain]],
    ['is a dead letter, whatever the ledger says', 'dead_letter, final', [published, deadLetter('contract')]],
    ['is not sent, and waits for a release', 'not_sent, final', [published, guarded, deadLetter('guarded')]],
    ['is not sent where the dead letter cannot be seen', 'not_sent, final', [published, guarded]],
    ['is dropped where the environment keeps nothing', 'dropped, final', [published, dropped]],
    ['goes on by a release', 'under_way', [published, guarded, decided(5_000, 'replayed')]],
    ['ends by a settlement', 'ended_by_operator, final', [published, uncertain, decided(5_000, 'settled_sent')]],
    ['goes on by a settlement that sends', 'under_way', [published, uncertain, decided(5_000, 'settled_not_sent')]],
    ['goes on by a replay', 'under_way', [published, uncertain, decided(5_000, 'replayed')]],
    [
      'stays uncertain when somebody looks at it',
      'uncertain, final',
      [published, uncertain, decided(5_000, 'revealed')],
    ],
    ['ends by an erasure', 'erased, final', [decided(5_000, 'erased')]],
    ['ends by a purge', 'ended_by_operator, final', [published, uncertain, decided(5_000, 'purged')]],
    [
      'is accepted after a replay that went through',
      'accepted, final',
      [
        published,
        uncertain,
        decided(5_000, 'replayed'),
        attempt(9_000, {}, { deliveryId: 'd' }),
        webhook(9_500, 'delivered'),
      ],
    ],
    [
      "is an operator's word where a later delivery met it in the ledger",
      'ended_by_operator, final',
      [published, uncertain, decided(5_000, 'settled_sent'), attempt(4_000, { note: 'duplicate' })],
    ],
    ['is of Customer.io alone without a message of ours', 'sent_by_customerio', [webhook(1_000, 'sent')]],
    [
      'is accepted by the ledger where the line is lost',
      'accepted',
      [published, { ...published, deliveryId: 'd', atMs: T + 5, fact: { kind: 'remembered', state: 'sent' } }],
    ],
    [
      "is not accepted by an operator's word in the ledger",
      'ended_by_operator, final',
      [published, decided(5_000, 'settled_sent'), { ...published, fact: { kind: 'remembered', state: 'sent' } }],
    ],
  ])('%s', (_, expected, entries) => {
    expect(endingsOf(...entries)).toEqual([expected])
  })

  it('tells of a send that Customer.io holds, and waits for one that is scheduled but not for a draft', () => {
    const draft = attempt(1, { held: 'as_draft' }, { deliveryId: 'd' })
    const scheduled = attempt(1, { held: T + 60_000 }, { deliveryId: 'd' })
    expect([draft, scheduled].flatMap((entry) => textsOf(entry))).toEqual([
      'attempt 1: accepted by Customer.io as a draft, as delivery d',
      'attempt 1: accepted by Customer.io, to be sent at 2026-11-21T10:01:00Z, as delivery d',
    ])
    expect(told(draft)[0]?.ending).toBe('accepted by Customer.io as a draft, which waits for somebody to send it')
    expect(told(scheduled)[0]?.ending).toBe('accepted by Customer.io, to be sent at 2026-11-21T10:01:00Z')
    expect(endingsOf(draft)).toEqual(['accepted, final'])
    expect(endingsOf(draft, webhook(500, 'drafted'))).toEqual(['accepted, final'])
    expect(endingsOf(draft, webhook(500, 'drafted'), webhook(900_000, 'sent'))).toEqual(['accepted'])
    expect(endingsOf(scheduled)).toEqual(['accepted'])
  })

  it('names the command that goes on from there', () => {
    expect(told(published, deadLetter('uncertain'))[0]?.ending).toBe(
      'uncertain: it may have been sent. Decide it: cio-gcp dlq settle --id 1',
    )
    expect(told(published, deadLetter('contract'))[0]?.ending).toBe('a dead letter. See it: cio-gcp dlq show 1')
    expect(told(published, guarded, deadLetter('guarded'))[0]?.ending).toBe(
      'not sent: held by the recipient guard. Send it all the same: cio-gcp dlq replay --id 1 --release',
    )
  })

  it('says of what was dropped that nothing is left to do', () => {
    expect(told(published, dropped)[0]?.ending).toBe(
      'dropped by the recipient guard: nothing was sent, and nothing is kept of it',
    )
  })

  it('never says that something was applied', () => {
    expect(JSON.stringify(told(published, attempt(1, {}), attempt(2, { note: 'older_time' })))).not.toMatch(
      /appl(y|ied)/,
    )
  })
})

describe('journeys', () => {
  const of = (id: string, key: string, deliveryId?: string): Entry => ({
    ...{ atMs: T, messageIds: [id], keyHash: key, deliveryId },
    fact: { kind: 'published' },
  })

  it('share no message id, key or delivery id with one another', () => {
    expect(journeysOf([of('1', 'a'), of('2', 'b')])).toHaveLength(2)
    expect(journeysOf([of('1', 'a'), of('2', 'a')])).toHaveLength(1)
    expect(journeysOf([of('1', 'a', 'd'), of('2', 'b', 'd')])).toHaveLength(1)
  })

  it('are brought together by an entry that comes later', () => {
    const replay: Entry = { ...of('3', 'c'), messageIds: ['3', '1'] }
    const [journey, ...others] = journeysOf([of('1', 'a'), of('2', 'b', 'd'), of('3', 'c'), of('4', 'a', 'd'), replay])
    expect(others).toEqual([])
    expect(journey?.messageIds.toSorted()).toEqual(['1', '2', '3', '4'])
  })

  it('are as many as there are parts without a tie between them, for any entries', () => {
    const ids = fc.constantFrom('1', '2', '3', '4', '5', '6')
    const entries = fc.array(
      fc.record({
        atMs: fc.nat(),
        messageIds: fc.array(ids),
        keyHash: fc.option(ids, { nil: undefined }),
        deliveryId: fc.option(ids, { nil: undefined }),
      }),
    )
    fc.assert(
      fc.property(entries, (drawn) => {
        const all = drawn.map((each, index): Entry => ({ ...each, fact: { kind: 'decided', what: String(index) } }))
        const journeys = journeysOf(all)
        expect(journeys.flatMap(({ entries }) => entries)).toHaveLength(all.length)
        const ties = journeys.map(
          ({ entries }) =>
            new Set(
              entries.flatMap(({ messageIds = [], keyHash, deliveryId }) => [
                ...messageIds.map((id) => `m${id}`),
                ...(keyHash === undefined ? [] : [`k${keyHash}`]),
                ...(deliveryId === undefined ? [] : [`d${deliveryId}`]),
              ]),
            ),
        )
        for (const [index, one] of ties.entries())
          for (const other of ties.slice(index + 1)) expect([...one].filter((tie) => other.has(tie))).toEqual([])
      }),
    )
  })

  it('begin with the one that began first', () => {
    const later = { ...of('2', 'b'), atMs: T + 1 }
    expect(journeysOf([later, of('1', 'a')]).map(({ messageIds }) => messageIds)).toEqual([['1'], ['2']])
  })
})
