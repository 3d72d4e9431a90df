import { EventEmitter } from 'node:events'
import { trackFunction } from '../../functions/track/handler.ts'
import { logRequests } from '../../shared/customerio/index.ts'
import { createFunction } from '../../shared/runtime/index.ts'
import type { PubSubEvents } from '../emulators/pubsub/events.ts'
import type { Consumer, Lease } from '../emulators/pubsub/lease.ts'
import { pushBody } from '../emulators/pubsub/push-body.ts'
import { PushFlow } from '../emulators/pubsub/push-flow.ts'
import { Subscription } from '../emulators/pubsub/subscription.ts'
import { Choices } from '../simulate/choices.ts'
import { environmentOf } from '../simulate/environment.ts'
import { Instance } from '../simulate/instance.ts'
import { World } from '../simulate/world.ts'
import { readTopology } from '../topology/topology.ts'

export interface OutageOptions {
  readonly outageMs: number
  /** Messages published evenly during the outage. */
  readonly perSecond: number
}

/** Times are virtual, in milliseconds since Customer.io answers again. */
export interface Drain {
  readonly messages: number
  /** Pub/Sub's back-off of the whole subscription is over, and the first message is delivered. */
  readonly firstMs: number
  /** Nothing is left but messages that wait for the end of a back-off of their own. */
  readonly drainedMs: number
  /** Delivered until then. */
  readonly drained: number
  readonly lastMs: number
  /** What the same instance delivers of as large a backlog that no outage came before. */
  readonly messagesPerSecond: number
  /** Attempts that failed, during the outage and after it. */
  readonly failures: { readonly during: number; readonly after: number }
}

const CUSTOMERIO_MS = 50
const START_MS = Date.parse('2026-11-26T00:00:00Z')
const SECONDS_BEFORE = 10
/** Pushes under way at the same time, at most: Pub/Sub keeps this window once it has reached it. */
const LARGEST_WINDOW = 3_000
/** What is still under way after the last message, such as a timer, ends meanwhile. */
const REST_MS = 60_000
const LOOK_EVERY_MS = 100
const HOUR_MS = 3_600_000
const OK = { kind: 'response', status: 200, headers: {}, body: '{}' } as const
const OUT = { ...OK, status: 503 } as const
const SUBSCRIPTION = 'projects/simulated/subscriptions/track'

/**
 * Customer.io answers 503 for a while to everything, and everything that is published meanwhile waits. The instance runs the
 * product's own code from the handler on, and Pub/Sub's back-offs are those of the local Pub/Sub: both that of a message and that of
 * the subscription. Time is virtual: HTTP and CPU take none.
 */
export async function simulateOutage({ outageMs, perSecond }: OutageOptions): Promise<Drain> {
  const topology = readTopology()
  const world = new World(START_MS, new Choices('outage'))
  let isOut = false
  const instance = new Instance({
    world,
    name: 'track-0',
    env: environmentOf('track', 1, 100),
    clockOffsetMs: 0,
    memoryBytes: Number.POSITIVE_INFINITY,
    networkOf: (self) => ({
      exchange: () =>
        new Promise((resolve) => {
          world.after(CUSTOMERIO_MS, () => self.run(() => resolve(isOut ? OUT : OK)))
        }),
      connect: () => {
        throw new Error('nothing is published within an hour')
      },
    }),
    handlerOf: (host) => createFunction(trackFunction(logRequests), host),
    onDefect: (why) => {
      throw new Error(why)
    },
    onEnd: () => {},
  })
  const lane = new Lane(world, instance, topology.functions.track?.concurrency ?? 1)
  lane.warmUp()

  const startedMs = world.nowMs + SECONDS_BEFORE * 1_000
  const endMs = startedMs + outageMs
  const everyMs = 1_000 / perSecond
  for (let atMs = world.nowMs; atMs < endMs; atMs += everyMs) world.at(atMs, () => lane.publish(1))
  world.at(startedMs, () => {
    isOut = true
  })
  let before = { acknowledged: 0, failures: 0 }
  world.at(endMs, () => {
    isOut = false
    before = { acknowledged: lane.acknowledgedMs.length, failures: lane.failures }
    lane.watch()
  })
  const hasEnded = () => world.nowMs > endMs && lane.left === 0
  await world.run(() => !hasEnded(), endMs + HOUR_MS)
  const since = lane.acknowledgedMs.slice(before.acknowledged).map((ms) => ms - endMs)
  const drainedMs = (lane.drainedMs ?? lane.acknowledgedMs.at(-1) ?? endMs) - endMs
  const failures = { during: before.failures, after: lane.failures - before.failures }

  const againMs = world.nowMs + REST_MS
  world.at(againMs, () => lane.publish(since.length))
  await world.run(() => world.nowMs < againMs || lane.left > 0, againMs + HOUR_MS)
  return {
    messages: since.length,
    firstMs: since[0] ?? 0,
    drainedMs,
    drained: since.filter((ms) => ms <= drainedMs).length,
    lastMs: since.at(-1) ?? 0,
    messagesPerSecond: (since.length * 1_000) / (world.nowMs - againMs),
    failures,
  }
}

