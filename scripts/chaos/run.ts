import { join } from 'node:path'
import { ATTEMPTS_KEPT_IN_RESERVE } from '../../shared/delivery/index.ts'
import { check, type Verdict } from '../history/check.ts'
import type { HistoryEvent } from '../history/format.ts'
import { type Stack, startStack } from '../local/stack.ts'
import { withBulkLane } from '../topology/testing.ts'
import { readTopology, type Topology } from '../topology/topology.ts'
import { type Account, accountsOf } from './accounts.ts'
import { addEvidence } from './evidence.ts'
import { type InstancePools, startPools } from './instances.ts'
import { ACCOUNT_REQUESTS_PER_SECOND, rateLimits, type Span, watchPauses } from './limits.ts'
import { bulkLaneOf, lanesOf, type PlannedMessage, planMessages, recipientsOf, TOPICS, type Topic } from './messages.ts'
import { Publisher } from './publisher.ts'
import { meanRowBytes, recordIsWritten, UntriedLines } from './record.ts'
import { RecordSizes } from './record-sizes.ts'
import { Recorder } from './recorder.ts'
import { type FaultKind, type MadeFault, type PlannedFault, planFaults } from './schedule.ts'
import { Target } from './target.ts'
import { CHAOS_TIMES, chaosEnvironment, type OnNotFound } from './times.ts'
import { makeTrouble } from './trouble.ts'
import { MessageWatch, type Observed } from './watch.ts'

export interface ChaosOptions {
  readonly seed: number
  /** How long messages are published and trouble is made; the backlog drains after that. */
  readonly seconds: number
  readonly messages: number
  readonly onNotFound: OnNotFound
  /** Makes no other kind of trouble. */
  readonly only?: FaultKind | undefined
  /** Gives the bulk lane of this topic a function of its own, besides those to which pipeline.yaml gives one. */
  readonly lane?: Topic | undefined
  /** An empty one, for bundles, logs and the ledger's file. */
  readonly directory: string
  readonly log: (line: string) => void
}

/** What a flood of one key left to the others of its function. */
export interface Flood {
  /** Messages of others that were published while it lasted, but for its last second. */
  readonly published: number
  /** Of these: settled while it lasted. */
  readonly settled: number
}

export interface ChaosResult {
  readonly history: readonly HistoryEvent[]
  readonly verdict: Verdict
  readonly accounts: readonly Account[]
  readonly faults: readonly MadeFault[]
  readonly floods: readonly Flood[]
  /** The most memory that a process of each function took, in bytes. */
  readonly peakBytes: Readonly<Record<Topic, number>>
  readonly pushes: number
  readonly requests: number
  readonly meanBatch: number
  readonly drainMs: number
  /** The longest that this process, which is all of the servers, stood still, when it was half a second or more. */
  readonly longestPauseMs: number
  /** When two revisions served. */
  readonly overlaps: readonly Span[]
  /** Of the record, on the average: a log entry as it is published, a row as BigQuery charges it. */
  readonly recordBytes: { readonly entry: number; readonly row: number }
}

/** Of its function's shares: what the lane of {@link ChaosOptions.lane} takes. */
const LANE_PART = 0.25
const INSTANCES: Readonly<Record<Topic, number>> = { identify: 2, track: 2, transactional: 3 }
const DRAIN_LIMIT_MS = 600_000
const BEYOND_MARGIN = 'a process that held it stood still beyond the margin'

