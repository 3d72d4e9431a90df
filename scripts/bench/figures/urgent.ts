import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Stack, startStack } from '../../local/stack.ts'
import { withBulkLane } from '../../topology/testing.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { machineBusySeconds, usageOf } from '../lab/process-usage.ts'
import { median, percentile } from '../statistics.ts'
import { type Figure, inRounds, rowOf, told } from './figure.ts'

/** What Customer.io is taken to be: an answer in 50 ms. */
const CUSTOMERIO_LATENCY_MS = 50
/** Of the account's 1,000 requests per second bulk sends get 60, urgent ones 180: `transactional` has a share of 0.3 of 800. */
const BULK_PART = 0.25
const BULK_PER_SECOND = 60
const PHASE_SECONDS = 60
const URGENT_EVERY_MS = 100
/** The first seconds of a phase are those of connections, of caches and of the pause before it. */
const SETTLE_MS = 3_000
/** The figure is about lanes, so the machine must have room for both. */
const MOST_CORES = 0.5
const MOST_OTHER_CORES = 0.15
const BULK = 'transactional-bulk'
const ARRIVAL_LIMIT_MS = 30_000

/** From the publish of an urgent send until Customer.io has its request: alone, and while a backlog drains through the bulk lane. */
export const urgent: Figure = {
  name: 'urgent',
  async run(bench) {
    const stack = await startStack({
      ports: { all: 0 },
      directory: join(PROJECT_ROOT, '.local', 'bench-urgent'),
      announce: false,
      topology: withBulkLane('transactional', { part: BULK_PART, max_instances: 1 }),
      functions: ['transactional', BULK],
      customerio: { latencyMs: CUSTOMERIO_LATENCY_MS },
    })
    withoutWarehouse(stack)
    const seconds = bench.quick ? 5 : PHASE_SECONDS
    const lanes = new Lanes(stack)
    try {
      const round = async () => {
        await lanes.fillBulk(seconds * BULK_PER_SECOND * 2)
        const idle = await lanes.phase(seconds)
        lanes.drainBulk(true)
        const busy = await lanes.phase(seconds)
        lanes.drainBulk(false)
        return { idle, busy }
      }
      await lanes.phase(bench.quick ? 1 : 10)
      const { counted, rejected, disturbed } = await inRounds(bench, round, ({ idle, busy }) =>
        [...whyDisturbed('idle', idle), ...whyDisturbed('while bulk drains', busy)].concat(
          busy.bulkPerSecond < BULK_PER_SECOND / 2 ? [`bulk drained ${told(busy.bulkPerSecond)}/s only`] : [],
        ),
      )
      const middle = (of: (round: (typeof counted)[number]) => number) => told(median(counted.map(of)))
      const compared = (what: 'p50Ms' | 'p99Ms', target: { atMost: number } | 'none') =>
        rowOf(
          {
            figure: `urgent send from publish to Customer.io while bulk drains at its share, ${what.slice(0, 3)}`,
            against: 'the same with no bulk',
            target,
            inNumbers: `${middle(({ busy }) => busy[what])} ms against ${middle(({ idle }) => idle[what])} ms; bulk ${middle(
              ({ busy }) => busy.bulkPerSecond,
            )}/s`,
          },
          counted.map(({ idle, busy }) => busy[what] / idle[what]),
        )
      return {
        rows: [compared('p50Ms', 'none'), compared('p99Ms', { atMost: 1.2 })],
        rounds: counted,
        rejected,
        disturbed,
      }
    } finally {
      await stack.close()
    }
  },
}

/**
 * Stops what carries the record into the local BigQuery: in the cloud other machines do that. Here it is the broker's process,
 * and would be more than half of its work.
 */
export function withoutWarehouse({ topology, pubsub, endpoints }: Stack): void {
  for (const [name, { bigquery }] of Object.entries(topology.subscriptions))
    if (bigquery !== undefined) pubsub.pause(`projects/${endpoints.projectId}/subscriptions/${name}`)
}

interface Phase {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly sends: number
  readonly bulkPerSecond: number
  /** Of the whole machine, 1 is all of its cores. */
  readonly machineShare: number
  /** Cores that were taken by what is no part of the bench. */
  readonly otherCores: number
}

