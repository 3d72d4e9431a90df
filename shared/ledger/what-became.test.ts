import { manualClock } from '../clock/testing/manual-clock.ts'
import { change, claim } from './hold.ts'
import type { DeliveriesFound, LookUpAnswer } from './look-up.ts'
import { complete, type LookUp } from './options.ts'
import type { NewSendRecord, SendLedger, StoredRecord } from './record.ts'
import { createMemoryLedger } from './testing/memory-ledger.ts'
import { plainlyHashed } from './testing/plain-hashes.ts'
import { ledgerFailed, noteSent, notListed, whatBecameOf } from './what-became.ts'

const NOW_MS = 1_763_740_000_000
const WINDOW = { fromMs: NOW_MS - 5_000, untilMs: NOW_MS + 90_000 }
const CLAIMED: NewSendRecord = {
  state: 'claimed',
  owner: 'first',
  leaseMs: 30_000,
  hashes: { version: 2, key: 'key', content: 'content', persons: ['ada'] },
  channel: 'email',
  template: '7',
  claimedAtMs: 'request_time',
  deliveryId: null,
  expiresAtMs: NOW_MS + 1_000_000,
}

async function scene(ledgerChanges: Partial<SendLedger> = {}) {
  const clock = manualClock(NOW_MS)
  const ledger = createMemoryLedger(clock)
  await ledger.create('id', CLAIMED)
  const record = async (): Promise<StoredRecord> => {
    const found = await ledger.read('id')
    if (found === undefined) throw new Error('no record')
    return found
  }
  const options = complete({
    ledger: { ...ledger, ...ledgerChanges },
    clock,
    newToken: () => 'token',
    requestTimeoutMs: 10_000,
    ttlMs: 86_400_000,
  })
  const before = await record()
  const ask = (lookUp: LookUp) =>
    whatBecameOf(
      options,
      {
        ...{ key: 'key', ...plainlyHashed('content', 'ada'), channel: 'email', template: '7', lookUp },
        ready: () => Promise.reject(new Error('never called')),
      },
      before,
      WINDOW,
    )
  return { clock, ledger, options, before, record, ask }
}

const uncertain = (why: string) => ({
  kind: 'answer',
  outcome: { kind: 'refused', reason: 'uncertain', error: `may or may not have been sent: ${why}` },
})

function found(count: number): DeliveriesFound {
  const same = { person: 'same', template: 'same', recipient: 'same' } as const
  const deliveries = Array.from({ length: count }, (_, index) => ({ id: `d${index}`, createdAtMs: NOW_MS, ...same }))
  return { kind: 'found', deliveries, persons: [], compared: 'everything' }
}

describe('asking what became of a send', () => {
  it.each<[LookUpAnswer, unknown]>([
    [
      { kind: 'retry', cause: 'busy', error: 'not now' },
      { kind: 'answer', outcome: { kind: 'retry', cause: 'busy', error: 'not now' } },
    ],
    [
      { kind: 'uncertain', error: 'HTTP 500' },
      { kind: 'answer', outcome: { kind: 'retry', cause: 'transient', error: 'HTTP 500' } },
    ],
    [
      { kind: 'refused', reason: 'refused', error: 'HTTP 403' },
      uncertain('Customer.io refuses to be asked about it: HTTP 403'),
    ],
    [{ kind: 'not_askable', why: 'it has no template' }, uncertain('it has no template')],
    [found(0), { kind: 'not_sent', compared: 'everything' }],
    [found(1), { kind: 'sent', deliveryId: 'd0' }],
    [found(20), uncertain('Customer.io lists 20 deliveries that may be its own. Compared: everything')],
    [found(21), uncertain('more than 20 deliveries may be its own. Compared: everything')],
  ])('the answer %j means %j', async (answer, resolution) => {
    const { ask } = await scene()
    expect(await ask(async () => answer)).toEqual(resolution)
  })

  it('costs no query of the ledger when nothing that is listed can be its own', async () => {
    const others = jest.fn()
    const { ask } = await scene({ others })
    await ask(async () => found(0))
    await ask(async () => found(21))
    expect(others).not.toHaveBeenCalled()
  })

  it('is of no use where Customer.io cannot be asked', async () => {
    const { ask } = await scene()
    expect(await ask({ notAskable: 'a draft' })).toEqual(uncertain('a draft'))
  })

  it('is of no use for a person with too many messages', async () => {
    const { ask } = await scene({ others: async () => undefined })
    expect(await ask(async () => found(1))).toEqual(uncertain('the person has more than 200 messages'))
  })

  it('looks for the other messages of everybody who is named or shown, each once, and not for its own', async () => {
    const asked: unknown[] = []
    const { ask } = await scene({
      others: async (persons, exceptId) => {
        asked.push(
          persons.map(({ hash }) => hash),
          exceptId,
        )
        return []
      },
    })
    const bob = { kind: 'id', value: 'bob' } as const
    const [ada] = plainlyHashed('content', 'ada').persons
    if (ada === undefined) throw new Error('nobody')
    await ask(async () => ({ ...found(1), persons: [bob, ada] }))
    expect(asked).toEqual([
      plainlyHashed('', 'ada', 'bob')
        .persons.flatMap((each) => plainlyHashed('').hashesOf(each))
        .map(({ hash }) => hash),
      'id',
    ])
  })

  it('comes again when it takes too long', async () => {
    const { ask, clock } = await scene()
    const asking = ask(() => new Promise(() => {}))
    expect(clock.pending).toEqual([10_000])
    clock.advance(10_000)
    const error = 'asking what became of it: no answer within 10000 ms'
    expect(await asking).toEqual({
      kind: 'answer',
      outcome: { kind: 'retry', cause: 'transient', reason: 'no_answer', error },
    })
  })

  it('throws whatever else goes wrong, as trouble of the ledger', async () => {
    const { ask } = await scene({ held: () => Promise.reject(new TypeError('down')) })
    await expect(ask(async () => found(1))).rejects.toThrow(TypeError)
  })
})

