import { randomUUID } from 'node:crypto'
import { type Clock, systemClock, withTimeout } from '../clock/index.ts'
import {
  expiryOf,
  type IdentifyMessage,
  type IdentifyMessageInput,
  type Lane,
  lane,
  parseMessage,
  TOPIC_SCHEMAS,
  type TopicName,
  type TrackMessage,
  type TrackMessageInput,
  type TransactionalMessage,
  type TransactionalMessageInput,
} from '../contract/index.ts'
import { formatTraceparent, parseTraceparent, startTrace } from '../trace/index.ts'
import { bodyOf } from './body.ts'
import { checkRegion, createClient } from './client.ts'
import { NoProjectError, PublisherClosedError, PublisherValidationError, PublishFailedError } from './errors.ts'
import { identifiersKey, orderingKeyOf } from './ordering.ts'

type PersonOperation = Extract<IdentifyMessageInput, { type?: 'person' | undefined }>
type Operation<A extends string> = Extract<PersonOperation, { action: A }>

/** Exactly one identifier of a person. */
export type Person = Operation<'delete'>['identifiers']
/** A v2 person `identify`, without what the method says already. */
export type IdentifyUser = Omit<Extract<PersonOperation, { action?: 'identify' | undefined }>, 'type' | 'action'>
/** A body of `/v1/send/*` with its channel. */
export type Send = Exclude<TransactionalMessageInput, { channel: 'broadcast' }>
/** A body of `/v1/campaigns/{broadcast_id}/triggers`. */
export type Broadcast = Omit<Extract<TransactionalMessageInput, { channel: 'broadcast' }>, 'channel'>
type Device = Operation<'add_device'>['device']
type Relationships = Operation<'add_relationships'>['cio_relationships']

export interface PublishOptions {
  /** The caller's own name for what should happen once, of 1 to 1,024 bytes; a random UUID if absent. */
  readonly idempotencyKey?: string
  /** W3C trace context to continue. A new trace begins if it is absent or not valid. */
  readonly traceparent?: string
  /** Orders an identify message with those of this person, when the message names them by another identifier. */
  readonly orderedAs?: Person
  /** True: not ordered with other messages of the same person, for throughput. For syncs, whose messages have timestamps. */
  readonly unordered?: boolean
  /** `bulk`: waits behind other bulk messages and never before an urgent one. Its order is only with those of that lane. */
  readonly lane?: Lane
  /** How long it may still be sent, in seconds above 0 from the publish: a code that nobody can use any more is not sent. */
  readonly validForSeconds?: number
}

/** What the publisher needs of a client of Pub/Sub: a `PubSub` of `@google-cloud/pubsub`, of whichever version, is one. */
export interface PubSubClient {
  topic(
    name: string,
    options: { readonly messageOrdering: boolean; readonly gaxOpts: { readonly timeout: number } },
  ): PubSubTopic
  close(): Promise<void>
  /** Whether it talks to an emulator, which needs no credentials: there it may be without a project. */
  readonly isEmulator?: boolean
  /** Finds the project out. */
  getClientConfig?(): Promise<{ readonly projectId?: string | undefined }>
}

export interface PubSubTopic {
  /** Resolves with the message's id once Pub/Sub has accepted it. */
  publishMessage(message: PublishedMessage): Promise<string>
  /** Accepts messages of that key again, after one of them has failed. */
  resumePublishing(orderingKey: string): void
}

/** A message as it goes to Pub/Sub. */
export interface PublishedMessage {
  readonly data: Buffer
  readonly attributes: {
    readonly idempotency_key: string
    readonly traceparent: string
    readonly lane?: Lane
    readonly expires_at?: string
  }
  readonly orderingKey?: string
}

