import type { Outcome } from '../../outcome/index.ts'
import type { SendOnceOptions } from '../options.ts'
import type { SendLedger } from '../record.ts'
import { sendOnce } from '../send.ts'
import { createMemoryLedger } from '../testing/memory-ledger.ts'
import { plainlyHashed } from '../testing/plain-hashes.ts'
import { type Call, SimulatedCustomerIO } from './customerio.ts'
import { type Mishap, Process, World } from './world.ts'

/** One delivery of a message by Pub/Sub to one process, and everything that goes wrong with it. */
export interface Attempt {
  /** How long the process is frozen between its last look at the lease and the call. */
  readonly freezeBeforeCallMs: number
  readonly mishaps: ReadonlyMap<number, Mishap>
  readonly clockOffsetMs: number
  readonly call: Call
  /** How long the process waits for the ledger. */
  readonly ledgerTimeoutMs: number
  /** From a request to the ledger to its effect, and from there to the answer. */
  readonly ledgerMs: number
  /** The answers to the writes with these numbers are lost, and the client commits again. */
  readonly lostAnswers: readonly number[]
  /** Until Pub/Sub delivers again, when it does. */
  readonly backOffMs: number
}

/** A message, to one person and of one template as all others. */
export interface Message {
  readonly publishedAtMs: number
  /** The first deliveries; the rest goes well. */
  readonly attempts: readonly Attempt[]
  /** Pub/Sub delivers it once more, this long after the first time, whatever became of that. */
  readonly duplicateAfterMs?: number
}

export interface Scenario {
  readonly messages: readonly Message[]
  /** Customer.io's clock against the store's. */
  readonly customerioClockOffsetMs: number
  readonly onNotFound: 'dead_letter' | 'resend'
}

/** What to take away, to see what it is good for. */
export interface Sabotage {
  readonly fenced?: boolean
  readonly freezeMarginMs?: number
  readonly listDelayMs?: number
}

/** What became of a message. */
export interface Result {
  readonly key: string
  /** What Pub/Sub was told in the end: 204 for all but a retry. */
  readonly outcomes: readonly Outcome[]
  readonly deliveryIds: readonly string[]
}

export const REQUEST_TIMEOUT_MS = 10_000
/** Pub/Sub delivers again when a push is not answered by then. */
const ACK_DEADLINE_MS = 60_000
const MOST_DELIVERIES = 60
const CALM: Attempt = {
  freezeBeforeCallMs: 0,
  mishaps: new Map(),
  clockOffsetMs: 0,
  call: { fate: 'delivered', travelMs: 50, listedAfterMs: 0 },
  ledgerTimeoutMs: 10_000,
  ledgerMs: 5,
  lostAnswers: [],
  backOffMs: 7_000,
}

/** Runs a scenario to its end in virtual time. */
export async function simulate(scenario: Scenario, sabotage: Sabotage = {}): Promise<readonly Result[]> {
  const world = new World(1_763_740_000_000)
  const startMs = world.nowMs
  const store = createMemoryLedger({ now: () => world.nowMs, fenced: sabotage.fenced ?? true })
  const customerio = new SimulatedCustomerIO(world, scenario.customerioClockOffsetMs)
  let tokens = 0

  const results = scenario.messages.map((message, index) => {
    const key = `message ${index}`
    const outcomes: Outcome[] = []
    let deliveries = 0
    let acknowledged = false

    /** One push, which Pub/Sub takes for failed when its answer is late. */
    function deliver(again: boolean): void {
      const attempt = message.attempts[deliveries++] ?? CALM
      const process = new Process(world, attempt.clockOffsetMs, attempt.mishaps)
      let isOpen = true
      const next = (): void => {
        if (!isOpen) return
        isOpen = false
        if (again && !acknowledged && deliveries < MOST_DELIVERIES) {
          world.at(world.nowMs + attempt.backOffMs, () => acknowledged || deliver(true))
        }
      }
      world.at(world.nowMs + ACK_DEADLINE_MS, next)
      const options: SendOnceOptions = {
        ledger: throughTheNetwork(store, process, world, attempt),
        clock: process.clock,
        newToken: () => `token ${tokens++}`,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        // Longer than any run.
        ttlMs: 45 * 86_400_000,
        onNotFound: scenario.onNotFound,
        claimTimeoutMs: attempt.ledgerTimeoutMs,
        writeTimeoutMs: attempt.ledgerTimeoutMs,
        lookUpTimeoutMs: attempt.ledgerTimeoutMs,
        freezeMarginMs: sabotage.freezeMarginMs,
        listDelayMs: sabotage.listDelayMs,
      }
      void sendOnce(options, {
        key,
        ...plainlyHashed(key, 'ada'),
        channel: 'email',
        template: '7',
        ready: async () => ({
          send: () =>
            process.askAfterFreeze(attempt.freezeBeforeCallMs, () =>
              customerio.send(key, attempt.call, REQUEST_TIMEOUT_MS),
            ),
          cancel: () => {},
        }),
        lookUp: (window) =>
          process.ask(async () => {
            await world.after(attempt.ledgerMs)
            return { kind: 'found', deliveries: customerio.list(window), persons: [], compared: 'everything' }
          }),
      }).then((outcome) => {
        outcomes.push(outcome)
        if (outcome.kind !== 'retry') acknowledged = true
        next()
      })
    }

    world.at(startMs + message.publishedAtMs, () => deliver(true))
    if (message.duplicateAfterMs !== undefined) {
      world.at(startMs + message.publishedAtMs + message.duplicateAfterMs, () => deliver(false))
    }
    return (): Result => ({
      key,
      outcomes,
      deliveryIds: customerio.made.filter((made) => made.key === key).map(({ id }) => id),
    })
  })

  await world.run()
  return results.map((result) => result())
}

/** The ledger as a process reaches it: each request travels, may find the process gone when it is answered, or be made twice. */
function throughTheNetwork(store: SendLedger, process: Process, world: World, attempt: Attempt): SendLedger {
  const { ledgerMs, lostAnswers } = attempt
  let writes = 0
  const travel = <T>(work: () => Promise<T>): Promise<T> =>
    process.ask(async () => {
      await world.after(ledgerMs)
      const answer = await work()
      await world.after(ledgerMs)
      return answer
    })
  const write = <T>(work: () => Promise<T>): Promise<T> =>
    travel(async () => {
      if (lostAnswers.includes(writes++)) {
        await work()
        await world.after(100)
      }
      return await work()
    })
  return {
    create: (id, record) => write(() => store.create(id, record)),
    update: (id, version, change) => write(() => store.update(id, version, change)),
    read: (id) => travel(() => store.read(id)),
    others: (persons, exceptId) => travel(() => store.others(persons, exceptId)),
    held: (ids) => travel(() => store.held(ids)),
    erase: (person) => travel(() => store.erase(person)),
  }
}
