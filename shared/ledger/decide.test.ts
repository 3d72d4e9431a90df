import { decide, isKeyGone, isOpen, sentBefore, windowOf } from './decide.ts'
import type { SendState, StoredRecord } from './record.ts'

const NOW_MS = 1_763_740_000_000
const LEASE_MS = 30_000
const LIST_DELAY_MS = 60_000

/** A record that was written a moment ago. */
function record(state: SendState, changes: Partial<StoredRecord> = {}): StoredRecord {
  return {
    id: 'id',
    version: '1',
    state,
    owner: 'somebody',
    leaseMs: LEASE_MS,
    hashes: { version: 2, key: 'key', content: 'content', persons: [] },
    channel: 'email',
    template: '7',
    claimedAtMs: NOW_MS,
    updatedAtMs: NOW_MS + 1_000,
    readAtMs: NOW_MS + 1_001,
    deliveryId: null,
    expiresAtMs: NOW_MS + 1_000_000,
    ...changes,
  }
}

/** What a delivery whose content is this, or cannot be compared, does about it. */
const decided = (found: StoredRecord, content: string | undefined = 'content', notAskable?: string) =>
  decide(found, { contentAs: () => content, notAskable }, LIST_DELAY_MS)
const withoutKey = (found: StoredRecord) => decide(found, { contentAs: () => undefined, notAskable: undefined }, 0)

const busy = (error: string) => ({ kind: 'answer', outcome: { kind: 'retry', cause: 'busy', error } })
const BEING_SENT = busy('another delivery of the same key is being sent')
const NOT_YET = busy('it may have been sent: Customer.io is asked when its list has had time to show it')
const CONTENT_CHANGED = {
  kind: 'answer',
  outcome: {
    kind: 'refused',
    reason: 'content_changed',
    error: 'the idempotency key was used before with other content: publish it with a key of its own',
  },
}
const KEY_IS_GONE = {
  kind: 'answer',
  outcome: {
    kind: 'retry',
    cause: 'configuration',
    error: 'the record was made with a key that PERSON_HASH_KEYS no longer has: put it back, after the current one',
  },
}

it.each(['refused', 'released'] as const)('claims what was %s, with other content too', (state) => {
  expect(decided(record(state), 'other')).toEqual({ kind: 'claim' })
})

it.each(['sent', 'claimed', 'uncertain'] as const)(
  'claims what was %s from the moment at which its record expires',
  (state) => {
    const { readAtMs } = record(state)
    expect(decided(record(state, { expiresAtMs: readAtMs }))).toEqual({ kind: 'claim' })
    expect(decided(record(state, { expiresAtMs: readAtMs + 1 }))).not.toEqual({ kind: 'claim' })
  },
)

describe('what was sent', () => {
  it('is answered as it was, unless the content is another or cannot be compared', () => {
    const sent = record('sent', { deliveryId: 'd1' })
    expect(decided(sent)).toEqual({ kind: 'answer', outcome: sentBefore('d1') })
    expect(decided(sent, 'other')).toEqual(CONTENT_CHANGED)
    expect(withoutKey(sent)).toEqual(KEY_IS_GONE)
  })

  it('is a duplicate, with the delivery when it is known', () => {
    expect(sentBefore('d1')).toStrictEqual({ kind: 'delivered', duplicate: true, deliveryId: 'd1' })
    expect(sentBefore(null)).toStrictEqual({ kind: 'delivered', duplicate: true })
  })
})

describe('what may have been sent', () => {
  const endMs = NOW_MS + 1_000 + LEASE_MS
  const claimed = (readAtMs: number) => record('claimed', { readAtMs })

  it('waits for the end of its lease, for the list of Customer.io after that, and is looked up then', () => {
    expect(decided(claimed(endMs - 1))).toEqual(BEING_SENT)
    expect(decided(claimed(endMs))).toEqual(NOT_YET)
    expect(decided(claimed(endMs + LIST_DELAY_MS - 1))).toEqual(NOT_YET)
    const window = { fromMs: NOW_MS - 5_000, untilMs: endMs + LIST_DELAY_MS + 5_000 }
    expect(decided(claimed(endMs + LIST_DELAY_MS))).toEqual({ kind: 'look_up', window })
  })

  it('has no lease any more once it is uncertain', () => {
    const uncertain = record('uncertain', { readAtMs: NOW_MS + 1_000 + LIST_DELAY_MS })
    const window = { fromMs: NOW_MS - 5_000, untilMs: NOW_MS + 1_000 + LIST_DELAY_MS + 5_000 }
    expect(decided(uncertain)).toEqual({ kind: 'look_up', window })
    expect(windowOf(uncertain, LIST_DELAY_MS)).toEqual(window)
  })

  it('is left alone when the content is another, or cannot be compared, or Customer.io cannot be asked', () => {
    expect(decided(claimed(endMs), 'other')).toEqual(CONTENT_CHANGED)
    expect(withoutKey(claimed(endMs))).toEqual(KEY_IS_GONE)
    expect(decided(claimed(endMs), 'content', 'a draft')).toEqual({
      kind: 'answer',
      outcome: { kind: 'refused', reason: 'uncertain', error: 'may or may not have been sent: a draft' },
    })
  })
})

it.each<[SendState, boolean]>([
  ['claimed', true],
  ['uncertain', true],
  ['sent', false],
  ['refused', false],
  ['released', false],
])('of one that is %s nobody knows yet whether it was sent: %s', (state, expected) => {
  expect(isOpen(record(state))).toBe(expected)
  expect(isOpen(record(state, { expiresAtMs: NOW_MS + 1_001 }))).toBe(false)
})

it('knows the outcome that waits for a key from every other', () => {
  const outcomes = [withoutKey(record('sent')), decided(record('sent'))].map((action) =>
    action.kind === 'answer' ? isKeyGone(action.outcome) : undefined,
  )
  expect(outcomes).toEqual([true, false])
})
