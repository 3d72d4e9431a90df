import { CircuitBreaker } from '../circuit-breaker.ts'
import type { ReadyToSend } from '../ready.ts'
import { sendOnce } from '../send.ts'
import { createMemoryLedger } from '../testing/memory-ledger.ts'
import { plainlyHashed } from '../testing/plain-hashes.ts'
import { Process, World } from './world.ts'

interface Outage {
  /** What fails: all requests, or sends alone. */
  readonly of: 'everything' | 'sends'
  /** 502 after 50 ms, or no answer within the timeout. */
  readonly by: '502' | 'hanging'
  readonly hasBreaker: boolean
}

const SECONDS = 60
const PER_SECOND = 20
const TIMEOUT_MS = 8_000

/** Publishes to one instance from five seconds before an outage until five seconds after it, and lets all be delivered. */
async function run({
  of,
  by,
  hasBreaker,
}: Outage): Promise<{ readonly uncertain: number; readonly delivered: number }> {
  const world = new World(1_763_740_000_000)
  const startMs = world.nowMs + 5_000
  const endMs = startMs + SECONDS * 1_000
  const isOut = (): boolean => world.nowMs >= startMs && world.nowMs < endMs
  const { clock } = new Process(world, 0, new Map())
  const ledger = createMemoryLedger({ now: clock.now })
  let tokens = 0
  const count = { uncertain: 0, delivered: 0 }

  const breaker = new CircuitBreaker({
    clock,
    random: () => 0.5,
    probe: async () => {
      await world.after(50)
      return of === 'everything' && isOut() ? { kind: 'uncertain', error: 'HTTP 502' } : { kind: 'delivered' }
    },
  })
  const prepared: ReadyToSend = {
    cancel: () => {},
    send: async () => {
      const fails = isOut()
      await world.after(fails && by === 'hanging' ? TIMEOUT_MS : 50)
      if (!fails) return { kind: 'delivered' }
      count.uncertain++
      return { kind: 'uncertain', error: 'HTTP 502' }
    },
  }
  const prepare = async (): Promise<ReadyToSend> => prepared
  const deliver = (key: string, attempt: number): void => {
    const lookUp = { notAskable: 'a trigger name' }
    const ready = hasBreaker ? () => breaker.admit(prepare) : prepare
    const options = { ledger, clock, newToken: () => `${tokens++}`, requestTimeoutMs: TIMEOUT_MS, ttlMs: 86_400_000 }
    void sendOnce(options, { key, ...plainlyHashed(key), channel: 'email', ready, lookUp }).then(({ kind }) => {
      if (kind === 'delivered') count.delivered++
      // As Pub/Sub backs off.
      if (kind === 'retry')
        world.at(world.nowMs + Math.min(10_000, 1_000 * 2 ** attempt), () => deliver(key, attempt + 1))
    })
  }
  const messages = (SECONDS + 10) * PER_SECOND
  for (let index = 0; index < messages; index++) {
    world.at(startMs - 5_000 + (index * 1_000) / PER_SECOND, () => deliver(`message ${index}`, 0))
  }
  await world.run()
  expect(count.uncertain + count.delivered).toBe(messages)
  return count
}

it.each<[Omit<Outage, 'hasBreaker'>, number]>([
  [{ of: 'everything', by: '502' }, 2],
  [{ of: 'sends', by: '502' }, 10],
  [{ of: 'everything', by: 'hanging' }, 30],
])('an outage of a minute, %j, leaves few sends uncertain on an instance', async (outage, most) => {
  const { uncertain } = await run({ ...outage, hasBreaker: true })
  console.info(`An outage of ${SECONDS} s at ${PER_SECOND} sends/s, ${JSON.stringify(outage)}: ${uncertain} uncertain`)
  expect(uncertain).toBeLessThanOrEqual(most)
})

it('without the circuit breaker it leaves all that are sent meanwhile', async () => {
  const { uncertain } = await run({ of: 'everything', by: '502', hasBreaker: false })
  expect(uncertain).toBe(SECONDS * PER_SECOND)
})