export interface PublisherOptions {
  /** A client to use; its owner closes it. If absent, one is made at the first publish. */
  readonly pubsub?: PubSubClient
  /** Project of the client that is made here. If absent, the client finds it out from its environment. */
  readonly projectId?: string
  /**
   * Region in which the topics store, such as `europe-west1`: the client that is made here publishes there. Order holds among
   * messages of one region only. If absent, Pub/Sub takes the one near the publisher.
   */
  readonly region?: string
  /** The pipeline's `name_prefix`, such as `uk-`: what stands before the names of its topics. */
  readonly topicPrefix?: string
  /** Names of topics that are called otherwise than `identify`, `track` and `transactional` behind the prefix. */
  readonly topics?: Partial<Record<TopicName, string>>
  /** The lane of every message whose own options name none. For programs that send much at a time, such as an import. */
  readonly lane?: Lane
  /** How long a publish may take, with the client's own retries and its first connection: 60 s by default. */
  readonly timeoutMs?: number
  /** Milliseconds since 1970; the machine's time by default. */
  readonly now?: () => number
  /** Timers; the machine's by default. */
  readonly after?: Clock['after']
  readonly newIdempotencyKey?: () => string
  /** Gives that many random bytes, for new traces. */
  readonly random?: (bytes: number) => Buffer
}

interface Messages {
  readonly identify: IdentifyMessageInput
  readonly track: TrackMessageInput
  readonly transactional: TransactionalMessageInput
}

type Valid = IdentifyMessage | TrackMessage | TransactionalMessage

const IDEMPOTENCY_KEY_BYTES = 1_024
const TIMEOUT_MS = 60_000

/**
 * Publishes to the three topics what an application would otherwise send to Customer.io. Every method validates first,
 * resolves with Pub/Sub's message id once Pub/Sub has the message, and rejects with a `PublisherValidationError`,
 * `PublishFailedError` or `PublisherClosedError`.
 */
export class MessagingPublisher {
  readonly #options: PublisherOptions
  readonly #topics = new Map<TopicName, PubSubTopic>()
  readonly #outstanding = new Set<Promise<unknown>>()
  #client: Promise<PubSubClient> | undefined
  #closed = false

  /** Throws a `TypeError` for a `region` that is none. */
  constructor(options: PublisherOptions = {}) {
    checkRegion(options.region)
    this.#options = options
  }

  /** Creates or updates a person. Set `timestamp` where updates of one person may race. */
  identifyUser(user: IdentifyUser, options?: PublishOptions): Promise<string> {
    return this.publish('identify', { ...user, type: 'person', action: 'identify' }, options)
  }

  /** An event of a person or, with `anonymous_id`, of somebody not known yet. `action`: `event` by default, `page` or `screen`. */
  trackEvent(event: TrackMessageInput, options?: PublishOptions): Promise<string> {
    return this.publish('track', event, options)
  }

  /**
   * One transactional message; `channel` says which: `email`, `push`, `sms`, `whatsapp`, `in_app` or `inbox_message`. Never
   * sent twice under one idempotency key.
   */
  sendTransactional(message: Send, options?: PublishOptions): Promise<string> {
    return this.publish('transactional', message, options)
  }

  /**
   * Triggers an API-triggered broadcast for everybody in its audience: `recipients`, `emails`, `ids` and so on, or the audience
   * set at Customer.io if none is given. Never triggered twice under one idempotency key. Customer.io allows one trigger in ten seconds;
   * further ones wait in Pub/Sub.
   */
  triggerBroadcast(broadcast: Broadcast, options?: PublishOptions): Promise<string> {
    return this.publish('transactional', { ...broadcast, channel: 'broadcast' }, options)
  }

  /**
   * Deletes a person and blocks the identifier for good. For erasure only: for somebody who wants no more marketing, set
   * the attribute `unsubscribed` to true.
   */
  suppressUser(person: Person, options?: PublishOptions): Promise<string> {
    return this.publish('identify', { action: 'suppress', identifiers: person }, options)
  }

  /** Frees the identifier. The person stays deleted until identified again. */
  unsuppressUser(person: Person, options?: PublishOptions): Promise<string> {
    return this.publish('identify', { action: 'unsuppress', identifiers: person }, options)
  }

