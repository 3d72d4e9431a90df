import type { Clock } from '../clock/index.ts'
import type { CallOutcome, Outcome, Retry } from '../outcome/index.ts'
import { type Delivery, hashOf, type MessageToSend, type StoredRecord, sendOnce } from './index.ts'
import type { DeliveriesFound, LookUpAnswer } from './look-up.ts'
import type { SendOnceOptions } from './options.ts'
import type { SendLedger } from './record.ts'
import { createMemoryLedger } from './testing/memory-ledger.ts'
import { plainlyHashed, plainPerson } from './testing/plain-hashes.ts'

const ID = hashOf('key')
const START_MS = 1_763_740_000_000
const TIMEOUT_MS = 10_000
const LEASE_MS = TIMEOUT_MS + 20_000
const LIST_DELAY_MS = 60_000
const DAY_MS = 86_400_000
const TTL_MS = 45 * DAY_MS

const SENT: CallOutcome = { kind: 'delivered', deliveryId: 'd1' }
const REFUSED: CallOutcome = { kind: 'refused', reason: 'refused', error: 'no such template', httpStatus: 400 }
const THROTTLED: Retry = { kind: 'retry', cause: 'transient', error: 'HTTP 429', httpStatus: 429 }
const TIMED_OUT: CallOutcome = { kind: 'uncertain', error: 'timeout' }

const CONTENT_CHANGED = { kind: 'refused', reason: 'content_changed' }
const UNCERTAIN = { kind: 'refused', reason: 'uncertain' }
const BUSY = { kind: 'retry', cause: 'busy' }

type Listed = Pick<Delivery, 'id' | 'createdAtMs'> & Partial<Delivery>

/** As a look-up gives it; of the same person, template and recipient unless it says otherwise. */
function found(...listed: readonly Listed[]): DeliveriesFound {
  const deliveries = listed.map((each): Delivery => ({ person: 'same', template: 'same', recipient: 'same', ...each }))
  return { kind: 'found', deliveries, persons: [], compared: 'person, template' }
}

/** One store, one clock, one Customer.io that answers as the test says. */
function setUp(options: Partial<SendOnceOptions> = {}) {
  let nowMs = START_MS
  const now = (): number => nowMs
  const ledger = createMemoryLedger({ now })
  const state = { calls: 0, cancelled: 0, tokens: 0, lookUps: 0, listed: [] as readonly Listed[] }
  const timers = new Set<() => void>()
  const clock: Clock = {
    now,
    after(_ms, work) {
      timers.add(work)
      return () => timers.delete(work)
    },
  }
  const errors: unknown[] = []
  return {
    ledger,
    state,
    errors,
    now,
    /** Whatever waits has waited long enough. */
    expire: (): void => {
      for (const work of timers) work()
    },
    pass: (ms: number): void => {
      nowMs += ms
    },
    /** One delivery by Pub/Sub, whose call of Customer.io, if there is one, comes to `outcome`. */
    deliver: (
      outcome: CallOutcome | (() => Promise<CallOutcome>) = SENT,
      message: Partial<MessageToSend> = {},
      through: SendLedger = ledger,
    ): Promise<Outcome> =>
      sendOnce(
        {
          ledger: through,
          clock,
          newToken: () => `token ${++state.tokens}`,
          requestTimeoutMs: TIMEOUT_MS,
          ttlMs: TTL_MS,
          onLedgerError: (error, when) => errors.push([when, error]),
          ...options,
        },
        {
          key: 'key',
          ...plainlyHashed('content', 'ada'),
          channel: 'email',
          template: '7',
          ready: async () => ({
            send: async () => {
              state.calls++
              return typeof outcome === 'function' ? await outcome() : outcome
            },
            cancel: () => {
              state.cancelled++
            },
          }),
          lookUp: async () => {
            state.lookUps++
            return found(...state.listed)
          },
          ...message,
        },
      ),
    record: async (key = 'key'): Promise<StoredRecord> => {
      const record = await ledger.read(hashOf(key))
      if (record === undefined) throw new Error('no record')
      return record
    },
  }
}