function whyDisturbed(name: string, { machineShare, otherCores }: Phase): string[] {
  const percent = (share: number) => `${Math.round(share * 100)} %`
  return [
    ...(machineShare > MOST_CORES ? [`${name}: the machine was at ${percent(machineShare)}`] : []),
    ...(otherCores > MOST_OTHER_CORES ? [`${name}: other programs took ${percent(otherCores)} of a core`] : []),
  ]
}

/** Publishes to both lanes, and sees when Customer.io is asked. */
class Lanes {
  readonly #stack: Stack
  readonly #topic
  readonly #bulk: string
  /** By template data: when an urgent send arrived. */
  readonly #arrivedMs = new Map<string, number>()
  #bulkArrived = 0
  #sent = 0

  constructor(stack: Stack) {
    this.#stack = stack
    this.#bulk = `projects/${stack.endpoints.projectId}/subscriptions/${BULK}`
    this.#topic = stack.client.topic('transactional')
    this.drainBulk(false)
    stack.customerio.events.on('received', ({ body }) => {
      const tag = /"tag":"([^"]+)"/.exec(body.toString())?.[1]
      if (tag === 'bulk') this.#bulkArrived++
      else if (tag !== undefined) this.#arrivedMs.set(tag, performance.now())
    })
  }

  drainBulk(on: boolean): void {
    if (on) this.#stack.pubsub.resume(this.#bulk)
    else this.#stack.pubsub.pause(this.#bulk)
  }

  /** Tops the backlog of the bulk lane up. */
  async fillBulk(messages: number): Promise<void> {
    const missing = messages - this.#stack.pubsub.stats(this.#bulk).outstanding
    for (let left = missing; left > 0; left -= 500) {
      const part = Array.from({ length: Math.min(500, left) }, () => this.#publish('bulk', { lane: 'bulk' }))
      await Promise.all(part)
    }
  }

  /** Urgent sends at an even pace, from `SETTLE_MS` on timed. */
  async phase(seconds: number): Promise<Phase> {
    await delay(SETTLE_MS)
    const before = this.#look()
    const publishedMs = new Map<string, number>()
    const publishing: Promise<string>[] = []
    for (let dueMs = before.atMs; dueMs < before.atMs + seconds * 1_000; dueMs += URGENT_EVERY_MS) {
      await delay(Math.max(0, dueMs - performance.now()))
      const tag = `urgent-${this.#sent++}`
      // From when it was due: a late publish does not hide that the machine was busy. Nor does a slow one hold up the next.
      publishedMs.set(tag, dueMs)
      publishing.push(this.#publish(tag, {}))
    }
    const after = this.#look()
    await Promise.all(publishing)
    const limitMs = performance.now() + ARRIVAL_LIMIT_MS
    while ([...publishedMs.keys()].some((tag) => !this.#arrivedMs.has(tag))) {
      if (performance.now() > limitMs) throw new Error('an urgent send has not arrived at Customer.io')
      await delay(10)
    }
    const took = [...publishedMs].map(([tag, atMs]) => (this.#arrivedMs.get(tag) ?? 0) - atMs).sort((a, b) => a - b)
    const lasted = (after.atMs - before.atMs) / 1_000
    const machine = after.machine - before.machine
    return {
      p50Ms: percentile(took, 0.5),
      p99Ms: percentile(took, 0.99),
      sends: took.length,
      bulkPerSecond: (after.bulk - before.bulk) / lasted,
      machineShare: machine / lasted / availableParallelism(),
      otherCores: Math.max(0, machine - (after.ours - before.ours)) / lasted,
    }
  }

  #look() {
    const pids = [process.pid, ...Object.values(this.#stack.functions).flatMap(({ pid }) => pid ?? [])]
    const ours = pids.reduce((sum, pid) => sum + usageOf(pid).cpuSeconds, 0)
    return { atMs: performance.now(), ours, machine: machineBusySeconds(), bulk: this.#bulkArrived }
  }

  #publish(tag: string, attributes: Record<string, string>): Promise<string> {
    const json = {
      ...{ channel: 'email', transactional_message_id: 3, identifiers: { id: 'ada' }, to: 'ada@example.com' },
      message_data: { tag },
    }
    return this.#topic.publishMessage({ json, attributes })
  }
}