/** Publishes and makes trouble for a time, lets everything settle, and has the history of it checked. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const topology = options.lane === undefined ? readTopology() : withBulkLane(options.lane, { part: LANE_PART })
  const lanes = TOPICS.map(bulkLaneOf).filter((name) => topology.functions[name] !== undefined)
  const instances: Record<Topic, number> & Record<string, number> = {
    ...INSTANCES,
    ...Object.fromEntries(lanes.map((name) => [name, 1])),
  }
  const watch = new MessageWatch('chaos')
  const recorder = new Recorder()
  const plan = planMessages({ ...options, strangers: true })
  watch.onSettled = (messageId) => recorder.acknowledged(messageId)
  watch.onAttempted = (attempt) => recorder.attempted(attempt)
  const untried = new UntriedLines()
  const sizes = new RecordSizes(topology.record.filter)
  const stack = await startStack({
    directory: options.directory,
    projectId: 'chaos',
    ports: { all: 0 },
    topology,
    functions: [...TOPICS, ...lanes],
    instances,
    requestsPerSecond: ACCOUNT_REQUESTS_PER_SECOND,
    environment: { ...chaosEnvironment(options.onNotFound), RECIPIENTS: recipientsOf(plan) },
    logSinks: [untried, sizes],
    pubsub: { events: watch.events, backoffScale: CHAOS_TIMES.backoffScale },
    firestore: { dataFile: join(options.directory, 'firestore.jsonl') },
    customerio: {
      deliveryDelayMs: CHAOS_TIMES.deliveryDelayMs,
      requestsPerSecond: ACCOUNT_REQUESTS_PER_SECOND,
      seed: options.seed,
      batchOrder: 'reversed',
    },
  })
  stack.customerio.events.on('received', (request) => recorder.received(request))
  stack.customerio.events.on('answered', (request) => recorder.answered(request))
  const publisher = new Publisher(stack.client, recorder, (message, id) => watch.published(message, id))
  const { pauses, stop: stopWatching } = watchPauses(() => recorder.now())
  let pools: InstancePools | undefined
  try {
    pools = await startPools(stack.functions, (name) => ({
      name,
      instances: instances[name] ?? 1,
      ...boundsOf(topology, name),
      onCrash: (process, why) => {
        options.log(`${process} is ended: ${why}`)
        recorder.add({ f: 'crash', atMs: recorder.now(), process, why })
      },
      onPush: (push) => recorder.pushed(push),
    }))
    await pushToPools(stack, pools)
    const overlaps: Span[] = []
    const target = new Target({
      stack,
      pools,
      withoutPublishing: (work) => publisher.withoutPublishing(work),
      burst: (messages, atATime) => publisher.burst(messages, atATime),
      onKill: ({ pid }) => recorder.add({ f: 'kill', atMs: recorder.now(), process: String(pid) }),
      onOverlap: (bothServe) => noteOverlap(overlaps, bothServe, recorder.now()),
      onPause: (f, subscription) => recorder.add({ f, atMs: recorder.now(), subscription }),
    })
    const log = (line: string) => {
      recorder.note(line)
      options.log(line)
    }
    const [faults] = await Promise.all([
      makeTrouble(target, planFaults(options), (fault) => log(wordsOf(fault))),
      publisher.run(plan),
    ])
    const stoppedAt = performance.now()
    log(`faults are over, ${watch.open} messages are still under way`)
    await watch.allSettled(DRAIN_LIMIT_MS)
    const drainMs = performance.now() - stoppedAt
    // What an instance still holds, although Pub/Sub has its answer, comes out now and not after the count.
    await pools.drain()
    const { of } = pools
    await recordIsWritten(stack, watch.events)
    await addEvidence(recorder, stack, untried)
    recorder.waive(target.frozen, BEYOND_MARGIN)
    recorder.add(...rateLimits(topology, instances, overlaps, pauses))
    const { max_delivery_attempts: attempts = 0 } = topology.subscriptions.transactional ?? {}
    const history = recorder.history(`chaos, seed ${options.seed}`, attempts - ATTEMPTS_KEPT_IN_RESERVE, (id) =>
      watch.originalOf(id),
    )
    const verdict = check(history)
    const { requests, batches } = stack.customerio.statistics()
    return {
      history,
      verdict,
      accounts: accountsOf(recorder, verdict, (planned) => troubleOf(watch.of(planned), planned.topic, faults)),
      faults,
      floods: floodsOf(faults, target.floodsFromMs, plan, watch),
      peakBytes: {
        identify: of.identify.peakBytes,
        track: of.track.peakBytes,
        transactional: of.transactional.peakBytes,
      },
      pushes: watch.attempts,
      requests,
      meanBatch: batches.mean,
      drainMs,
      longestPauseMs: Math.max(0, ...pauses.map(({ fromMs, untilMs }) => untilMs - fromMs)),
      overlaps,
      recordBytes: { entry: sizes.mean, row: await meanRowBytes(stack) },
    }
  } finally {
    stopWatching()
    await publisher.stop()
    await pools?.close()
    await stack.close()
  }
}

/** What Cloud Run allows one instance. */
function boundsOf(
  { functions }: Topology,
  name: string,
): { readonly concurrency: number; readonly memoryBytes: number } {
  const { concurrency = 1, memory = '' } = functions[name] ?? {}
  const [, gibibytes] = /^(\d+)Gi$/.exec(memory) ?? []
  if (gibibytes === undefined) throw new Error(`pipeline.yaml: the memory of ${name} is not in Gi: ${memory}`)
  return { concurrency, memoryBytes: Number(gibibytes) * 2 ** 30 }
}

