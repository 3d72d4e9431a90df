import { accountFor, type PublishedMessage } from './account.ts'
import type { Evidence, Letter } from './evidence.ts'
import type { PlannedMessage } from './messages.ts'

function published(planned: Partial<PlannedMessage> = {}, seen: Partial<PublishedMessage> = {}): PublishedMessage {
  const { mark = 'm1', topic = 'track' } = planned
  return {
    planned: { topic, atMs: 0, data: '{}', attributes: {}, nature: 'sound', mark, effect: mark, ...planned },
    messageId: `id of ${mark}`,
    settled: true,
    frozen: false,
    refusedBlindly: false,
    ...seen,
  }
}

function evidence(seen: {
  received?: Record<string, number>
  people?: Record<string, string>
  letters?: Record<string, Partial<Letter>>
}): Evidence {
  const letters = Object.entries(seen.letters ?? {}).map(
    ([mark, letter]) => [`id of ${mark}`, { reason: 'refused', error: '', data: '{}', ...letter }] as const,
  )
  return {
    received: new Map(Object.entries(seen.received ?? {})),
    people: new Map(Object.entries(seen.people ?? {})),
    letters: new Map(letters),
  }
}

const fateOf = (message: PublishedMessage, seen: Parameters<typeof evidence>[0]) =>
  accountFor([message], evidence(seen))[0]?.fate

it.each<[string, string, PublishedMessage, Parameters<typeof evidence>[0]]>([
  ['delivered', 'at Customer.io once', published(), { received: { m1: 1 } }],
  ['lost', 'acknowledged and nowhere', published(), {}],
  ['lost', 'at Customer.io, but never acknowledged', published({}, { settled: false }), { received: { m1: 1 } }],
  [
    'dead_lettered',
    'broken, and refused for it',
    published({ nature: 'broken' }),
    { letters: { m1: { reason: 'contract' } } },
  ],
  ['lost', 'refused by the contract without being broken', published(), { letters: { m1: { reason: 'contract' } } }],
  [
    'dead_lettered',
    'refused by Customer.io in its own words',
    published({ nature: 'refused_item' }),
    { letters: { m1: { error: 'refused by order' } } },
  ],
  [
    'lost',
    'refused in the place of its neighbour',
    published(),
    { received: { m1: 1 }, letters: { m1: { error: 'refused by order' } } },
  ],
  [
    'lost',
    'refused without the words of Customer.io',
    published({ nature: 'refused_item' }),
    { letters: { m1: { error: 'no' } } },
  ],
  [
    'dead_lettered',
    'refused while every batch was',
    published({}, { refusedBlindly: true }),
    { letters: { m1: { error: 'refused by order' } } },
  ],
  [
    'uncertain',
    'a send that nobody knows about',
    published({ topic: 'transactional' }),
    { letters: { m1: { reason: 'uncertain' } } },
  ],
  ['lost', 'an event that is called uncertain', published(), { letters: { m1: { reason: 'uncertain' } } }],
  ['dead_lettered', 'exhausted', published(), { letters: { m1: { reason: 'exhausted' } } }],
  ['lost', "forwarded by Pub/Sub's own policy", published(), { letters: { m1: { reason: '' } } }],
  [
    'lost',
    'dead-lettered with other bytes',
    published({ nature: 'broken' }),
    { letters: { m1: { reason: 'not_json', data: '?' } } },
  ],
  ['lost', 'content that nothing contests', published(), { letters: { m1: { reason: 'content_changed' } } }],
])('counts as %s: %s', (fate, _what, message, seen) => {
  expect(fateOf(message, seen)).toBe(fate)
})

describe('duplicates', () => {
  const send = (planned: Partial<PlannedMessage>, seen?: Partial<PublishedMessage>) =>
    published({ topic: 'transactional', effect: 'key', ...planned }, seen)

  it('are counted once for a key, however often it was published', () => {
    const accounts = accountFor([send({ mark: 'a' }), send({ mark: 'a' })], evidence({ received: { a: 2 } }))
    expect(accounts.map(({ fate, surplus }) => [fate, surplus])).toEqual([
      ['delivered', 1],
      ['delivered', 0],
    ])
  })

  it('are two contents of one key', () => {
    const other = send({ mark: 'b', nature: 'other_content' })
    const accounts = accountFor([send({ mark: 'a' }), other], evidence({ received: { a: 1, b: 1 } }))
    expect(accounts[0]).toMatchObject({ surplus: 1, afterFreeze: false })
  })

  it('are told apart when a process that held the message stood still beyond the margin', () => {
    const [account] = accountFor([send({ mark: 'a' }, { frozen: true })], evidence({ received: { a: 2 } }))
    expect(account).toMatchObject({ surplus: 1, afterFreeze: true })
  })

  it('do not exist for updates of a person', () => {
    const update = published({ topic: 'identify', mark: 'a', person: 'p' })
    expect(accountFor([update], evidence({ received: { a: 2 }, people: { p: 'a' } }))[0]?.surplus).toBe(0)
  })
})

describe('the state of a person', () => {
  const update = (mark: string) => published({ topic: 'identify', mark, person: 'p' })
  const received = { a: 1, b: 1, 'delete p': 1 }
  const lostOf = (marks: string[], seen: Parameters<typeof evidence>[0]) =>
    accountFor(marks.map(update), evidence(seen)).flatMap(({ fate, message }) =>
      fate === 'lost' ? [message.planned.mark] : [],
    )

  it('is the last update', () => {
    expect(lostOf(['a', 'b'], { received, people: { p: 'b' } })).toEqual([])
    expect(lostOf(['a', 'b'], { received, people: { p: 'a' } })).toEqual(['b'])
    expect(lostOf(['a', 'b'], { received })).toEqual(['b'])
  })

  it('is none after a deletion, and the update after it', () => {
    expect(lostOf(['a', 'delete p'], { received })).toEqual([])
    expect(lostOf(['a', 'delete p'], { received, people: { p: 'a' } })).toEqual(['delete p'])
    expect(lostOf(['delete p', 'a'], { received, people: { p: 'a' } })).toEqual([])
    expect(lostOf(['delete p', 'a'], { received })).toEqual(['a'])
  })

  it('is not that of an update which was refused', () => {
    const refused = published({ topic: 'identify', mark: 'b', person: 'p', nature: 'refused_item' })
    const seen = { received: { a: 1 }, people: { p: 'a' }, letters: { b: { error: 'refused by order' } } }
    expect(accountFor([update('a'), refused], evidence(seen)).map(({ fate }) => fate)).toEqual([
      'delivered',
      'dead_lettered',
    ])
  })
})