/** A subscription that pushes to the instance. */
class Lane implements Consumer {
  readonly ackDeadlineMs = undefined
  readonly acknowledgedMs: number[] = []
  failures = 0
  drainedMs: number | undefined
  readonly #world: World
  readonly #instance: Instance
  readonly #subscription: Subscription
  readonly #flow: PushFlow
  /** Pushes that the platform holds until the instance has a place for them. */
  readonly #held: (() => void)[] = []
  #places: number
  #underWay = 0
  #published = 0

  constructor(world: World, instance: Instance, places: number) {
    this.#world = world
    this.#instance = instance
    this.#places = places
    const clock = { now: () => world.nowMs, schedule: (work: () => void, ms: number) => instance.clock.after(ms, work) }
    this.#subscription = new Subscription(
      {
        name: SUBSCRIPTION,
        topic: 'projects/simulated/topics/track',
        ackDeadlineSeconds: 60,
        retryPolicy: { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 600 } },
      },
      {
        clock,
        events: new EventEmitter<PubSubEvents>(),
        backoffScale: 1,
        topicRetention: () => undefined,
        deadLetter: () => undefined,
      },
    )
    this.#flow = new PushFlow({
      clock,
      maxOutstanding: LARGEST_WINDOW,
      backoffScale: 1,
      resume: () => this.#subscription.wake(),
    })
    this.#subscription.addConsumer(this)
  }

  get left(): number {
    return this.#published - this.acknowledgedMs.length
  }

  warmUp(): void {
    for (let count = 0; count < LARGEST_WINDOW; count++) this.#flow.acknowledged()
  }

  publish(count: number): void {
    for (let each = 0; each < count; each++) {
      const sequence = ++this.#published
      const message = { identifiers: { id: `person-${sequence}` }, name: 'order_completed' }
      this.#subscription.offer({
        ...{ sequence, id: String(sequence), data: Buffer.from(JSON.stringify(message)) },
        ...{ attributes: {}, orderingKey: '', publishTimeMs: this.#world.nowMs },
      })
    }
  }

  /** Notes the first moment, to a tenth of a second, at which all that is left waits for the end of its back-off. */
  watch(): void {
    const { outstanding, waiting } = this.#subscription.stats()
    if (outstanding === waiting) this.drainedMs = this.#world.nowMs
    else this.#world.after(LOOK_EVERY_MS, () => this.watch())
  }

  hasRoom(): boolean {
    return this.#flow.mayPush(this.#underWay)
  }

  deliver(lease: Lease): void {
    this.#underWay++
    if (this.#places > 0) this.#push(lease)
    else this.#held.push(() => this.#push(lease))
  }

  released(): void {}

  closed(): void {}

  #push({ message, attempt, ackId }: Lease): void {
    this.#places--
    const body = Buffer.from(pushBody(SUBSCRIPTION, message, attempt))
    this.#instance.receive(body, (status) => {
      this.#underWay--
      this.#places++
      if (status === 204) {
        this.acknowledgedMs.push(this.#world.nowMs)
        this.#flow.acknowledged()
        this.#subscription.acknowledge(ackId)
      } else {
        this.failures++
        this.#flow.failed()
        this.#subscription.modifyDeadline(ackId, 0)
      }
      this.#held.shift()?.()
      this.#subscription.wake()
    })
  }
}
