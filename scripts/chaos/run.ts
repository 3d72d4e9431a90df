import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { type Stack, startStack } from '../local/stack.ts'
import { type Account, accountFor } from './account.ts'
import { collectEvidence } from './evidence.ts'
import { INJECTIONS } from './inject.ts'
import { type InstancePools, startPools } from './instances.ts'
import { planMessages, TOPICS, type Topic } from './messages.ts'
import { Publisher } from './publisher.ts'
import { type PlannedFault, planFaults } from './schedule.ts'
import { Target } from './target.ts'
import { CHAOS_TIMES, chaosEnvironment, type OnNotFound } from './times.ts'
import { MessageWatch, type Observed } from './watch.ts'

export interface ChaosOptions {
  readonly seed: number
  /** How long messages are published and trouble is made; the backlog drains after that. */
  readonly seconds: number
  readonly messages: number
  readonly onNotFound: OnNotFound
  /** An empty one, for bundles, logs and the ledger's file. */
  readonly directory: string
  readonly log: (line: string) => void
}

/** A fault that was made, from when until when, by `performance.now()`. */
export interface MadeFault {
  readonly fault: PlannedFault
  readonly fromMs: number
  readonly untilMs: number
}

/** One message's account, and the trouble that was there while it was under way. */
export interface TroubledAccount extends Account {
  readonly faults: readonly MadeFault[]
}

export interface ChaosResult {
  readonly accounts: readonly TroubledAccount[]
  readonly faults: readonly MadeFault[]
  readonly pushes: number
  readonly requests: number
  readonly meanBatch: number
  readonly drainMs: number
  /** The longest that this process, which is all of the servers, stood still. */
  readonly longestPauseMs: number
}

const INSTANCES: Readonly<Record<Topic, number>> = { identify: 2, track: 2, transactional: 3 }
const DRAIN_LIMIT_MS = 600_000

/** Publishes and makes trouble for a time, lets everything settle, and accounts for every message. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const watch = new MessageWatch('chaos')
  let target: Target | undefined
  const stack = await startStack({
    directory: options.directory,
    projectId: 'chaos',
    ports: { all: 0 },
    functions: TOPICS,
    environment: chaosEnvironment(options.onNotFound),
    pubsub: { events: watch.events, backoffScale: CHAOS_TIMES.backoffScale },
    firestore: { dataFile: join(options.directory, 'firestore.jsonl'), fault: () => target?.firestoreFault },
    customerio: { deliveryDelayMs: CHAOS_TIMES.deliveryDelayMs, seed: options.seed, batchOrder: 'reversed' },
  })
  const publisher = new Publisher(stack.client, (message, id) => watch.published(message, id))
  let pools: InstancePools | undefined
  try {
    pools = await startPools(stack.functions, INSTANCES)
    await pushToPools(stack, pools)
    target = new Target({ stack, pools, withoutPublishing: (work) => publisher.withoutPublishing(work) })
    const lag = monitorEventLoopDelay({ resolution: 10 })
    lag.enable()
    const plan = planMessages(options)
    const [faults] = await Promise.all([makeTrouble(target, planFaults(options), options.log), publisher.run(plan)])
    const stoppedAt = performance.now()
    options.log(`faults are over, ${watch.open} messages are still under way`)
    await watch.allSettled(DRAIN_LIMIT_MS)
    const drainMs = performance.now() - stoppedAt
    // What an instance still holds, although Pub/Sub has its answer, comes out now and not after the count.
    await pools.drain()
    const { frozen } = target
    const published = plan.map((planned) => {
      const observed = watch.of(planned)
      const met = troubleOf(observed, planned.topic, faults)
      const message = {
        planned,
        messageId: observed?.messageId ?? '',
        settled: observed?.settledAtMs !== undefined,
        frozen: frozen.has(observed?.messageId ?? ''),
        refusedBlindly: met.some(({ fault }) => fault.kind === '400 for the batch'),
      }
      return { message, met }
    })
    const accounts = accountFor(
      published.map(({ message }) => message),
      await collectEvidence(stack),
    )
    const { requests, batches } = stack.customerio.statistics()
    return {
      accounts: accounts.map((account, index) => ({ ...account, faults: published[index]?.met ?? [] })),
      faults,
      pushes: watch.attempts,
      requests,
      meanBatch: batches.mean,
      drainMs,
      longestPauseMs: lag.max / 1e6,
    }
  } finally {
    await publisher.stop()
    await pools?.close()
    await stack.close()
  }
}

/** Pub/Sub pushes to what stands before the instances, and to transactional again while an instance still works on a push. */
async function pushToPools(stack: Stack, pools: InstancePools): Promise<void> {
  for (const topic of TOPICS) {
    const subscription = stack.client.subscription(topic)
    await subscription.modifyPushConfig({ pushEndpoint: pools.of[topic].url })
    if (topic !== 'transactional') continue
    await subscription.setMetadata({ ackDeadlineSeconds: CHAOS_TIMES.ackDeadlineSeconds })
  }
}

/** Makes each fault at its time; resolves with all of them once the last one is over. */
async function makeTrouble(
  target: Target,
  plan: readonly PlannedFault[],
  log: (line: string) => void,
): Promise<MadeFault[]> {
  const startedAt = performance.now()
  return await Promise.all(
    plan.map(async (fault) => {
      await delay(fault.atMs)
      const fromMs = performance.now()
      log(`${seconds(fromMs - startedAt)} ${fault.kind}: ${fault.topics.join(', ')}, ${seconds(fault.durationMs)}`)
      await INJECTIONS[fault.kind](target, fault)
      return { fault, fromMs, untilMs: performance.now() }
    }),
  )
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`

/** The faults that a message can have met between its publish and its acknowledgement. */
function troubleOf(observed: Observed | undefined, topic: Topic, faults: readonly MadeFault[]): readonly MadeFault[] {
  if (observed === undefined) return []
  const { publishedAtMs, settledAtMs = Number.POSITIVE_INFINITY } = observed
  return faults.filter(
    ({ fault, fromMs, untilMs }) => fault.topics.includes(topic) && fromMs <= settledAtMs && untilMs >= publishedAtMs,
  )
}
