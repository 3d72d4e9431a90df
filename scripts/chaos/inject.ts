import { setTimeout as delay } from 'node:timers/promises'
import type { FaultOrder } from '../emulators/customerio/index.ts'
import type { FirestoreFault } from '../emulators/firestore/index.ts'
import { pauseIn, pausing, resuming } from '../topology/paused.ts'
import { floodOfOneKey, largestMessages } from './bursts.ts'
import type { Instance } from './instance.ts'
import { sourceOf } from './lanes.ts'
import { lanesOf } from './messages.ts'
import type { FaultKind, PlannedFault } from './schedule.ts'
import type { Api, Target } from './target.ts'
import { CHAOS_TIMES } from './times.ts'

/** Of one object, at once. */
const FLOOD_MESSAGES = 2_000
const AT_A_TIME = 500
/** Of identify, in ordinary times. */
const UNDER_WAY = 30
const DRAIN_MS = 12_000
/** 9.9 MB each. More of them than the dead-letter topic of this machine takes within a publish timeout prove nothing. */
const LARGEST_EVENTS = 12
/** With attachments of 1.99 MB: half of what one instance takes at once. */
const LARGEST_SENDS = 40

/** Whether a condition comes true in that time. */
async function within(limitMs: number, condition: () => boolean): Promise<boolean> {
  const startedAt = performance.now()
  while (!condition()) {
    if (performance.now() - startedAt > limitMs) return false
    await delay(100)
  }
  return true
}

/** Makes one kind of trouble and resolves when it is over and everything works again. */
type Injection = (target: Target, fault: PlannedFault) => Promise<void>

const apiOf = ({ topics }: PlannedFault): Api => (topics.includes('transactional') ? 'app' : 'track')

/** Customer.io misbehaves towards some of the requests, between a third and all of them. */
function ordered(order: (fault: PlannedFault) => FaultOrder): Injection {
  return async (target, fault) => {
    const on = apiOf(fault) === 'app' ? 'send' : 'batch'
    const probability = 0.3 + (fault.roll % 8) / 10
    const given = { on, probability: Math.min(1, probability), ...order(fault) } as const
    await target.withOrder(given, () => delay(fault.durationMs))
  }
}

/** Whether a request takes effect although it is answered with an error, or not at all. */
const processed = ({ roll }: PlannedFault) => roll % 2 === 0

const answering = (status: number): Injection =>
  ordered((fault) => ({ fault: { do: 'answer', status, processed: processed(fault) } }))

function toInstance(work: (instance: Instance, target: Target, fault: PlannedFault) => Promise<void>): Injection {
  return async (target, fault) => {
    const [topic = 'track'] = fault.topics
    const { of, lanes } = target.parts.pools
    const instances = [...of[topic].instances, ...(lanes?.get(topic)?.instances ?? [])]
    const instance = instances[fault.roll % instances.length]
    if (instance === undefined) return
    await target.inTurn(instance, async () => {
      if (!instance.retired) await work(instance, target, fault)
    })
  }
}

const restart = (signal: NodeJS.Signals) =>
  toInstance(async (instance, { parts }, { durationMs }) => {
    instance.routed = false
    if (signal === 'SIGKILL') parts.onKill(instance.process)
    await instance.process.stop(signal)
    await delay(durationMs)
    await instance.process.start()
    instance.routed = !instance.retired
  })

const freeze = toInstance(async ({ process, held }, { frozen }, { durationMs }) => {
  const startedAt = performance.now()
  process.signal('SIGSTOP')
  const heldThen = [...held]
  await delay(durationMs)
  process.signal('SIGCONT')
  if (performance.now() - startedAt < CHAOS_TIMES.freezeMarginMs) return
  for (const messageId of heldThen) frozen.add(messageId)
})

/** As `cio-gcp pause` and `resume` do it, unless somebody else has paused it. Pub/Sub may restart in between. */
async function pauseFor(target: Target, name: string, durationMs: number): Promise<void> {
  const { stack, onPause } = target.parts
  const subscription = stack.client.subscription(name)
  let isOurs = false
  await target.inTurn('pubsub', async () => {
    const [running] = await subscription.getMetadata()
    if (pauseIn(running.labels) !== undefined) return
    await subscription.setMetadata(pausing(running, { by: 'chaos', sinceMs: Date.now(), why: 'chaos' }))
    isOurs = true
    onPause('pause', name)
  })
  if (!isOurs) return
  await delay(durationMs)
  await target.inTurn('pubsub', async () => {
    const [paused] = await subscription.getMetadata()
    const pause = pauseIn(paused.labels)
    if (pause === undefined) return
    onPause('resume', name)
    await subscription.setMetadata(resuming(paused, pause))
  })
}

const firestore = (kind: FirestoreFault): Injection => {
  return (target, { durationMs }) =>
    target.inTurn('what Firestore answers', async () => {
      // Another server after a restart: it is asked for each time.
      target.parts.stack.firestore.misbehave(kind)
      await delay(durationMs)
      target.parts.stack.firestore.misbehave()
    })
}

const revoke: Injection = (target, fault) => {
  const api = apiOf(fault)
  return target.inTurn(api, async () => {
    target.allowKeys(api, [])
    await delay(fault.durationMs)
    target.allowKeys(api, [target.keyOf(api)])
  })
}