describe('the first delivery of a key', () => {
  it('claims, sends, and remembers the delivery, and nothing that names a person', async () => {
    const { deliver, record, now } = setUp()
    expect(await deliver(SENT)).toEqual(SENT)
    expect(await record()).toMatchObject({
      id: ID,
      state: 'sent',
      deliveryId: 'd1',
      hashes: { version: 2, key: 'key', content: 'content', persons: ['ada'] },
      channel: 'email',
      template: '7',
      leaseMs: LEASE_MS,
      claimedAtMs: now(),
      expiresAtMs: now() + TTL_MS,
    })
  })

  it('waits when nobody can tell whether the content is the same, since the key of its hash is gone', async () => {
    const { deliver, state } = setUp()
    await deliver(SENT)
    const { hashes, ...message } = plainlyHashed('content', 'ada')
    const again = await deliver(SENT, { ...message, hashes: { ...hashes, contentAs: () => undefined } })
    expect(again).toMatchObject({
      kind: 'retry',
      cause: 'configuration',
      error: expect.stringContaining('PERSON_HASH_KEYS'),
    })
    expect(state.calls).toBe(1)
  })

  it('holds the claim while it sends', async () => {
    const { deliver, record } = setUp()
    await deliver(async () => {
      expect(await record()).toMatchObject({ state: 'claimed', owner: 'token 1' })
      return SENT
    })
  })

  it.each<[string, CallOutcome, object]>([
    ['refused', REFUSED, REFUSED],
    ['released', THROTTLED, THROTTLED],
    ['uncertain', TIMED_OUT, { kind: 'retry', cause: 'transient', error: 'timeout' }],
  ])('leaves the record %s', async (state, outcome, expected) => {
    const { deliver, record } = setUp()
    expect(await deliver(outcome)).toEqual(expected)
    expect(await record()).toMatchObject({ state, deliveryId: null })
  })

  it('takes a call that throws for uncertain', async () => {
    const { deliver, record } = setUp()
    expect(await deliver(() => Promise.reject(new Error('socket hang up')))).toMatchObject({
      error: 'the call failed: Error',
    })
    expect((await record()).state).toBe('uncertain')
    const other = setUp()
    await other.deliver(() => Promise.reject('a string'))
    expect((await other.record()).state).toBe('uncertain')
  })

  it('writes nothing when the call cannot be made now', async () => {
    const { deliver, ledger } = setUp()
    expect(await deliver(SENT, { ready: async () => THROTTLED })).toEqual(THROTTLED)
    expect(await ledger.read(ID)).toBeUndefined()
  })

  it('leaves an uncertain send of which Customer.io cannot be asked to a person at once', async () => {
    const { deliver, record } = setUp()
    expect(await deliver(TIMED_OUT, { lookUp: { notAskable: 'a broadcast' } })).toMatchObject({
      ...UNCERTAIN,
      error: expect.stringMatching(/timeout; a broadcast/),
    })
    expect((await record()).state).toBe('uncertain')
  })

  it('does not send when claiming took so long that too little of the lease is left, and lets go', async () => {
    const { deliver, record, ledger, pass, state } = setUp()
    const slow: SendLedger = {
      ...ledger,
      create: async (id, record) => {
        const written = await ledger.create(id, record)
        pass(10_001)
        return written
      },
    }
    const error = 'too little is left of the lease to send within it'
    expect(await deliver(SENT, {}, slow)).toMatchObject({ ...BUSY, error })
    expect(state).toMatchObject({ calls: 0, cancelled: 1 })
    expect((await record()).state).toBe('released')
  })

  it.each(['before it claims', 'while it claims'])('sends nothing when the process shuts down %s', async (when) => {
    let isDraining = when === 'before it claims'
    const { deliver, ledger, state } = setUp({ isDraining: () => isDraining })
    const slow: SendLedger = {
      ...ledger,
      create: async (id, record) => {
        isDraining = true
        return await ledger.create(id, record)
      },
    }
    expect(await deliver(SENT, {}, slow)).toMatchObject({ ...BUSY, error: 'this instance shuts down' })
    expect(state).toMatchObject({ calls: 0, cancelled: 1 })
    expect((await ledger.read(ID))?.state).toBe(when === 'before it claims' ? undefined : 'released')
  })

  it('claims nothing for a delivery that has been given up', async () => {
    const { deliver, ledger, state } = setUp()
    expect(await deliver(SENT, { isGivenUp: () => true })).toMatchObject({
      ...BUSY,
      error: expect.stringMatching(/waits for it no longer/),
    })
    expect(state).toMatchObject({ calls: 0, cancelled: 1 })
    expect(await ledger.read(ID)).toBeUndefined()
  })

  it('sends when just enough of the lease is left', async () => {
    const { deliver, ledger, pass } = setUp()
    const slow: SendLedger = {
      ...ledger,
      create: async (id, record) => {
        pass(10_000)
        return await ledger.create(id, record)
      },
    }
    expect(await deliver(SENT, {}, slow)).toEqual(SENT)
  })
})

