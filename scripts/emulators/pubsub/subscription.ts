import type { EventEmitter } from 'node:events'
import type { RpcError } from '../rpc-error.ts'
import { retryDelayMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import { DeliveryQueue, type EntryState } from './delivery-queue.ts'
import type { PubSubEvents, SubscriptionStats } from './events.ts'
import type { Consumer, Lease } from './lease.ts'
import type { StoredMessage } from './message.ts'
import type { Api } from './protos.ts'
import { invalidArgument } from './refusals.ts'
import { readSettings, type SubscriptionSettings } from './settings.ts'
import type { TopicRetention } from './topic-retention.ts'

interface Entry {
  readonly message: StoredMessage
  state: EntryState
  failures: number
  leases: number
  lease?: Lease
  consumer?: Consumer
  /** End of the lease or of the back-off. */
  dueMs: number
  cancelTimer?: () => void
}

/** An unacknowledged message as {@link Subscription.backlog} tells it. */
export interface BacklogEntry {
  readonly message: StoredMessage
  readonly failures: number
  /** Not to be delivered before, in milliseconds since 1970; 0 when at once. */
  readonly notBeforeMs: number
}

export interface SubscriptionContext {
  readonly clock: Clock
  readonly events: EventEmitter<PubSubEvents>
  /** Multiplies every back-off. */
  readonly backoffScale: number
  /** What its topic keeps; undefined once the topic is deleted. */
  readonly topicRetention: (of: Subscription) => TopicRetention | undefined
  /** Publishes to the dead-letter topic; the new message's id, or undefined when there is no such topic. */
  readonly deadLetter: (source: Subscription, message: StoredMessage, attempts: number) => string | undefined
}

const SWEEP_EVERY_MS = 10_000

/** The messages of one subscription, and what happens to each of them between publish and acknowledgement. */
export class Subscription {
  readonly name: string
  readonly #context: SubscriptionContext
  readonly #entries = new Map<number, Entry>()
  readonly #queue: DeliveryQueue<Entry>
  readonly #retained = new Map<number, StoredMessage>()
  readonly #consumers: Consumer[] = []
  readonly #totals = { deliveries: 0, acknowledged: 0, deadLettered: 0 }
  #resource: Api['subscription']
  #settings: SubscriptionSettings
  #turn = 0
  #wakePending = false
  #paused = false
  #closed = false
  #sweptMs = 0

  constructor(resource: Api['subscription'], context: SubscriptionContext) {
    this.name = resource.name ?? ''
    this.#resource = resource
    this.#settings = readSettings(resource)
    this.#queue = new DeliveryQueue(this.#settings.ordered)
    this.#context = context
  }

  get resource(): Api['subscription'] {
    return this.#resource
  }

  get settings(): SubscriptionSettings {
    return this.#settings
  }

  /** Takes a new configuration; the messages and their attempts stay. Throws INVALID_ARGUMENT and changes nothing. */
  configure(resource: Api['subscription']): void {
    this.#settings = readSettings(resource)
    this.#resource = resource
  }

  /** A message was published to the topic. */
  offer(message: StoredMessage): void {
    if (this.#settings.filter !== undefined && !this.#settings.filter(message.attributes)) return
    this.#sweep()
    this.#admit({ message, state: 'blocked', failures: 0, leases: 0, dueMs: 0 })
  }

  addConsumer(consumer: Consumer): void {
    this.#consumers.push(consumer)
    this.#dispatch()
  }

  /** What it holds stays leased until its deadline: a broken stream must not speed up redelivery. */
  removeConsumer(consumer: Consumer): void {
    const index = this.#consumers.indexOf(consumer)
    if (index >= 0) this.#consumers.splice(index, 1)
  }

  /** To be called when a consumer has room again. */
  wake(): void {
    if (this.#wakePending) return
    this.#wakePending = true
    queueMicrotask(() => {
      this.#wakePending = false
      this.#dispatch()
    })
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.wake()
  }

  /** Acknowledges even when the lease is over: a late acknowledgement counts while the message is here. */
  acknowledge(ackId: string): void {
    const entry = this.#entryOf(ackId)
    if (entry === undefined) return
    this.#totals.acknowledged += 1
    const attempt = entry.failures + 1
    this.#finish(entry, 'acknowledged')
    if (this.#settings.retainAcknowledged) this.#retained.set(entry.message.sequence, entry.message)
    this.#context.events.emit('acknowledged', { subscription: this.name, messageId: entry.message.id, attempt })
  }

  /** Moves the deadline of a lease; zero gives the message back. A lease that is over stays over. */
  modifyDeadline(ackId: string, deadlineMs: number): void {
    const entry = this.#entryOf(ackId)
    if (this.#closed || entry === undefined || entry.lease?.ackId !== ackId) return
    if (deadlineMs === 0) this.#fail(entry, 'failed')
    else this.#expireAfter(entry, deadlineMs)
  }

  /** Acknowledges what was published before that time, and delivers again what was published since and is still retained. */
  seek(timeMs: number): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.message.publishTimeMs < timeMs) this.#finish(entry, 'acknowledged')
    }
    for (const message of [...this.#retained.values(), ...this.#retainedByTopic()]) {
      if (message.publishTimeMs < timeMs || this.#entries.has(message.sequence)) continue
      this.#retained.delete(message.sequence)
      this.#entries.set(message.sequence, { message, state: 'blocked', failures: 0, leases: 0, dueMs: 0 })
    }
    this.#rebuild()
  }

  /** What the topic keeps of what this subscription was, or would have been, given: also from before it was made. */
  #retainedByTopic(): readonly StoredMessage[] {
    const all = this.#context.topicRetention(this)?.all() ?? []
    const { filter } = this.#settings
    return filter === undefined ? all : all.filter(({ attributes }) => filter(attributes))
  }

  stats(): SubscriptionStats {
    this.#sweep(true)
    let leased = 0
    let waiting = 0
    let oldestMs = Number.POSITIVE_INFINITY
    for (const entry of this.#entries.values()) {
      if (entry.state === 'leased') leased += 1
      if (entry.state === 'waiting') waiting += 1
      oldestMs = Math.min(oldestMs, entry.message.publishTimeMs)
    }
    return {
      subscription: this.name,
      outstanding: this.#entries.size,
      leased,
      waiting,
      ...(this.#entries.size > 0 && { oldestUnackedAgeMs: this.#context.clock.now() - oldestMs }),
      paused: this.#paused,
      ...this.#totals,
    }
  }

  /** Every unacknowledged message; what is leased now counts as not delivered. */
  backlog(): BacklogEntry[] {
    return [...this.#entries.values()].map((entry) => ({
      message: entry.message,
      failures: entry.failures,
      notBeforeMs: entry.state === 'waiting' ? entry.dueMs : 0,
    }))
  }

  retained(): StoredMessage[] {
    return [...this.#retained.values()]
  }

  /** Takes up what another server's subscription told with `backlog` and `retained`. */
  restore(backlog: readonly BacklogEntry[], retained: readonly StoredMessage[]): void {
    for (const { message, failures, notBeforeMs } of backlog) {
      const entry: Entry = { message, state: 'blocked', failures, leases: 0, dueMs: notBeforeMs }
      if (notBeforeMs > this.#context.clock.now()) this.#waitUntil(entry, notBeforeMs)
      this.#admit(entry)
    }
    for (const message of retained) this.#retained.set(message.sequence, message)
  }

  /** Stops delivering and all timers, and tells the consumers. The messages can still be read with `backlog`. */
  close(error: RpcError): void {
    this.#closed = true
    for (const entry of this.#entries.values()) entry.cancelTimer?.()
    for (const consumer of this.#consumers.splice(0)) consumer.closed(error)
  }

  #admit(entry: Entry): void {
    this.#entries.set(entry.message.sequence, entry)
    this.#queue.add(entry)
    this.wake()
  }

  #offerAgain(entry: Entry): void {
    this.#queue.offer(entry)
    this.wake()
  }

  #dispatch(): void {
    while (!this.#paused && !this.#closed) {
      const consumer = this.#nextConsumer()
      if (consumer === undefined) return
      const entry = this.#nextReady()
      if (entry === undefined) return
      this.#lend(entry, consumer)
    }
  }

  /** Consumers take turns. */
  #nextConsumer(): Consumer | undefined {
    for (let step = 0; step < this.#consumers.length; step += 1) {
      const index = (this.#turn + step) % this.#consumers.length
      const consumer = this.#consumers[index]
      if (consumer?.hasRoom()) {
        this.#turn = index + 1
        return consumer
      }
    }
    return undefined
  }

  #nextReady(): Entry | undefined {
    for (;;) {
      const entry = this.#queue.next()
      if (entry === undefined || !this.#isExpired(entry.message)) return entry
      this.#expire(entry)
    }
  }

  #lend(entry: Entry, consumer: Consumer): void {
    entry.leases += 1
    entry.state = 'leased'
    entry.consumer = consumer
    entry.lease = {
      ackId: `${this.name}#${entry.message.sequence}#${entry.leases}`,
      message: entry.message,
      attempt: entry.failures + 1,
    }
    this.#totals.deliveries += 1
    this.#expireAfter(entry, consumer.ackDeadlineMs ?? this.#settings.ackDeadlineMs)
    this.#context.events.emit('attempted', {
      subscription: this.name,
      messageId: entry.message.id,
      attempt: entry.lease.attempt,
    })
    consumer.deliver(entry.lease)
  }

  #expireAfter(entry: Entry, deadlineMs: number): void {
    entry.cancelTimer?.()
    entry.dueMs = this.#context.clock.now() + deadlineMs
    entry.cancelTimer = this.#context.clock.schedule(() => this.#fail(entry, 'expired'), deadlineMs)
  }

  /** A delivery came to nothing: the message goes to the dead-letter topic, or waits for its next turn. */
  #fail(entry: Entry, why: 'failed' | 'expired'): void {
    entry.failures += 1
    const { deadLetter, retry } = this.#settings
    if (deadLetter !== undefined && entry.failures >= deadLetter.maxAttempts) {
      const deadLetterMessageId = this.#context.deadLetter(this, entry.message, entry.failures)
      if (deadLetterMessageId !== undefined) {
        this.#totals.deadLettered += 1
        this.#finish(entry, why)
        this.#context.events.emit('deadLettered', {
          subscription: this.name,
          messageId: entry.message.id,
          attempts: entry.failures,
          deadLetterTopic: deadLetter.topic,
          deadLetterMessageId,
        })
        return
      }
    }
    this.#release(entry, why)
    const delayMs = retry === undefined ? 0 : retryDelayMs(entry.failures, retry) * this.#context.backoffScale
    if (delayMs === 0) this.#offerAgain(entry)
    else this.#waitUntil(entry, this.#context.clock.now() + delayMs)
    this.wake()
  }

  #waitUntil(entry: Entry, timeMs: number): void {
    entry.state = 'waiting'
    entry.dueMs = timeMs
    const delayMs = Math.max(0, timeMs - this.#context.clock.now())
    entry.cancelTimer = this.#context.clock.schedule(() => this.#offerAgain(entry), delayMs)
  }

  #release(entry: Entry, why: 'acknowledged' | 'failed' | 'expired'): void {
    entry.cancelTimer?.()
    const { lease, consumer } = entry
    delete entry.cancelTimer
    delete entry.lease
    delete entry.consumer
    if (lease !== undefined) consumer?.released(lease, why)
  }

  #finish(entry: Entry, why: 'acknowledged' | 'failed' | 'expired'): void {
    entry.state = 'done'
    this.#entries.delete(entry.message.sequence)
    this.#release(entry, why)
    this.#queue.finished(entry)
    this.wake()
  }

  /** The topic's retention counts where it is longer: https://cloud.google.com/pubsub/docs/replay-overview. */
  #isExpired(message: StoredMessage): boolean {
    const retentionMs = Math.max(this.#settings.retentionMs, this.#context.topicRetention(this)?.retentionMs ?? 0)
    return message.publishTimeMs + retentionMs <= this.#context.clock.now()
  }

  #expire(entry: Entry): void {
    this.#finish(entry, 'expired')
    this.#context.events.emit('expired', {
      subscription: this.name,
      messageId: entry.message.id,
      attempts: entry.failures,
    })
  }

  /** Forgets what is older than the retention. Looking at every message is dear, so it is done now and then. */
  #sweep(now = false): void {
    const nowMs = this.#context.clock.now()
    if (!now && nowMs - this.#sweptMs < SWEEP_EVERY_MS) return
    this.#sweptMs = nowMs
    for (const entry of [...this.#entries.values()]) {
      if (entry.state !== 'leased' && this.#isExpired(entry.message)) this.#expire(entry)
    }
    for (const message of [...this.#retained.values()]) {
      if (this.#isExpired(message)) this.#retained.delete(message.sequence)
    }
  }

  /** After a seek: revived messages stand before later ones again, in the queue and in their lanes. */
  #rebuild(): void {
    const entries = [...this.#entries.values()].sort((a, b) => a.message.sequence - b.message.sequence)
    this.#entries.clear()
    this.#queue.clear()
    for (const entry of entries) {
      if (entry.state === 'ready') entry.state = 'blocked'
      this.#admit(entry)
    }
  }

  #entryOf(ackId: string): Entry | undefined {
    const [name, sequence, lease, ...rest] = ackId.split('#')
    if (lease === undefined || rest.length > 0 || !/^\d+$/.test(sequence ?? '')) {
      throw invalidArgument(`You have passed an invalid ack ID to the service (ack_id=${ackId}).`)
    }
    return name === this.name ? this.#entries.get(Number(sequence)) : undefined
  }
}