/** A careless rotation: between the secret's new version and the account's there is a time in which keys are refused. */
const rotate: Injection = (target, fault) => {
  const api = apiOf(fault)
  return target.inTurn(api, async () => {
    const key = `local-key-${api}-${fault.atMs}-${fault.roll}`
    const steps = [() => target.writeKey(api, key), () => target.allowKeys(api, [key])]
    if (processed(fault)) steps.reverse()
    steps[0]?.()
    await delay(fault.durationMs)
    steps[1]?.()
  })
}

export const INJECTIONS: Readonly<Record<FaultKind, Injection>> = {
  '429': ordered(() => ({ fault: { do: 'rate_limit' } })),
  '429 with Retry-After': ordered(() => ({ fault: { do: 'rate_limit', retryAfterSeconds: 1 } })),
  '500': answering(500),
  '503': answering(503),
  'HTML 502': ordered((fault) => ({ fault: { do: 'html', status: 502, processed: processed(fault) } })),
  'answer past the timeout': ordered(({ roll }) => ({
    fault: { do: 'delay' },
    delayMs: CHAOS_TIMES.requestTimeoutMs * 1.2 + roll,
  })),
  'no answer': ordered((fault) => ({ fault: { do: 'hang', processed: processed(fault) } })),
  'reset before processing': ordered(() => ({ fault: { do: 'reset', processed: false } })),
  'reset after processing': ordered(() => ({ fault: { do: 'reset', processed: true } })),
  'cut-off body': ordered(() => ({ fault: { do: 'cut' } })),
  '400 for the batch': ordered(() => ({ probability: 0.5, fault: { do: 'refuse' } })),
  'look-up fails': ordered((fault) => ({
    on: 'lookup',
    fault: processed(fault) ? { do: 'answer', status: 500 } : { do: 'reset' },
  })),
  'credentials revoked': revoke,
  'credentials rotated': rotate,
  'host down': (target, { durationMs }) => {
    const { customerio } = target.parts.stack
    return target.inTurn(customerio, async () => {
      await customerio.down()
      await delay(durationMs)
      await customerio.up()
    })
  },
  'kill -9': restart('SIGKILL'),
  SIGTERM: restart('SIGTERM'),
  freeze,
  'freeze beyond the lease': freeze,
  pause: async (target, { topics: [topic = 'track'], roll, durationMs }) => {
    const lanes = lanesOf(topic)
    const only = lanes[roll % 3]
    const meant = only === undefined ? lanes : [only]
    await Promise.all(meant.map((name) => target.inTurn(name, () => pauseFor(target, name, durationMs))))
  },
  'Firestore restart': (target, { durationMs }) =>
    target.inTurn('firestore', () => target.parts.stack.restartFirestore(() => delay(durationMs))),
  'Firestore unavailable': firestore('unavailable'),
  'Firestore answer lost': firestore('answer_lost'),
  'Pub/Sub restart': (target, { durationMs }) => {
    const { stack, withoutPublishing } = target.parts
    return target.inTurn('pubsub', () => withoutPublishing(() => stack.restartPubSub(() => delay(durationMs))))
  },
  rollout: (target, { topics, durationMs }) => {
    const { pools, onOverlap } = target.parts
    return target.inTurn('rollout', async () => {
      onOverlap(true)
      await Promise.all(
        topics.map((topic) =>
          pools.of[topic].rollOut(
            () => delay(durationMs),
            (old, drain) => target.inTurn(old, drain),
          ),
        ),
      )
      onOverlap(false)
    })
  },
  'flood of one key': async ({ parts, floodsFromMs }, { atMs, durationMs }) => {
    const { stack, burst } = parts
    const over = delay(durationMs)
    const source = sourceOf(stack, 'identify')
    const drained = () => within(DRAIN_MS, () => source.outstanding() <= UNDER_WAY)
    // On top of what is still there from earlier faults it would measure those.
    if (!(await drained())) return
    floodsFromMs.push(performance.now())
    await Promise.all([burst(floodOfOneKey(`flood-${atMs}`, FLOOD_MESSAGES), AT_A_TIME), over])
  },
  'largest messages': async (target, { topics: [topic = 'track'], atMs, durationMs }) => {
    const { stack, pools, burst } = target.parts
    const source = sourceOf(stack, topic)
    const [, ...others] = pools.of[topic].instances
    await target.inTurn('pubsub', async () => {
      // They wait until all are there, and then meet one instance together.
      source.pause()
      await burst(largestMessages(topic, `largest-${atMs}`, topic === 'track' ? LARGEST_EVENTS : LARGEST_SENDS), 1)
      for (const other of others) other.spared = true
      source.resume()
      await delay(durationMs)
      for (const other of others) other.spared = false
    })
  },
  'duplicate deliveries': (target, { topics: [topic = 'track'], roll, durationMs }) => {
    const source = sourceOf(target.parts.stack, topic)
    return target.inTurn('pubsub', async () => {
      source.duplicatePushes(Number.MAX_SAFE_INTEGER, roll % 2 === 0 ? 'together' : 'after')
      await delay(durationMs)
      source.duplicatePushes(0)
    })
  },
}