  /**
   * Deletes a person. The next identify or event creates them again, also an older one that still waits in the bulk lane
   * (shared/decisions/delete-and-bulk.md); `suppressUser` prevents that.
   */
  deleteUser(person: Person, options?: PublishOptions): Promise<string> {
    return this.publish('identify', { action: 'delete', identifiers: person }, options)
  }

  /** Moves what `secondary` has to `primary` and deletes `secondary`. Ordered with the messages of `primary`. */
  mergeUsers(people: Pick<Operation<'merge'>, 'primary' | 'secondary'>, options?: PublishOptions): Promise<string> {
    return this.publish('identify', { ...people, action: 'merge' }, options)
  }

  /**
   * Adds a device for push messages to a person, or updates it: `token` and `platform` (`ios` or `android`); optional are
   * `last_used` (Unix seconds or an ISO-8601 date-time) and `attributes`.
   */
  addDevice(person: Person, device: Device, options?: PublishOptions): Promise<string> {
    return this.publish('identify', { action: 'add_device', identifiers: person, device }, options)
  }

  /** Removes the device with this `token` from a person. */
  deleteDevice(person: Person, token: string, options?: PublishOptions): Promise<string> {
    return this.publish('identify', { action: 'delete_device', identifiers: person, device: { token } }, options)
  }

  /** Relates a person to objects, each named by `object_type_id` and `object_id`, or by `cio_object_id`. */
  addRelationships(person: Person, to: Relationships, options?: PublishOptions): Promise<string> {
    const message = { action: 'add_relationships', identifiers: person, cio_relationships: to } as const
    return this.publish('identify', message, options)
  }

  /** Removes these relationships of a person; the objects stay. */
  deleteRelationships(person: Person, to: Relationships, options?: PublishOptions): Promise<string> {
    const message = { action: 'delete_relationships', identifiers: person, cio_relationships: to } as const
    return this.publish('identify', message, options)
  }