describe('a delivery that meets a record', () => {
  it('claimed: waits while the lease is alive', async () => {
    const { deliver, pass, state } = setUp()
    await deliver(async () => {
      pass(LEASE_MS - 1)
      expect(await deliver(SENT)).toMatchObject(BUSY)
      return SENT
    })
    expect(state).toMatchObject({ calls: 1, cancelled: 1 })
  })

  it('claimed: takes it for uncertain when the lease is over, and waits until the list has settled', async () => {
    const { deliver, pass, state } = setUp()
    await deliver(async () => {
      pass(LEASE_MS)
      expect(await deliver(SENT, { ...plainlyHashed('other', 'ada') })).toMatchObject(CONTENT_CHANGED)
      expect(await deliver(SENT, { lookUp: { notAskable: 'a broadcast' } })).toMatchObject(UNCERTAIN)
      pass(LIST_DELAY_MS - 1)
      expect(await deliver(SENT)).toMatchObject(BUSY)
      expect(state.lookUps).toBe(0)
      pass(1)
      expect(await deliver(SENT)).toMatchObject(UNCERTAIN)
      expect(state.lookUps).toBe(1)
      return SENT
    })
    expect(state.calls).toBe(1)
  })

  it('sent: is done without a call', async () => {
    const { deliver, state } = setUp()
    await deliver(SENT)
    expect(await deliver(SENT)).toEqual({ kind: 'delivered', duplicate: true, deliveryId: 'd1' })
    expect(state.calls).toBe(1)
  })

  it('sent without an id, as a broadcast may be: is done without a call', async () => {
    const { deliver } = setUp()
    await deliver({ kind: 'delivered' })
    expect(await deliver(SENT)).toEqual({ kind: 'delivered', duplicate: true })
  })

  it('sent: refuses other content', async () => {
    const { deliver, state } = setUp()
    await deliver(SENT)
    expect(await deliver(SENT, { ...plainlyHashed('other', 'ada') })).toMatchObject(CONTENT_CHANGED)
    expect(state.calls).toBe(1)
  })

  it.each([
    ['refused', REFUSED],
    ['released', THROTTLED],
  ])('%s: claims again, with any content', async (_, outcome) => {
    const { deliver, record, pass, now } = setUp()
    await deliver(outcome)
    pass(1_000)
    expect(await deliver(SENT, { ...plainlyHashed('other', 'ada'), template: '8' })).toEqual(SENT)
    expect(await record()).toMatchObject({
      state: 'sent',
      hashes: plainlyHashed('other', 'ada').hashes.own,
      template: '8',
      owner: 'token 2',
      claimedAtMs: now(),
      expiresAtMs: now() + TTL_MS,
    })
  })

  it('released: lets go of a claim that comes true too late, so that the next delivery need not wait', async () => {
    const { deliver, ledger, record, expire, state } = setUp()
    await deliver(THROTTLED)
    const [asked, mayWrite] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow: SendLedger = {
      ...ledger,
      async update(...change) {
        asked.resolve()
        await mayWrite.promise
        return await ledger.update(...change)
      },
    }
    const waiting = deliver(SENT, {}, slow)
    await asked.promise
    expire()
    expect(await waiting).toMatchObject({ kind: 'retry', reason: 'ledger' })
    mayWrite.resolve()
    await new Promise(setImmediate)
    expect(await record()).toMatchObject({ state: 'released', owner: 'token 2' })
    expect(state.calls).toBe(1)
  })

  it('uncertain: refuses other content', async () => {
    const { deliver } = setUp()
    await deliver(TIMED_OUT)
    expect(await deliver(SENT, { ...plainlyHashed('other', 'ada') })).toMatchObject(CONTENT_CHANGED)
  })

  it('uncertain: waits until the list has settled', async () => {
    const { deliver, pass, state } = setUp()
    await deliver(TIMED_OUT)
    pass(LIST_DELAY_MS - 1)
    expect(await deliver(SENT)).toMatchObject(BUSY)
    expect(state.lookUps).toBe(0)
  })

  it('that has expired: claims it, whatever it says', async () => {
    const { deliver, pass } = setUp({ ttlMs: 40 * DAY_MS })
    await deliver(SENT)
    pass(40 * DAY_MS - 1)
    expect(await deliver(SENT, { ...plainlyHashed('other', 'ada') })).toMatchObject(CONTENT_CHANGED)
    pass(1)
    expect(await deliver(SENT, { ...plainlyHashed('other', 'ada') })).toEqual(SENT)
  })
})