/** Pub/Sub pushes to what stands before the instances, and to transactional again while an instance still works on a push. */
async function pushToPools(stack: Stack, pools: InstancePools): Promise<void> {
  for (const topic of TOPICS) {
    for (const name of lanesOf(topic)) {
      const subscription = stack.client.subscription(name)
      const lane = name === bulkLaneOf(topic) ? pools.lanes.get(topic) : undefined
      await subscription.modifyPushConfig({ pushEndpoint: (lane ?? pools.of[topic]).url })
      if (topic !== 'transactional') continue
      await subscription.setMetadata({ ackDeadlineSeconds: CHAOS_TIMES.ackDeadlineSeconds })
    }
  }
}

function noteOverlap(overlaps: Span[], bothServe: boolean, atMs: number): void {
  if (bothServe) overlaps.push({ fromMs: atMs, untilMs: Number.POSITIVE_INFINITY })
  else overlaps.push({ fromMs: overlaps.pop()?.fromMs ?? atMs, untilMs: atMs })
}

const wordsOf = ({ kind, topics, atMs, durationMs }: PlannedFault) =>
  `${seconds(atMs)} ${kind}: ${topics.join(', ')}, ${seconds(durationMs)}`

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`

/** The faults that a message can have met between its publish and its acknowledgement. */
function troubleOf(observed: Observed | undefined, topic: Topic, faults: readonly MadeFault[]): readonly MadeFault[] {
  if (observed === undefined) return []
  const { publishedAtMs, settledAtMs = Number.POSITIVE_INFINITY } = observed
  return faults.filter(
    ({ fault, fromMs, untilMs }) => fault.topics.includes(topic) && fromMs <= settledAtMs && untilMs >= publishedAtMs,
  )
}

/** What is published in the last second of a flood need not be settled within it. */
const STILL_UNDER_WAY_MS = 1_000

function floodsOf(
  faults: readonly MadeFault[],
  floodsFromMs: readonly number[],
  plan: readonly PlannedMessage[],
  watch: MessageWatch,
): Flood[] {
  return floodsFromMs.flatMap((fromMs) => {
    const made = faults.find(
      (one) => one.fault.kind === 'flood of one key' && one.fromMs < fromMs && fromMs < one.untilMs,
    )
    if (made === undefined) return []
    const { fault, untilMs } = made
    const others = plan.flatMap((planned) => (fault.topics.includes(planned.topic) ? (watch.of(planned) ?? []) : []))
    const meanwhile = others.filter(
      ({ publishedAtMs }) => publishedAtMs >= fromMs && publishedAtMs <= untilMs - STILL_UNDER_WAY_MS,
    )
    const settled = meanwhile.filter(({ settledAtMs = Number.POSITIVE_INFINITY }) => settledAtMs <= untilMs)
    return [{ published: meanwhile.length, settled: settled.length }]
  })
}
