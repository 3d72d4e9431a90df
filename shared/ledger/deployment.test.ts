import fc from 'fast-check'
import type { Clock } from '../clock/index.ts'
import { type HashRing, identifierOf } from '../identity/index.ts'
import type { CallOutcome, Outcome } from '../outcome/index.ts'
import { hashOf, messageHashes, personHashes } from './hashes.ts'
import { UnreadableRecordError } from './ledger-error.ts'
import type { MessageToSend } from './options.ts'
import type { SendLedger, StoredRecord } from './record.ts'
import { sendOnce } from './send.ts'
import { createMemoryLedger } from './testing/memory-ledger.ts'

/**
 * A deployment in the middle of traffic: two instances of the version before, which hash plainly, and two of this one, whose
 * keys are rotated twice meanwhile. Each instance learns of a rotation when it reads the secret again.
 */

const [K1, K2, K3] = ['1', '2', '3'].map((digit) => ({ id: `k${digit}`, secret: digit.repeat(32) }))
if (K1 === undefined || K2 === undefined || K3 === undefined) throw new Error('no keys')
const RINGS: readonly HashRing[] = [[K1], [K2, K1], [K3, K2, K1]]
const MESSAGES = 6

const person = identifierOf('id', 'ada')
if (person === undefined) throw new Error('no name')

/** The ledger as the version before sees it: it cannot read records of version 2, and asks by plain hashes only. */
function asBefore(ledger: SendLedger): SendLedger {
  const readable = (record: StoredRecord | undefined): StoredRecord | undefined => {
    if (record?.hashes.version === 2) throw new UnreadableRecordError('content_hash')
    return record
  }
  return {
    ...ledger,
    read: async (id) => readable(await ledger.read(id)),
    others: (persons, exceptId) =>
      ledger.others(
        persons.filter(({ version }) => version === 1),
        exceptId,
      ),
  }
}

function hashedAsBefore(content: string): Pick<MessageToSend, 'hashes' | 'hashesOf'> {
  const [plain] = person === undefined ? [] : personHashes([], person)
  return {
    hashes: {
      own: { version: 1, content: hashOf(content), person: plain?.hash ?? null },
      contentAs: () => hashOf(content),
    },
    hashesOf: (name) => personHashes([], name),
  }
}

function hashedNow(ring: HashRing, content: string): Pick<MessageToSend, 'hashes' | 'hashesOf'> {
  return {
    hashes: messageHashes(ring, { published: content, parsed: content, persons: person === undefined ? [] : [person] }),
    hashesOf: (name) => personHashes(ring, name),
  }
}

/** One delivery of a message by Pub/Sub. */
const delivery = fc.record({
  message: fc.nat({ max: MESSAGES - 1 }),
  instance: fc.constantFrom('before 1', 'before 2', 'now 1', 'now 2'),
  /** How far behind the rotations this instance is. */
  behind: fc.nat({ max: 1 }),
  /** Until the next delivery begins. */
  pauseMs: fc.constantFrom(0, 50, 1_000, 40_000, 120_000),
  call: fc.constantFrom<'sent' | 'released' | 'died' | 'refused'>('sent', 'sent', 'released', 'died', 'refused'),
})

async function run(deliveries: readonly (typeof delivery extends fc.Arbitrary<infer T> ? T : never)[]) {
  let nowMs = 1_763_740_000_000
  const clock: Clock = { now: () => nowMs, after: () => () => {} }
  const ledger = createMemoryLedger({ now: () => nowMs })
  const sent: { readonly key: string; readonly id: string; readonly createdAtMs: number }[] = []
  const outcomes: Outcome[] = []
  let tokens = 0

  async function deliver(key: string, through: SendLedger, hashed: ReturnType<typeof hashedNow>, call: string) {
    const send = async (): Promise<CallOutcome> => {
      if (call === 'released') return { kind: 'retry', cause: 'transient', error: '429' }
      if (call === 'refused') return { kind: 'refused', reason: 'refused', error: '400' }
      const id = `delivery ${sent.length}`
      sent.push({ key, id, createdAtMs: nowMs })
      return call === 'died' ? { kind: 'uncertain', error: 'timeout' } : { kind: 'delivered', deliveryId: id }
    }
    const outcome = await sendOnce(
      { ledger: through, clock, newToken: () => `token ${tokens++}`, requestTimeoutMs: 10_000, ttlMs: 86_400_000 },
      {
        key,
        ...hashed,
        persons: person === undefined ? [] : [person],
        channel: 'email',
        // Numbers differ for certain, so that no message is taken for another.
        template: String(1 + Number(key.slice('key'.length))),
        ready: async () => ({ send, cancel: () => {} }),
        lookUp: async (window) => ({
          kind: 'found',
          persons: [],
          compared: 'everything',
          deliveries: sent
            .filter((each) => each.key === key)
            .filter(({ createdAtMs }) => createdAtMs >= window.fromMs && createdAtMs <= window.untilMs)
            .map(({ id, createdAtMs }) => ({ id, createdAtMs, person: 'same', template: 'same', recipient: 'same' })),
        }),
      },
    )
    outcomes.push(outcome)
    return outcome
  }

  for (const [index, { message, instance, behind, pauseMs, call }] of deliveries.entries()) {
    const rotations = Math.floor((index * RINGS.length) / deliveries.length)
    const ring = RINGS[Math.max(0, rotations - behind)] ?? [K1 ?? { id: '', secret: '' }]
    const content = `content ${message}`
    const isBefore = instance.startsWith('before')
    const hashed = isBefore ? hashedAsBefore(content) : hashedNow(ring, content)
    await deliver(`key${message}`, isBefore ? asBefore(ledger) : ledger, hashed, call)
    nowMs += pauseMs
  }
  // Afterwards all instances are of this version, and know the last ring.
  const last: Outcome[] = []
  for (let message = 0; message < MESSAGES; message++) {
    nowMs += 300_000
    const [ring] = RINGS.slice(-1)
    if (ring !== undefined)
      last.push(await deliver(`key${message}`, ledger, hashedNow(ring, `content ${message}`), 'sent'))
  }
  return { sent, outcomes, last }
}

it('sends nothing twice and refuses nothing without cause', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(delivery, { minLength: 1, maxLength: 40 }), async (deliveries) => {
      const { sent, outcomes, last } = await run(deliveries)
      const keys = sent.map(({ key }) => key)
      expect(new Set(keys).size).toBe(keys.length)
      const refused = outcomes.filter((outcome) => outcome.kind === 'refused' && outcome.reason !== 'refused')
      expect(refused).toEqual([])
      // In the end everything is delivered, once.
      expect(last.map(({ kind }) => kind)).toEqual(Array(MESSAGES).fill('delivered'))
      expect(keys).toHaveLength(MESSAGES)
    }),
    { numRuns: 300 },
  )
})