describe('what was found', () => {
  it('is written down, fenced by the record that was looked at', async () => {
    const { options, before, record } = await scene()
    const outcome = await noteSent(options, before, 'd1', 'second')
    expect(outcome).toEqual({ kind: 'delivered', duplicate: true, deliveryId: 'd1' })
    expect(await record()).toMatchObject({ state: 'sent', owner: 'second', deliveryId: 'd1' })
    expect(await noteSent(options, before, 'd2', 'third')).toEqual({
      kind: 'retry',
      cause: 'busy',
      error: 'another delivery of the same key was faster',
    })
    expect(await record()).toMatchObject({ deliveryId: 'd1' })
  })

  it('is told in words: none was listed, or the ledger failed', () => {
    expect(notListed('everything')).toEqual(
      uncertain('Customer.io lists no delivery of it. Compared: everything').outcome,
    )
    expect(ledgerFailed(Object.assign(new Error('quotes a document'), { code: 14 }))).toEqual({
      kind: 'retry',
      cause: 'transient',
      reason: 'ledger',
      error: 'the send ledger cannot be used: UNAVAILABLE (14)',
    })
  })
})

describe('a write whose answer was lost', () => {
  const lost = (ledger: SendLedger): SendLedger => ({
    ...ledger,
    create: async (...write) => ledger.create(...write).then(() => ({ kind: 'other' }) as const),
    update: async (...write) => ledger.update(...write).then(() => ({ kind: 'other' }) as const),
  })

  it('is known by its token, and of a claim of somebody else the record is given', async () => {
    const { ledger, before } = await scene()
    expect(await claim(lost(ledger), 'new', CLAIMED)).toMatchObject({ hold: { id: 'new', owner: 'first' } })
    expect(await claim(ledger, 'id', { ...CLAIMED, owner: 'second' })).toEqual({ found: before })
    expect(await change(lost(ledger), before, { owner: 'second', state: 'sent' })).toMatchObject({ owner: 'second' })
  })

  it('is not taken for another write of the same token, nor for the same word of another', async () => {
    const { ledger, before } = await scene()
    const never: SendLedger = { ...ledger, update: async () => ({ kind: 'other' }) }
    expect(await change(never, before, { owner: 'first', state: 'sent' })).toBeUndefined()
    expect(await change(never, before, { owner: 'second', state: 'claimed' })).toBeUndefined()
    const gone: SendLedger = { ...never, read: async () => undefined }
    expect(await change(gone, before, { owner: 'first', state: 'claimed' })).toBeUndefined()
    const full: SendLedger = { ...gone, create: async () => ({ kind: 'other' }) }
    expect(await claim(full, 'id', CLAIMED)).toEqual({})
  })
})
