import { type Death, Mortal } from '../../scripts/cio/testing/mortal.ts'
import { manualClock } from '../clock/testing/manual-clock.ts'
import type { CallOutcome, Outcome } from '../outcome/index.ts'
import { hashOf } from './hashes.ts'
import type { LookUpAnswer } from './look-up.ts'
import type { MessageToSend } from './options.ts'
import { sendOnce } from './send.ts'
import { settle } from './settle.ts'
import { createMemoryLedger } from './testing/memory-ledger.ts'
import { plainlyHashed } from './testing/plain-hashes.ts'
import { withhold } from './withhold.ts'

/**
 * Every call that a send waits for is a point at which it can be killed: before it is made, and when it is answered. Which
 * calls they are is told here: a search that missed some would find nothing wrong.
 */

const KEY = 'key'
/** Lease, list and all. */
const LATER_MS = 10 * 60_000
const REQUEST_TIMEOUT_MS = 10_000

/** What has become of the message before, and what the send that is killed will meet. */
interface Circumstances {
  readonly before?: 'unanswered, sent' | 'unanswered, not sent' | 'throttled'
  readonly call?: CallOutcome
  readonly onNotFound?: 'dead_letter' | 'resend'
  readonly isWithheld?: boolean
}

interface Scene extends Circumstances {
  readonly what: string
  /** What it waits for: calls of the ledger, `send` and `list` of Customer.io. */
  readonly calls: readonly string[]
}

const UNCERTAIN: CallOutcome = { kind: 'uncertain', error: 'timeout' }
const THROTTLED: CallOutcome = { kind: 'retry', cause: 'transient', error: 'HTTP 429' }
const SCENES: readonly Scene[] = [
  { what: 'a first delivery', calls: ['create', 'send', 'update'] },
  {
    ...{ what: 'a first delivery that is refused', call: { kind: 'refused', reason: 'refused', error: 'no template' } },
    calls: ['create', 'send', 'update'],
  },
  { what: 'a first delivery that is throttled', call: THROTTLED, calls: ['create', 'send', 'update'] },
  { what: 'a first delivery that is not answered', call: UNCERTAIN, calls: ['create', 'send', 'update'] },
  { what: 'one that was released', before: 'throttled', calls: ['create', 'read', 'update', 'send', 'update'] },
  {
    ...{ what: 'a look-up that finds it', before: 'unanswered, sent' },
    calls: ['create', 'read', 'list', 'others', 'held', 'update'],
  },
  {
    ...{ what: 'a look-up that does not, left to a person', before: 'unanswered, not sent' },
    calls: ['create', 'read', 'list'],
  },
  {
    ...{ what: 'a look-up that does not, sent again', before: 'unanswered, not sent', onNotFound: 'resend' },
    calls: ['create', 'read', 'list', 'update', 'send', 'update'],
  },
  {
    ...{ what: 'a message that is withheld', before: 'unanswered, sent', isWithheld: true },
    calls: ['read', 'list', 'others', 'held', 'update'],
  },
]

function world({ onNotFound = 'dead_letter', isWithheld = false }: Circumstances) {
  const clock = manualClock(1_763_740_000_000)
  const ledger = createMemoryLedger({ now: clock.now })
  const made: { readonly id: string; readonly createdAtMs: number }[] = []
  let answer: CallOutcome | undefined
  let isMade = true
  const customerio = {
    async send(): Promise<CallOutcome> {
      const sends = isMade && (answer === undefined || answer.kind === 'uncertain')
      if (sends) made.push({ id: `delivery ${made.length + 1}`, createdAtMs: clock.now() })
      return answer ?? { kind: 'delivered', deliveryId: `delivery ${made.length}` }
    },
    async list(): Promise<LookUpAnswer> {
      const deliveries = made.map((one) => ({ ...one, person: 'same', template: 'same', recipient: 'same' }) as const)
      return { kind: 'found', deliveries, persons: [], compared: 'everything' }
    },
  }
  let tokens = 0
  async function deliver(mortal: Mortal, withheld = isWithheld): Promise<Outcome | undefined> {
    const outside = mortal.wrap({ ledger: { ...ledger }, customerio })
    const options = {
      ...{ ledger: outside.ledger, clock, newToken: () => `token ${tokens++}` },
      ...{ requestTimeoutMs: REQUEST_TIMEOUT_MS, ttlMs: 52 * 86_400_000, onNotFound },
    }
    const message: MessageToSend = {
      ...{ key: KEY, ...plainlyHashed('content', 'ada'), channel: 'email', template: '7' },
      ready: async () => ({ send: () => outside.customerio.send(), cancel: () => {} }),
      lookUp: () => outside.customerio.list(),
    }
    const work = withheld ? withhold(options, message, { kind: 'expired', error: 'over' }) : sendOnce(options, message)
    const told = await Promise.race([work, mortal.died])
    clock.advance(LATER_MS)
    return told ?? undefined
  }
  return {
    ...{ made, ledger, deliver },
    /** What the next call comes to: everything goes well if nothing is given. */
    next(outcome?: CallOutcome, makes = true) {
      answer = outcome
      isMade = makes
    },
  }
}

async function prepared(scene: Circumstances) {
  const all = world(scene)
  if (scene.before !== undefined) {
    all.next(scene.before === 'throttled' ? THROTTLED : UNCERTAIN, scene.before === 'unanswered, sent')
    await all.deliver(new Mortal(), false)
  }
  all.next(scene.call)
  return all
}

it.each(SCENES)('$what: killed anywhere, it is sent once at most, and ends', async (scene) => {
  const counted = new Mortal()
  await (await prepared(scene)).deliver(counted)
  expect(counted.calls).toEqual(scene.calls.map((name) => `connection.${name}`))
  for (let call = 1; call <= counted.calls.length; call++) {
    for (const when of ['before', 'after'] as const) {
      const death: Death = { call, when }
      const { made, deliver, next } = await prepared(scene)
      const killed = new Mortal(counted.calls, death)
      expect(await deliver(killed)).toBeUndefined()
      expect(killed.isDead).toBe(true)
      next()
      const outcome = await deliver(new Mortal())
      expect({ death, kind: outcome?.kind }).not.toEqual({ death, kind: 'retry' })
      expect(made.length).toBeLessThanOrEqual(1)
      if (outcome?.kind === 'delivered') expect(made).toHaveLength(1)
    }
  }
})

it.each(['sent', 'not_sent'] as const)(
  'settle as %s: killed anywhere, it is settled when it is said again',
  async (decision) => {
    const scene: Circumstances = { before: 'unanswered, not sent' }
    const counted = new Mortal()
    const first = await prepared(scene)
    await settle(counted.wrap({ ledger: { ...first.ledger } }).ledger, hashOf(KEY), decision, 'token')
    expect(counted.calls).toEqual(['connection.read', 'connection.update'])
    for (let call = 1; call <= counted.calls.length; call++) {
      for (const when of ['before', 'after'] as const) {
        const { ledger } = await prepared(scene)
        const killed = new Mortal(counted.calls, { call, when })
        const { ledger: mortal } = killed.wrap({ ledger: { ...ledger } })
        await Promise.race([settle(mortal, hashOf(KEY), decision, 'token'), killed.died])
        expect(killed.isDead).toBe(true)
        await settle(ledger, hashOf(KEY), decision, 'another token')
        expect((await ledger.read(hashOf(KEY)))?.state).toBe(decision === 'sent' ? 'sent' : 'released')
      }
    }
  },
)
