import { manualClock } from '../clock/testing/manual-clock.ts'
import type { CallOutcome, NotSent, Outcome } from '../outcome/index.ts'
import { hashOf, type MessageToSend, type SendOnceOptions, sendOnce, withhold } from './index.ts'
import type { DeliveriesFound } from './look-up.ts'
import { createMemoryLedger } from './testing/memory-ledger.ts'
import { plainlyHashed } from './testing/plain-hashes.ts'

const EXPIRED: NotSent = { kind: 'expired', error: 'over' }
const TIMED_OUT: CallOutcome = { kind: 'uncertain', error: 'timeout' }

/** A message whose first delivery came to `first`, and that is not to be sent any more `laterMs` afterwards. */
async function stopped(
  first: CallOutcome | undefined,
  laterMs = 0,
  { listed = [], ...options }: Partial<SendOnceOptions> & { listed?: DeliveriesFound['deliveries'] } = {},
) {
  const clock = manualClock(1_763_740_000_000)
  const ledger = createMemoryLedger({ now: clock.now })
  let calls = 0
  const all: SendOnceOptions = {
    ledger,
    clock,
    newToken: () => `${++calls}`,
    requestTimeoutMs: 10_000,
    ttlMs: 86_400_000,
    ...options,
  }
  const message = (outcome: CallOutcome): MessageToSend => ({
    ...{ key: 'key', ...plainlyHashed('content', 'ada'), channel: 'email', template: '7' },
    ready: async () => ({ send: async () => outcome, cancel: () => {} }),
    lookUp: async () => ({ kind: 'found', deliveries: listed, persons: [], compared: 'person, template' }),
  })
  if (first !== undefined) await sendOnce(all, message(first))
  await clock.advance(laterMs)
  const outcome: Outcome = await withhold(all, message({ kind: 'delivered', deliveryId: 'never' }), EXPIRED)
  return { outcome, record: await ledger.read(hashOf('key')) }
}

it('is not sent when nobody has tried, and claims nothing', async () => {
  expect(await stopped(undefined)).toEqual({ outcome: EXPIRED, record: undefined })
})

it.each<[string, CallOutcome]>([
  ['refused', { kind: 'refused', reason: 'refused', error: 'no such template' }],
  ['released', { kind: 'retry', cause: 'transient', error: 'HTTP 429' }],
])('is not sent when the record says %s', async (state, first) => {
  const { outcome, record } = await stopped(first)
  expect(outcome).toEqual(EXPIRED)
  expect(record).toMatchObject({ state })
})

it('counts as delivered when an earlier delivery sent it', async () => {
  const { outcome } = await stopped({ kind: 'delivered', deliveryId: 'd1' })
  expect(outcome).toEqual({ kind: 'delivered', duplicate: true, deliveryId: 'd1' })
})

describe('with an open record', () => {
  const LATER_MS = 61_000
  const delivery = (createdAtMs: number) =>
    ({ id: 'd1', createdAtMs, person: 'same', template: 'same', recipient: 'same' }) as const

  it('waits until Customer.io can be asked', async () => {
    expect((await stopped(TIMED_OUT)).outcome).toMatchObject({ kind: 'retry', cause: 'busy' })
  })

  it('is left to a person when Customer.io lists one that may be its own', async () => {
    const listed = [{ ...delivery(1_763_740_000_000), template: 'unknown' as const }]
    const { outcome } = await stopped(TIMED_OUT, LATER_MS, { listed })
    expect(outcome).toMatchObject({
      kind: 'refused',
      reason: 'uncertain',
      error: expect.stringContaining('1 delivery'),
    })
  })

  it('counts as delivered when Customer.io lists it, which the ledger then knows', async () => {
    const { outcome, record } = await stopped(TIMED_OUT, LATER_MS, { listed: [delivery(1_763_740_000_000)] })
    expect(outcome).toEqual({ kind: 'delivered', duplicate: true, deliveryId: 'd1' })
    expect(record).toMatchObject({ state: 'sent', deliveryId: 'd1' })
  })

  it('is uncertain when Customer.io does not list it, since that proves nothing', async () => {
    const { outcome, record } = await stopped(TIMED_OUT, LATER_MS)
    expect(outcome).toMatchObject({ kind: 'refused', reason: 'uncertain' })
    expect(record).toMatchObject({ state: 'uncertain' })
  })

  it('is not sent where such a message would be sent again', async () => {
    const { outcome, record } = await stopped(TIMED_OUT, LATER_MS, { onNotFound: 'resend' })
    expect(outcome).toEqual(EXPIRED)
    expect(record).toMatchObject({ state: 'uncertain' })
  })
})

it('is retried while the ledger cannot be used', async () => {
  const onLedgerError = jest.fn()
  const ledger = { ...createMemoryLedger({ now: () => 0 }), read: () => Promise.reject(new Error('down')) }
  const clock = manualClock()
  const options: SendOnceOptions = {
    ledger,
    clock,
    newToken: () => 't',
    requestTimeoutMs: 10_000,
    ttlMs: 86_400_000,
    onLedgerError,
  }
  const message: MessageToSend = {
    ...{ key: 'key', ...plainlyHashed('content', 'ada'), channel: 'email', lookUp: { notAskable: 'not asked' } },
    ready: () => Promise.reject(new Error('never called')),
  }
  expect(await withhold(options, message, EXPIRED)).toMatchObject({ kind: 'retry', reason: 'ledger' })
  expect(onLedgerError).toHaveBeenCalledWith(new Error('down'), 'before_the_call')
})
