import { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { type BatchLimits, Coalescer, isOfItsKey } from '../../shared/batching/index.ts'
import { sleep } from '../../shared/clock/index.ts'
import { type ManualClock, manualClock } from '../../shared/clock/testing/manual-clock.ts'
import type { PubSubEvents } from '../emulators/pubsub/events.ts'
import type { Consumer, Lease } from '../emulators/pubsub/lease.ts'
import { PushFlow } from '../emulators/pubsub/push-flow.ts'
import { Subscription } from '../emulators/pubsub/subscription.ts'

/** The state of the subscription before the people come, after which Pub/Sub pushes fast or slowly. */
export const SUBSCRIPTION_STATES = ['warm', 'cold', 'throttled'] as const

/** How the flood is published: as it comes, with an ordering key as the publisher package sets it, or in the lane for bulk. */
export const FLOODS = ['no order', 'order', 'bulk lane'] as const

export interface FloodOptions {
  /**
   * `warm`: it has delivered for a while, and as many pushes are under way as there may be. `cold`: it has delivered
   * nothing yet. `throttled`: Customer.io answered 503 to everything for ten seconds, and has just recovered.
   */
  readonly state: (typeof SUBSCRIPTION_STATES)[number]
  /** Updates of one object, published at once. */
  readonly flood: number
  readonly floodIn: (typeof FLOODS)[number]
  /** Updates of one person each, published evenly from the flood on. */
  readonly peoplePerSecond: number
  readonly seconds: number
}

export interface FloodResult {
  readonly published: number
  /** People delivered within `seconds` and one more. */
  readonly inTime: number
  /** From publish to acknowledgement, of those delivered in time. */
  readonly medianMs: number | undefined
  /** From the flood until everybody was delivered; undefined when that took more than ten minutes. */
  readonly allAfterSeconds: number | undefined
  /** 503s that the flood met until then. */
  readonly refusals: number
}

const CUSTOMERIO_MS = 50
/** Until a publish of the function's own is confirmed, with the time that it waits for others. */
const PUBLISH_MS = 50
const OUTAGE_SECONDS = 10
const PATIENCE_MS = 600_000
const STEP_MS = 5
/** Pushes under way at the same time, at most: Pub/Sub keeps this window once it has reached it. */
const LARGEST_WINDOW = 3_000
/** Pushes that the instance takes at the same time, as pipeline.yaml says; those beyond wait for a place. */
const PLACES = 400
/** Those of `identify` by default. */
const LIMITS: BatchLimits = {
  maxItems: 100,
  maxBytes: 450_000,
  maxItemBytes: 30_000,
  maxInFlight: 10,
  maxWaitMs: 10_000,
  maxQueueItems: 2_000,
  maxBlockedItems: 200,
}
/** That of `identify` by default. */
const MOVE_FROM_ITEMS = 5

/**
 * What people get while one object floods, in virtual time: the batching of an instance behind the subscriptions of the
 * local Pub/Sub, which lowers its push rate after failures as Google documents it. HTTP and CPU take no time.
 */
export async function simulateFlood(options: FloodOptions): Promise<FloodResult> {
  const clock = manualClock()
  const instance = new Instance(clock)
  const bulk = new Lane(clock, instance)
  const lane = new Lane(clock, instance, bulk)
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      clock.advance(STEP_MS)
      await turn()
    }
  }
  const { state, flood, floodIn, peoplePerSecond, seconds } = options
  const publishPeople = async (name: string, forSeconds: number) => {
    const published: Published[] = []
    for (let tick = 0; tick < forSeconds * 10; tick++) {
      for (let each = 0; each < peoplePerSecond / 10; each++) published.push(lane.publish(`${name}-${tick}-${each}`))
      await pass(100)
    }
    return published
  }
  if (state === 'warm') for (const each of [lane, bulk]) each.warmUp()
  if (state === 'throttled') {
    instance.isOut = true
    await publishPeople('outage', OUTAGE_SECONDS)
    instance.isOut = false
  }
  const flooded = floodIn === 'bulk lane' ? bulk : lane
  const floods = Array.from({ length: flood }, () => flooded.publish('object', floodIn === 'order' ? 'object' : ''))
  const startedMs = clock.now()
  const people = await publishPeople('person', seconds)
  await pass(1_000)
  const waitsMs = people.flatMap(({ acknowledgedMs, publishedMs }) => (acknowledgedMs ?? Number.NaN) - publishedMs)
  const inTimeMs = waitsMs.filter((ms) => !Number.isNaN(ms)).sort((a, b) => a - b)
  const isWaiting = () => people.some(({ acknowledgedMs }) => acknowledgedMs === undefined)
  while (isWaiting() && clock.now() - startedMs < PATIENCE_MS) await pass(100)
  const lastMs = Math.max(...people.map(({ acknowledgedMs }) => acknowledgedMs ?? Number.POSITIVE_INFINITY))
  return {
    published: people.length,
    inTime: inTimeMs.length,
    medianMs: inTimeMs[inTimeMs.length >> 1],
    allAfterSeconds: Number.isFinite(lastMs) ? (lastMs - startedMs) / 1_000 : undefined,
    refusals: floods.reduce((sum, { refusals }) => sum + refusals, 0),
  }
}

