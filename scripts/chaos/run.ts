import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { type Stack, startStack } from '../local/stack.ts'
import { type Account, accountFor } from './account.ts'
import { collectEvidence } from './evidence.ts'
import { INJECTIONS } from './inject.ts'
import { InstancePool } from './instances.ts'
import { planMessages, TOPICS, type Topic } from './messages.ts'
import { Publisher } from './publisher.ts'
import { type PlannedFault, planFaults } from './schedule.ts'
import { Target } from './target.ts'
import { CHAOS_TIMES, chaosEnvironment, type OnNotFound } from './times.ts'
import { MessageWatch } from './watch.ts'

export interface ChaosOptions {
  readonly seed: number
  /** How long messages are published and trouble is made; the backlog drains after that. */
  readonly seconds: number
  readonly messages: number
  readonly onNotFound: OnNotFound
  /** Where bundles, logs and the ledger's file go. */
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
  const { directory, log } = options
  const watch = new MessageWatch('chaos')
  const dataFile = join(directory, 'firestore.jsonl')
  rmSync(dataFile, { force: true })
  let target: Target | undefined
  const stack = await startStack({
    directory,
    projectId: 'chaos',
    ports: { all: 0 },
    functions: TOPICS,
    environment: chaosEnvironment(options.onNotFound),
    pubsub: { events: watch.events, backoffScale: CHAOS_TIMES.backoffScale },
    firestore: { dataFile, fault: () => target?.firestoreFault },
    customerio: { deliveryDelayMs: CHAOS_TIMES.deliveryDelayMs, seed: options.seed, batchOrder: 'reversed' },
  })
  const pools = await startPools(stack)
  try {
    const frozen = new Set<string>()
    const publisher = new Publisher(stack.client, (message, id) => watch.published(message, id))
    target = new Target({
      stack,
      pools,
      requestTimeoutMs: CHAOS_TIMES.requestTimeoutMs,
      freezeMarginMs: CHAOS_TIMES.freezeMarginMs,
      onLongFreeze: (messageIds) => {
        for (const id of messageIds) frozen.add(id)
      },
      withoutPublishing: (work) => publisher.withoutPublishing(work),
    })
    const plan = planMessages(options)
    const lag = monitorEventLoopDelay({ resolution: 10 })
    lag.enable()
    const [faults] = await Promise.all([makeTrouble(target, planFaults(options), log), publisher.run(plan)])
    const stoppedAt = performance.now()
    log(`faults are over, ${watch.open} messages are still under way`)
    await watch.allSettled(DRAIN_LIMIT_MS)
    const drainMs = performance.now() - stoppedAt
    // What an instance still holds, although Pub/Sub has its answer, comes out now and not after the count.
    await Promise.all(TOPICS.map((topic) => pools[topic].drain()))
    const evidence = await collectEvidence(stack)
    const troubles = new Map(plan.map((message) => [message, troubleOf(watch.of(message), message.topic, faults)]))
    const accounts = accountFor(
      plan.map((planned) => {
        const observed = watch.of(planned)
        return {
          planned,
          messageId: observed?.messageId ?? '',
          settled: observed?.settledAtMs !== undefined,
          frozen: observed !== undefined && frozen.has(observed.messageId),
          refusedBlindly: troubles.get(planned)?.some(({ fault }) => fault.kind === '400 for the batch') ?? false,
        }
      }),
      evidence,
    )
    const { requests, batches } = stack.customerio.statistics()
    return {
      accounts: accounts.map((account) => ({ ...account, faults: troubles.get(account.message.planned) ?? [] })),
      faults,
      pushes: watch.attempts,
      requests,
      meanBatch: batches.mean,
      drainMs,
      longestPauseMs: lag.max / 1e6,
    }
  } finally {
    await Promise.all(TOPICS.map((topic) => pools[topic].close()))
    await stack.close()
  }
}

/** Several instances of each function, and Pub/Sub pushing to what stands before them. */
async function startPools(stack: Stack): Promise<Record<Topic, InstancePool>> {
  const start = async (topic: Topic): Promise<InstancePool> => {
    const first = stack.functions[topic]
    if (first === undefined) throw new Error(`no function ${topic}`)
    const pool = await InstancePool.start(first, INSTANCES[topic])
    const subscription = stack.client.subscription(topic)
    await subscription.modifyPushConfig({ pushEndpoint: pool.url })
    if (topic === 'transactional') {
      await subscription.setMetadata({ ackDeadlineSeconds: CHAOS_TIMES.ackDeadlineSeconds })
    }
    return pool
  }
  const [identify, track, transactional] = await Promise.all([
    start('identify'),
    start('track'),
    start('transactional'),
  ])
  return { identify, track, transactional }
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

function troubleOf(
  observed: ReturnType<MessageWatch['of']>,
  topic: Topic,
  faults: readonly MadeFault[],
): readonly MadeFault[] {
  if (observed === undefined) return []
  const { publishedAtMs, settledAtMs = Number.POSITIVE_INFINITY } = observed
  return faults.filter(
    ({ fault, fromMs, untilMs }) => fault.topics.includes(topic) && fromMs <= settledAtMs && untilMs >= publishedAtMs,
  )
}
