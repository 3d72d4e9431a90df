import type { StoredRecord } from './record.ts'
import { type Delivery, isTemplateNumber, type Resolution, resolve } from './resolve.ts'

const NOW_MS = 1_763_740_000_000
const LIST_DELAY_MS = 60_000
const TOLERANCE_MS = 5_000
const WINDOW = { fromMs: NOW_MS, untilMs: NOW_MS + 90_000 }
const OWN = { channel: 'email', template: '7' }

/** In the middle of the window, and in every way the message's own. */
function delivery(changes: Partial<Delivery> = {}): Delivery {
  return { id: 'd1', createdAtMs: NOW_MS + 1_000, person: 'same', template: 'same', recipient: 'same', ...changes }
}

/** Another message to the same person, uncertain since the middle of the window, and read long after it. */
function other(changes: Partial<StoredRecord> = {}): StoredRecord {
  return {
    id: 'other',
    version: '1',
    state: 'uncertain',
    owner: 'somebody',
    leaseMs: 30_000,
    hashes: { version: 2, key: 'key', content: 'other', persons: ['ada'] },
    ...OWN,
    claimedAtMs: NOW_MS + 1_000,
    updatedAtMs: NOW_MS + 2_000,
    readAtMs: NOW_MS + 200_000,
    deliveryId: null,
    expiresAtMs: NOW_MS + 1_000_000,
    ...changes,
  }
}

function resolved(
  deliveries: readonly Delivery[],
  others: readonly StoredRecord[] = [],
  { held = [], own = OWN }: { held?: readonly string[]; own?: Pick<StoredRecord, 'channel' | 'template'> } = {},
): Resolution {
  return resolve(own, WINDOW, { deliveries, compared: 'everything' }, others, new Set(held), LIST_DELAY_MS)
}

const SENT = { kind: 'sent', deliveryId: 'd1' }
const NOT_SENT = { kind: 'not_sent', compared: 'everything' }
const uncertain = (why: string) => ({
  kind: 'answer',
  outcome: { kind: 'refused', reason: 'uncertain', error: `may or may not have been sent: ${why}` },
})
const AMBIGUOUS = uncertain('Customer.io lists 1 delivery that may be its own. Compared: everything')
const CONTESTED = uncertain(
  'Customer.io lists 1 delivery that may be its own, and 2 messages may have made it. Compared: everything',
)

describe('the deliveries that Customer.io lists', () => {
  it.each([
    [NOW_MS - 1, NOT_SENT],
    [NOW_MS, SENT],
    [WINDOW.untilMs, SENT],
    [WINDOW.untilMs + 1, NOT_SENT],
  ])('count within the window, both ends included: created at %d', (createdAtMs, resolution) => {
    expect(resolved([delivery({ createdAtMs })])).toEqual(resolution)
  })

  it('do not count when another record holds them', () => {
    expect(resolved([delivery()], [], { held: ['d1'] })).toEqual(NOT_SENT)
    expect(resolved([delivery(), delivery({ id: 'd2' })], [], { held: ['d2'] })).toEqual(SENT)
  })

  it.each<[string, Partial<Delivery>, unknown]>([
    ['of the same person, template and recipient is the message', {}, SENT],
    ['whose recipient is not shown is the message, since no other is listed', { recipient: 'unknown' }, SENT],
    ['to another recipient may be it: a workspace can redirect its mail', { recipient: 'other' }, AMBIGUOUS],
    ['whose template is not shown may be another', { template: 'unknown' }, AMBIGUOUS],
    ['whose person is not shown may be of another', { person: 'unknown' }, AMBIGUOUS],
  ])('the only one %s', (_what, changes, resolution) => {
    expect(resolved([delivery(changes)])).toEqual(resolution)
  })

  it.each<[string, Partial<Delivery>, boolean]>([
    ['went to another recipient', { recipient: 'other' }, true],
    ['went to the same recipient', {}, false],
    ['does not show its recipient', { recipient: 'unknown' }, false],
  ])('beside the one to the very recipient, one %s: that one is the message: %s', (_what, changes, isSent) => {
    const error = uncertain('Customer.io lists 2 deliveries that may be its own. Compared: everything')
    expect(resolved([delivery(), delivery({ id: 'd2', ...changes })])).toEqual(isSent ? SENT : error)
  })

  it('without the recipient are nobody’s when there are two', () => {
    const two = ['d1', 'd2'].map((id) => delivery({ id, recipient: 'unknown' }))
    expect(resolved(two)).toMatchObject({ outcome: { reason: 'uncertain' } })
  })
})

describe('another message of the same person', () => {
  it.each<[string, Partial<StoredRecord>, boolean]>([
    ['of the same template', {}, true],
    ['of another channel', { channel: 'push' }, false],
    ['of another template', { template: '8' }, false],
    ['by a trigger name, which may stand for any template', { template: 'receipt' }, true],
    ['that brings its own body, which is listed under a template as well', { template: null }, true],
    ['that expired', { expiresAtMs: NOW_MS + 200_000 }, false],
    ['that was sent', { state: 'sent' }, false],
    ['that was not sent', { state: 'released' }, false],
    ['that was last tried before', { updatedAtMs: NOW_MS - LIST_DELAY_MS - TOLERANCE_MS - 1 }, false],
    ['that was last tried just before', { updatedAtMs: NOW_MS - LIST_DELAY_MS - TOLERANCE_MS }, true],
    ['that was first tried at the very end', { claimedAtMs: WINDOW.untilMs + TOLERANCE_MS }, true],
    ['that was first tried afterwards', { claimedAtMs: WINDOW.untilMs + TOLERANCE_MS + 1 }, false],
    ['whose holder may have frozen before its call', { state: 'claimed', updatedAtMs: NOW_MS - 9_000_000 }, true],
    ['that a person settled meanwhile', { state: 'released', settledAtMs: NOW_MS }, true],
    ['that a person settled before', { state: 'released', settledAtMs: NOW_MS - 1 }, false],
  ])('%s may have made the delivery: %s, %s', (_what, changes, mayHave) => {
    expect(resolved([delivery()], [other(changes)])).toEqual(mayHave ? CONTESTED : SENT)
  })

  it('may have made it too when the own template has no number', () => {
    const own = { channel: 'email', template: 'receipt' }
    expect(resolved([delivery()], [other({ template: '8' })], { own })).toEqual(CONTESTED)
  })

  it('is waited for while it is being sent', () => {
    const sending = other({ state: 'claimed', updatedAtMs: NOW_MS + 170_001 })
    const error = 'another message that may have the same template is being sent to the same person'
    expect(resolved([delivery()], [sending])).toEqual({
      kind: 'answer',
      outcome: { kind: 'retry', cause: 'busy', error },
    })
    expect(resolved([delivery()], [other({ state: 'claimed', updatedAtMs: NOW_MS + 170_000 })])).toEqual(CONTESTED)
  })

  it('is told to the operator with the number of all', () => {
    const deliveries = [delivery(), delivery({ id: 'd2' })]
    expect(resolved(deliveries, [other(), other({ id: 'third' })])).toEqual(
      uncertain(
        'Customer.io lists 2 deliveries that may be its own, and 3 messages may have made them. Compared: everything',
      ),
    )
  })
})

it.each<[string | null | undefined, boolean]>([
  ['7', true],
  ['123456789012345', true],
  ['1234567890123456', false],
  ['0', false],
  ['07', false],
  ['7th', false],
  ['no 7', false],
  ['', false],
  [null, false],
  [undefined, false],
])('takes the template %j for a number that Customer.io lists: %s', (template, expected) => {
  expect(isTemplateNumber(template)).toBe(expected)
})