/** One message and what has become of it. */
interface Published {
  readonly key: string
  readonly publishedMs: number
  acknowledgedMs?: number
  refusals: number
}

interface Pushed {
  readonly key: string
  readonly attempt: number
  readonly mayMove: boolean
}

/** How a push ends: 204 for what is delivered, 202 for what goes on in the bulk lane, else 503. */
type Answer = 204 | 202 | 503

/** An instance of `identify`. */
class Instance {
  isOut = false
  #free = PLACES
  readonly #waiting = new Set<() => void>()
  readonly #clock: ManualClock
  readonly #operations: Coalescer<Pushed, Answer>

  constructor(clock: ManualClock) {
    this.#clock = clock
    this.#operations = new Coalescer<Pushed, Answer>({
      limits: LIMITS,
      sizeOf: () => 100,
      conflictKeys: ({ key }) => [key],
      suspects: { isSuspect: ({ attempt }) => attempt >= 2, isFailure: (answer) => answer === 503 },
      movable: { isMovable: ({ mayMove }) => mayMove, maxBlocked: MOVE_FROM_ITEMS },
      send: (items) => this.#send(items.length),
      busy: (reason, { mayMove }) => (mayMove && isOfItsKey(reason) ? 202 : 503),
      tooLarge: () => 503,
      onError: () => 503,
      clock,
    })
  }

  async push(pushed: Pushed, moved: () => void): Promise<Answer> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.add(resolve))
    const answer = await this.#operations.submit(pushed)
    if (answer === 202) {
      await sleep(this.#clock, PUBLISH_MS)
      moved()
    }
    const [next] = this.#waiting
    if (next === undefined) this.#free++
    else this.#waiting.delete(next)
    next?.()
    return answer
  }

  async #send(items: number): Promise<Answer[]> {
    await sleep(this.#clock, CUSTOMERIO_MS)
    return Array.from({ length: items }, () => (this.isOut ? 503 : 204))
  }
}

/** A subscription that pushes to the instance. */
class Lane implements Consumer {
  readonly ackDeadlineMs = undefined
  readonly #clock: ManualClock
  readonly #instance: Instance
  /** Where the function moves messages. */
  readonly #bulk: Lane | undefined
  readonly #subscription: Subscription
  readonly #flow: PushFlow
  readonly #published: Published[] = []
  #underWay = 0

  constructor(clock: ManualClock, instance: Instance, bulk?: Lane) {
    this.#clock = clock
    this.#instance = instance
    this.#bulk = bulk
    const schedule = (work: () => void, ms: number) => clock.after(ms, work)
    const time = { now: clock.now, schedule }
    this.#subscription = new Subscription(
      {
        name: 'projects/local/subscriptions/identify',
        topic: 'projects/local/topics/identify',
        enableMessageOrdering: true,
        ackDeadlineSeconds: 60,
        retryPolicy: { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 600 } },
      },
      {
        clock: time,
        events: new EventEmitter<PubSubEvents>(),
        backoffScale: 1,
        topicRetention: () => undefined,
        deadLetter: () => undefined,
      },
    )
    this.#flow = new PushFlow({
      clock: time,
      maxOutstanding: LARGEST_WINDOW,
      backoffScale: 1,
      resume: () => this.#subscription.wake(),
    })
    this.#subscription.addConsumer(this)
  }

  warmUp(): void {
    for (let count = 0; count < LARGEST_WINDOW; count++) this.#flow.acknowledged()
  }

  publish(key: string, orderingKey = ''): Published {
    const published: Published = { key, publishedMs: this.#clock.now(), refusals: 0 }
    this.offer(published, orderingKey)
    return published
  }

  offer(published: Published, orderingKey = ''): void {
    const sequence = this.#published.push(published)
    const content = { data: Buffer.of(1), attributes: {}, orderingKey, publishTimeMs: this.#clock.now() }
    this.#subscription.offer({ sequence, id: String(sequence), ...content })
  }

  hasRoom(): boolean {
    return this.#flow.mayPush(this.#underWay)
  }

  deliver(lease: Lease): void {
    void this.#push(lease)
  }

  async #push({ message, attempt, ackId }: Lease): Promise<void> {
    const published = this.#published[message.sequence - 1]
    if (published === undefined) throw new Error(`nobody published ${message.id}`)
    this.#underWay++
    const bulk = message.orderingKey === '' ? this.#bulk : undefined
    const pushed = { key: published.key, attempt, mayMove: bulk !== undefined }
    const answer = await this.#instance.push(pushed, () => bulk?.offer(published))
    this.#underWay--
    if (answer !== 503) {
      if (answer === 204) published.acknowledgedMs = this.#clock.now()
      this.#flow.acknowledged()
      this.#subscription.acknowledge(ackId)
    } else {
      published.refusals++
      this.#flow.failed()
      this.#subscription.modifyDeadline(ackId, 0)
    }
    this.#subscription.wake()
  }

  released(): void {}

  closed(): void {}
}