describe('the look-up of an uncertain send', () => {
  /** An uncertain send of 'key', long enough ago to ask. `createdAtMs` of what is listed is relative to the claim. */
  async function settled(options: Partial<SendOnceOptions> = {}, ...listedAtMs: number[]) {
    const scene = setUp(options)
    await scene.deliver(TIMED_OUT)
    scene.pass(LIST_DELAY_MS)
    scene.state.listed = listedAtMs.map((ms, index) => ({ id: `listed ${index}`, createdAtMs: START_MS + ms }))
    return scene
  }

  it('exactly one: it was sent', async () => {
    const { deliver, record, state } = await settled({}, 1_000)
    expect(await deliver(SENT)).toEqual({ kind: 'delivered', duplicate: true, deliveryId: 'listed 0' })
    expect(await record()).toMatchObject({ state: 'sent', deliveryId: 'listed 0' })
    expect(state).toMatchObject({ calls: 1, cancelled: 1 })
  })

  it('asks for the time from five seconds before the claim until the list has settled', async () => {
    const { deliver } = await settled()
    let asked: unknown
    await deliver(SENT, {
      lookUp: async (window) => {
        asked = window
        return found()
      },
    })
    expect(asked).toEqual({ fromMs: START_MS - 5_000, untilMs: START_MS + LIST_DELAY_MS + 5_000 })
  })

  it('does not count what was created before or after that time', async () => {
    const { deliver } = await settled({}, -5_001, LIST_DELAY_MS + 5_001)
    expect(await deliver(SENT)).toMatchObject(UNCERTAIN)
    const edges = await settled({}, -5_000)
    expect(await edges.deliver(SENT)).toMatchObject({ kind: 'delivered' })
  })

  it('none: leaves it to a person, and asks again when it comes again', async () => {
    const { deliver, state, record } = await settled()
    expect(await deliver(SENT)).toMatchObject(UNCERTAIN)
    expect((await record()).state).toBe('uncertain')
    state.listed = [{ id: 'late', createdAtMs: START_MS }]
    expect(await deliver(SENT)).toMatchObject({ kind: 'delivered', deliveryId: 'late' })
    expect(state.calls).toBe(1)
  })

  it('none, with resend: sends again under a new claim that keeps the time of the first', async () => {
    const { deliver, record, state } = await settled({ onNotFound: 'resend' })
    expect(await deliver(SENT)).toEqual(SENT)
    expect(state.calls).toBe(2)
    expect(await record()).toMatchObject({ state: 'sent', claimedAtMs: START_MS, owner: 'token 2' })
  })

  it('none, with resend: claims nothing once the process shuts down', async () => {
    let isDraining = false
    const { deliver, record, state } = await settled({ onNotFound: 'resend', isDraining: () => isDraining })
    const message = {
      lookUp: async () => {
        isDraining = true
        return found()
      },
    }
    expect(await deliver(SENT, message)).toMatchObject({ ...BUSY, error: 'this instance shuts down' })
    expect(state.calls).toBe(1)
    expect((await record()).state).toBe('uncertain')
  })

  it('none, with resend: claims nothing once the delivery has been given up', async () => {
    let isGivenUp = false
    const { deliver, record, state } = await settled({ onNotFound: 'resend' })
    const lookUp = async () => {
      isGivenUp = true
      return found()
    }
    expect(await deliver(SENT, { lookUp, isGivenUp: () => isGivenUp })).toMatchObject(BUSY)
    expect(state.calls).toBe(1)
    expect((await record()).state).toBe('uncertain')
  })

  it('none, with resend: lets only one of two send', async () => {
    const { deliver, state } = await settled({ onNotFound: 'resend' })
    const outcomes = await Promise.all([deliver(SENT), deliver(SENT)])
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['delivered', 'retry'])
    expect(state.calls).toBe(2)
  })

  it('several: leaves it to a person', async () => {
    const { deliver, record } = await settled({ onNotFound: 'resend' }, 0, 1_000)
    expect(await deliver(SENT)).toMatchObject(UNCERTAIN)
    expect((await record()).state).toBe('uncertain')
  })

  it('does not count what another record holds', async () => {
    const { deliver } = setUp()
    await deliver({ kind: 'delivered', deliveryId: 'listed 0' }, { key: 'other key' })
    const scene = await settled({}, 0, 1_000)
    await scene.deliver(
      { kind: 'delivered', deliveryId: 'listed 0' },
      { key: 'other key', ...plainlyHashed('content', 'ada by e-mail') },
    )
    expect(await scene.deliver(SENT)).toMatchObject({ kind: 'delivered', deliveryId: 'listed 1' })
  })

  it('one, with another uncertain send to that person: leaves it to a person', async () => {
    const scene = setUp()
    await scene.deliver(TIMED_OUT)
    await scene.deliver(TIMED_OUT, { key: 'other key' })
    scene.pass(LIST_DELAY_MS)
    scene.state.listed = [{ id: 'whose?', createdAtMs: START_MS }]
    expect(await scene.deliver(SENT)).toMatchObject(UNCERTAIN)
    expect(await scene.deliver(SENT, { key: 'other key' })).toMatchObject(UNCERTAIN)
  })

  it('one, while another send to that person is under way: waits for that one', async () => {
    const scene = setUp()
    await scene.deliver(TIMED_OUT)
    scene.pass(LIST_DELAY_MS)
    scene.state.listed = [{ id: 'd2', createdAtMs: START_MS + LIST_DELAY_MS }]
    await scene.deliver(
      async () => {
        expect(await scene.deliver(SENT)).toMatchObject(BUSY)
        return { kind: 'delivered', deliveryId: 'd2' }
      },
      { key: 'other key' },
    )
    expect(await scene.deliver(SENT)).toMatchObject(UNCERTAIN) // d2 is the other's: none
  })

  it('one, with an uncertain send to that person of another time: it was sent', async () => {
    const scene = setUp()
    await scene.deliver(TIMED_OUT, { key: 'yesterday' })
    scene.pass(DAY_MS)
    await scene.deliver(TIMED_OUT)
    scene.pass(LIST_DELAY_MS)
    scene.state.listed = [{ id: 'd2', createdAtMs: START_MS + DAY_MS }]
    expect(await scene.deliver(SENT)).toMatchObject({ kind: 'delivered', deliveryId: 'd2' })
  })

  it('does not take an expired record for a rival', async () => {
    const scene = setUp({ ttlMs: LIST_DELAY_MS })
    await scene.deliver(TIMED_OUT, { key: 'other key' })
    scene.pass(1)
    await scene.deliver(TIMED_OUT)
    scene.pass(LIST_DELAY_MS - 1)
    scene.state.listed = [{ id: 'd2', createdAtMs: START_MS }]
    expect(await scene.deliver(SENT)).toMatchObject(BUSY)
  })

  it.each<[LookUpAnswer, object]>([
    [THROTTLED, THROTTLED],
    [
      { kind: 'uncertain', error: 'timeout' },
      { kind: 'retry', cause: 'transient', error: 'timeout' },
    ],
    [{ kind: 'refused', reason: 'refused', error: 'no such template' }, UNCERTAIN],
    [{ kind: 'not_askable', why: 'a list without end' }, UNCERTAIN],
  ])('that comes to %o', async (answer, expected) => {
    const { deliver, record } = await settled()
    expect(await deliver(SENT, { lookUp: async () => answer })).toMatchObject(expected)
    expect((await record()).state).toBe('uncertain')
  })

  it('that takes too long comes again, and the record stays open', async () => {
    const { deliver, record, expire } = await settled()
    const asked = Promise.withResolvers<void>()
    const outcome = deliver(SENT, {
      lookUp: () => {
        asked.resolve()
        return new Promise(() => {})
      },
    })
    await asked.promise
    expire()
    expect(await outcome).toMatchObject({
      kind: 'retry',
      cause: 'transient',
      error: expect.stringContaining('no answer within'),
    })
    expect((await record()).state).toBe('uncertain')
  })

  it.each<[string, Partial<MessageToSend>, 'delivered' | 'refused']>([
    ['a trigger name', { template: 'receipt' }, 'refused'],
    ['no template', { template: '' }, 'refused'],
    ['the same template by number', { template: '7' }, 'refused'],
    ['another template by number', { template: '8' }, 'delivered'],
    ['another channel', { template: 'receipt', channel: 'sms' }, 'delivered'],
    ['another person', { template: 'receipt', ...plainlyHashed('content', 'bob') }, 'delivered'],
  ])('one, with another uncertain send of %s: counts it if it may have made the delivery', async (_, rival, kind) => {
    const scene = setUp()
    await scene.deliver(TIMED_OUT)
    await scene.deliver(TIMED_OUT, { key: 'other key', ...rival })
    scene.pass(LIST_DELAY_MS)
    scene.state.listed = [{ id: 'whose?', createdAtMs: START_MS }]
    expect(await scene.deliver(SENT)).toMatchObject({ kind })
  })

  it('finds a rival that names the same person by another identifier, which the delivery shows', async () => {
    const scene = setUp()
    await scene.deliver(TIMED_OUT)
    await scene.deliver(TIMED_OUT, { key: 'other key', ...plainlyHashed('content', 'ada by e-mail') })
    scene.pass(LIST_DELAY_MS)
    const listed = found({ id: 'whose?', createdAtMs: START_MS })
    const outcome = await scene.deliver(SENT, {
      lookUp: async () => ({ ...listed, persons: [plainPerson('ada by e-mail')] }),
    })
    expect(outcome).toMatchObject(UNCERTAIN)
  })

  it.each<[string, Partial<Listed>[], 'delivered' | 'refused']>([
    ['to the recipient', [{}], 'delivered'],
    ['whose recipient cannot be compared', [{ recipient: 'unknown' }], 'delivered'],
    ['to another recipient: redirected, or another message', [{ recipient: 'other' }], 'refused'],
    ['to the recipient, and one to another', [{}, { recipient: 'other' }], 'delivered'],
    ['to the recipient, and one that cannot be compared', [{}, { recipient: 'unknown' }], 'refused'],
    ['of perhaps another template', [{ template: 'unknown' }], 'refused'],
    ['to perhaps somebody else', [{ person: 'unknown' }], 'refused'],
    ['two that cannot be compared', [{ recipient: 'unknown' }, { recipient: 'unknown' }], 'refused'],
  ])('one %s: counts only what is certain, and never as nothing', async (_, listed, kind) => {
    const scene = await settled({ onNotFound: 'resend' })
    scene.state.listed = listed.map((each, index) => ({ id: `d${index}`, createdAtMs: START_MS, ...each }))
    const outcome = await scene.deliver(SENT)
    expect(outcome).toMatchObject(kind === 'delivered' ? { kind, deliveryId: 'd0' } : UNCERTAIN)
    if (outcome.kind === 'refused') expect(outcome.error).toMatch(/Compared: person, template$/)
    expect(scene.state.calls).toBe(1)
  })

  it('leaves it to a person when the person has more records, or the list more deliveries, than can be compared', async () => {
    const many = await settled({}, ...Array.from({ length: 21 }, () => 0))
    expect(await many.deliver(SENT)).toMatchObject(UNCERTAIN)
    const busy = await settled({}, 0)
    expect(await busy.deliver(SENT, {}, { ...busy.ledger, others: async () => undefined })).toMatchObject(UNCERTAIN)
  })

  it('loses to a holder who writes down the truth meanwhile', async () => {
    const { deliver, ledger, record } = await settled({}, 0)
    const overtaken: SendLedger = {
      ...ledger,
      held: async (ids) => {
        const { version } = await record()
        await ledger.update(ID, version, { owner: 'late holder', state: 'sent', deliveryId: 'the truth' })
        return await ledger.held(ids)
      },
    }
    expect(await deliver(SENT, {}, overtaken)).toMatchObject(BUSY)
    expect(await deliver(SENT)).toMatchObject({ kind: 'delivered', deliveryId: 'the truth' })
  })
})