  /** Publishes any message of the contract to its topic, such as the operations on objects, which have no method of their own. */
  async publish<T extends TopicName>(name: T, message: Messages[T], options: PublishOptions = {}): Promise<string> {
    if (this.#closed) throw new PublisherClosedError()
    const idempotencyKey = this.#idempotencyKey(name, options)
    const valid = this.#validate(name, message)
    const published = {
      data: Buffer.from(JSON.stringify(valid)),
      attributes: {
        idempotency_key: idempotencyKey,
        traceparent: this.#traceparent(options.traceparent),
        ...laneOf(name, { lane: this.#options.lane, ...options }),
        ...this.#expiry(name, options),
      },
      ...orderedBy(name, valid, options),
    }
    const publishing = this.#send(name, published, idempotencyKey)
    this.#outstanding.add(publishing)
    try {
      return await publishing
    } finally {
      this.#outstanding.delete(publishing)
    }
  }

  /** Resolves once every publish begun so far has ended. Never rejects: each publish reports its own failure. */
  async flush(): Promise<void> {
    // Not the client's flush, which starts the next batch of an ordering key while one is on its way.
    await Promise.allSettled([...this.#outstanding])
  }

  /** Accepts no more messages, waits for those under way, and closes the client if it was made here. */
  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
    if (this.#options.pubsub === undefined) await (await this.#client)?.close()
  }

  #idempotencyKey(topic: TopicName, { idempotencyKey }: PublishOptions): string {
    // JavaScript callers may pass anything.
    const key: unknown = idempotencyKey ?? (this.#options.newIdempotencyKey ?? randomUUID)()
    const bytes = typeof key === 'string' && key.isWellFormed() ? Buffer.byteLength(key, 'utf8') : 0
    if (typeof key === 'string' && bytes >= 1 && bytes <= IDEMPOTENCY_KEY_BYTES) return key
    throw new PublisherValidationError(
      topic,
      `idempotencyKey: must be a string of 1 to ${IDEMPOTENCY_KEY_BYTES} bytes of UTF-8`,
    )
  }

  #expiry(topic: TopicName, { validForSeconds }: PublishOptions): { expires_at?: string } {
    if (validForSeconds === undefined) return {}
    // JavaScript callers may pass anything. Rounded up: it is valid for as long as was said at least.
    const now = this.#options.now ?? systemClock.now
    const moment = typeof validForSeconds === 'number' ? Math.ceil(now() / 1_000 + validForSeconds) : Number.NaN
    const attributes = { expires_at: String(moment) }
    if (Number(validForSeconds) > 0 && expiryOf(attributes).ok) return attributes
    throw new PublisherValidationError(topic, 'validForSeconds: must be a number of seconds above 0')
  }

  #validate(topic: TopicName, message: unknown): Valid {
    const body = bodyOf(message)
    if ('problem' in body) throw new PublisherValidationError(topic, body.problem)
    const parsed = parseMessage(TOPIC_SCHEMAS[topic], body.bytes, { now: this.#options.now ?? systemClock.now })
    if (!parsed.ok) throw new PublisherValidationError(topic, parsed.error)
    return parsed.value
  }

  #traceparent(given: string | undefined): string {
    return formatTraceparent(startTrace(parseTraceparent(given), this.#options.random))
  }

  async #send(name: TopicName, message: PublishedMessage, idempotencyKey: string) {
    const clock = { now: this.#options.now ?? systemClock.now, after: this.#options.after ?? systemClock.after }
    try {
      // The client's own limit is looked at before each of its tries, of which the last may begin just within it.
      return await withTimeout(clock, this.#timeoutMs, this.#publish(name, message))
    } catch (cause) {
      throw new PublishFailedError(name, idempotencyKey, cause)
    }
  }

  async #publish(name: TopicName, message: PublishedMessage): Promise<string> {
    const topic = await this.#topic(name)
    try {
      return await topic.publishMessage(message)
    } catch (cause) {
      // The client refuses everything further under a key that failed once until it is told that this is known. What
      // waited behind this message was refused with it, so its callers know, and nothing overtakes unseen.
      if (message.orderingKey !== undefined) topic.resumePublishing(message.orderingKey)
      throw cause
    }
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? TIMEOUT_MS
  }

  async #topic(name: TopicName): Promise<PubSubTopic> {
    const client = await this.#connected()
    const existing = this.#topics.get(name)
    if (existing !== undefined) return existing
    const { topics, topicPrefix = '' } = this.#options
    const topic = client.topic(topics?.[name] ?? `${topicPrefix}${name}`, {
      messageOrdering: name === 'identify',
      gaxOpts: { timeout: this.#timeoutMs },
    })
    this.#topics.set(name, topic)
    return topic
  }

  /** The client, with a project: without one, under an emulator, its first request would end the process. */
  async #connected(): Promise<PubSubClient> {
    this.#client ??=
      this.#options.pubsub === undefined ? createClient(this.#options) : Promise.resolve(this.#options.pubsub)
    const client = await this.#client
    if (client.isEmulator && client.getClientConfig !== undefined) {
      const { projectId } = await client.getClientConfig()
      if (!projectId) throw new NoProjectError()
    }
    return client
  }
}

function orderedBy(name: TopicName, valid: Valid, options: PublishOptions): { orderingKey?: string } {
  if (name !== 'identify' || options.unordered) return {}
  return { orderingKey: options.orderedAs === undefined ? orderingKeyOf(valid) : identifiersKey(options.orderedAs) }
}

function laneOf(topic: TopicName, options: { readonly lane?: Lane | undefined }): { lane?: Lane } {
  // JavaScript callers may pass anything, and an unknown lane would be taken as none.
  const parsed = lane.optional().safeParse(options.lane)
  if (!parsed.success) throw new PublisherValidationError(topic, 'lane: must be bulk, or absent')
  return parsed.data === undefined ? {} : { lane: parsed.data }
}
