import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { machineBusySeconds, usageOf } from '../lab/process-usage.ts'
import { trackMessage } from '../load/messages.ts'
import { median, percentile } from '../statistics.ts'
import { type Figure, inRounds, rowOf, told } from './figure.ts'
import { CUSTOMERIO_LATENCY_MS } from './throughput.ts'
import { STAGE_NAMES, STAGES, type Stage, type Stages, Timeline } from './timeline.ts'
import { withoutWarehouse } from './urgent.ts'

/** Messages between publish and acknowledgement while the load is sought that the stack can take: more than it takes in one round trip. */
const UNDER_WAY = 1_000
const SATURATED_SECONDS = 10
const PHASE_SECONDS = 30
/** Messages are published this often, as many as are due. */
const TICK_MS = 10
const SETTLE_MS = 3_000
const ARRIVAL_LIMIT_MS = 60_000
const MOST_OTHER_CORES = 0.15
/** At half load there has to be room: with less the queue for a core is what is measured. */
const MOST_BUSY = 0.85

/**
 * From publish to Customer.io on the local stack, at half of the messages per second that all of it can take, and where the
 * time goes. Publisher, Pub/Sub and Customer.io share one process, so that is half of what they can do beside each other.
 */
export const endToEnd: Figure = {
  name: 'end-to-end',
  async run(bench) {
    const timeline = new Timeline(() => performance.now())
    const stack = await startStack({
      ports: { all: 0 },
      directory: join(PROJECT_ROOT, '.local', 'bench-end-to-end'),
      announce: false,
      functions: ['track'],
      customerio: { latencyMs: CUSTOMERIO_LATENCY_MS, storeInbox: 'count' },
      logSinks: [timeline.logSink],
    })
    try {
      withoutWarehouse(stack)
      timeline.watch(stack.pubsub.events, stack.customerio.events)
      const [seconds, saturatedSeconds] = bench.quick ? [3, 1] : [PHASE_SECONDS, SATURATED_SECONDS]
      await saturated(stack, saturatedSeconds) // V8 compiles meanwhile
      const perSecond = median([await saturated(stack, saturatedSeconds), await saturated(stack, saturatedSeconds)])
      const half = Math.round(perSecond / 2)
      const { counted, rejected, disturbed } = await inRounds(
        bench,
        () => atRate(stack, timeline, half, seconds),
        whyDisturbed,
      )
      const rows = (['p50', 'p99'] as const).map((what) => {
        const middle = (of: Stage | 'toCustomerio') => told(median(counted.map((round) => round[what][of])))
        return rowOf(
          {
            figure: `publish to Customer.io on the local stack at half of its load (${told(half)}/s), ${what}`,
            against: 'where the time goes, each by itself',
            target: 'none',
            unit: 'ms',
            inNumbers: STAGES.map((stage) => `${STAGE_NAMES[stage]} ${middle(stage)}`).join(', '),
          },
          counted.map((round) => round[what].toCustomerio),
        )
      })
      return { rows, rounds: counted, rejected, disturbed }
    } finally {
      await stack.close()
    }
  },
}

interface Round {
  readonly perSecond: number
  readonly messages: number
  readonly p50: Stages
  readonly p99: Stages
  /** Of the whole machine, 1 is all of its cores. */
  readonly machineShare: number
  /** How much of the time the process of publisher, Pub/Sub and Customer.io worked. */
  readonly stackShare: number
  readonly otherCores: number
}

function whyDisturbed({ machineShare, stackShare, otherCores }: Round): string[] {
  const percent = (share: number) => `${Math.round(share * 100)} %`
  return [
    ...(machineShare > MOST_BUSY ? [`the machine was at ${percent(machineShare)}`] : []),
    ...(stackShare > MOST_BUSY ? [`the stack's process was at ${percent(stackShare)}`] : []),
    ...(otherCores > MOST_OTHER_CORES ? [`other programs took ${percent(otherCores)} of a core`] : []),
  ]
}

/** Messages per second while each that is acknowledged is followed by another. */
async function saturated(stack: Stack, seconds: number): Promise<number> {
  let [sent, acknowledged, isOver] = [0, 0, false]
  const next = () => void publish(stack, `load-${sent++}`)
  const follow = ({ subscription }: { readonly subscription: string }) => {
    if (subscription !== subscriptionOf(stack)) return
    acknowledged++
    if (!isOver) next()
  }
  stack.pubsub.events.on('acknowledged', follow)
  while (sent < UNDER_WAY) next()
  await delay(SETTLE_MS)
  const [before, startedMs] = [acknowledged, performance.now()]
  await delay(seconds * 1_000)
  const perSecond = ((acknowledged - before) * 1_000) / (performance.now() - startedMs)
  isOver = true
  while (acknowledged < sent) await delay(TICK_MS)
  stack.pubsub.events.off('acknowledged', follow)
  return perSecond
}

/** Publishes at an even pace. A message is timed from when it was due, so a late publish hides nothing. */
async function atRate(stack: Stack, timeline: Timeline, perSecond: number, seconds: number): Promise<Round> {
  await delay(SETTLE_MS)
  timeline.clear()
  const before = look(stack)
  const messages = perSecond * seconds
  for (let sent = 0; sent < messages; await delay(TICK_MS)) {
    for (; sent < messages; sent++) {
      const dueMs = before.atMs + (sent * 1_000) / perSecond
      if (dueMs > performance.now()) break
      const tag = `timed-${sent}`
      timeline.expect(tag, dueMs)
      void publish(stack, tag)
    }
  }
  const after = look(stack)
  const { utilization } = performance.eventLoopUtilization(after.loop, before.loop)
  const limitMs = performance.now() + ARRIVAL_LIMIT_MS
  let stages = timeline.stages()
  for (; stages === undefined; stages = timeline.stages()) {
    if (performance.now() > limitMs) throw new Error('a message has not arrived at Customer.io')
    await delay(100)
  }
  const lasted = (after.atMs - before.atMs) / 1_000
  const machine = after.machine - before.machine
  return {
    ...{ perSecond, messages, p50: atShare(stages, 0.5), p99: atShare(stages, 0.99) },
    machineShare: machine / lasted / availableParallelism(),
    stackShare: utilization,
    otherCores: Math.max(0, machine - (after.ours - before.ours)) / lasted,
  }
}

function atShare(all: readonly Stages[], share: number): Stages {
  const of = (stage: keyof Stages) =>
    percentile(
      all.map((each) => each[stage]).sort((a, b) => a - b),
      share,
    )
  return {
    ...{ publish: of('publish'), queue: of('queue'), push: of('push'), batch: of('batch') },
    ...{ customerio: of('customerio'), answer: of('answer'), toCustomerio: of('toCustomerio') },
  }
}

function look(stack: Stack) {
  const pids = [process.pid, ...Object.values(stack.functions).flatMap(({ pid }) => pid ?? [])]
  const ours = pids.reduce((sum, pid) => sum + usageOf(pid).cpuSeconds, 0)
  return { atMs: performance.now(), ours, machine: machineBusySeconds(), loop: performance.eventLoopUtilization() }
}

function publish(stack: Stack, tag: string): Promise<string> {
  const message = trackMessage(0)
  const json = { ...message, identifiers: { id: tag }, attributes: { ...message.attributes, tag } }
  return stack.client.topic('track').publishMessage({ json })
}

const subscriptionOf = ({ endpoints }: Stack) => `projects/${endpoints.projectId}/subscriptions/track`