describe('fencing', () => {
  it('lets only one of two claim what was released', async () => {
    const { deliver, state } = setUp()
    await deliver(THROTTLED)
    const outcomes = await Promise.all([deliver(SENT), deliver(SENT)])
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['delivered', 'retry'])
    expect(state.calls).toBe(2)
  })

  it('keeps a late holder from writing over its successor', async () => {
    const { deliver, pass, record } = setUp({ onNotFound: 'resend' })
    await deliver(async () => {
      pass(LEASE_MS + LIST_DELAY_MS)
      await deliver({ kind: 'delivered', deliveryId: 'of the successor' })
      return THROTTLED
    })
    expect(await record()).toMatchObject({ state: 'sent', deliveryId: 'of the successor' })
  })
})

describe('trouble with the ledger', () => {
  const broken = async (): Promise<never> => {
    throw Object.assign(new Error('14 UNAVAILABLE: sends/4f… is not there'), { code: 14 })
  }

  it('before the call: comes again, and sends nothing', async () => {
    const { deliver, ledger, state, errors } = setUp()
    const outcome = await deliver(SENT, {}, { ...ledger, create: broken })
    expect(outcome).toEqual({
      kind: 'retry',
      cause: 'transient',
      reason: 'ledger',
      error: 'the send ledger cannot be used: UNAVAILABLE (14)',
    })
    expect(errors).toEqual([['before_the_call', expect.objectContaining({ code: 14 })]])
    expect(state).toMatchObject({ calls: 0, cancelled: 1 })
  })

  it.each([SENT, REFUSED, THROTTLED])('after the call: the outcome stands, and somebody is told', async (outcome) => {
    const { deliver, ledger, errors } = setUp()
    expect(await deliver(outcome, {}, { ...ledger, update: broken })).toEqual(outcome)
    expect(errors).toEqual([['after_the_call', expect.objectContaining({ code: 14 })]])
  })

  it('after the call, with nobody to tell', async () => {
    const { deliver, ledger } = setUp({ onLedgerError: undefined })
    expect(await deliver(SENT, {}, { ...ledger, update: broken })).toEqual(SENT)
  })

  it('a record that goes away between two looks: comes again', async () => {
    const { deliver, ledger } = setUp()
    await deliver(SENT)
    expect(await deliver(SENT, {}, { ...ledger, read: async () => undefined })).toMatchObject(BUSY)
  })

  it('a claim whose answer was lost is recognised by its token', async () => {
    const { deliver, ledger, state } = setUp()
    const forgetful: SendLedger = {
      ...ledger,
      create: async (id, record) => {
        await ledger.create(id, record)
        return await ledger.create(id, record)
      },
      update: async (id, version, change) => {
        await ledger.update(id, version, change)
        return await ledger.update(id, version, change)
      },
    }
    expect(await deliver(THROTTLED, {}, forgetful)).toEqual(THROTTLED)
    expect(await deliver(SENT, {}, forgetful)).toEqual(SENT)
    expect(state.calls).toBe(2)
  })
})
