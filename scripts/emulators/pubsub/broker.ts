import type { EventEmitter } from 'node:events'
import type { Clock } from './clock.ts'
import type { PubSubEvents } from './events.ts'
import type { MessageContent, StoredMessage } from './message.ts'
import { DELETED_TOPIC, parseName } from './names.ts'
import type { Api } from './protos.ts'
import { alreadyExists, invalidArgument, notFound } from './refusals.ts'
import { readSettings } from './settings.ts'
import { type BacklogEntry, Subscription } from './subscription.ts'
import { TopicRetention } from './topic-retention.ts'

export interface BrokerOptions {
  readonly clock: Clock
  readonly events: EventEmitter<PubSubEvents>
  readonly backoffScale: number
  /** Called for each subscription that comes to be, and again when its configuration changes. */
  readonly attach: (subscription: Subscription) => void
}

interface Topic {
  readonly resource: Api['topic']
  readonly subscriptions: Set<Subscription>
  readonly retention: TopicRetention
}

/** Everything that survives a restart. Buffers, not text: turn them into base64 to write this to a file. */
export interface PubSubSnapshot {
  readonly sequence: number
  readonly topics: readonly { readonly resource: Api['topic']; readonly retained: readonly StoredMessage[] }[]
  readonly subscriptions: readonly {
    readonly resource: Api['subscription']
    readonly backlog: readonly BacklogEntry[]
    readonly retained: readonly StoredMessage[]
  }[]
}

/** Fields of a subscription that an update may change. The filter and the ordering of messages are for life. */
const MUTABLE_FIELDS = [
  'pushConfig',
  'ackDeadlineSeconds',
  'retainAckedMessages',
  'messageRetentionDuration',
  'labels',
  'expirationPolicy',
  'deadLetterPolicy',
  'retryPolicy',
] as const

/** The topics and subscriptions, and the way of a message from one to the others. */
export class Broker {
  readonly #options: BrokerOptions
  readonly #topics = new Map<string, Topic>()
  readonly #subscriptions = new Map<string, Subscription>()
  /** Starts at the time in microseconds, so that two runs give no message the same id. */
  #sequence: number

  constructor(options: BrokerOptions) {
    this.#options = options
    this.#sequence = Math.floor(options.clock.now()) * 1_000
  }

  createTopic(resource: Api['topic']): Api['topic'] {
    const name = resource.name ?? ''
    parseName('topics', name)
    if (this.#topics.has(name)) throw alreadyExists(name)
    const retention = new TopicRetention(resource, this.#options.clock.now)
    this.#topics.set(name, { resource, subscriptions: new Set(), retention })
    return resource
  }

  topic(name: string): Api['topic'] {
    return this.#topic(name).resource
  }

  topics(project: string): Api['topic'][] {
    return [...this.#topics.values()]
      .map((topic) => topic.resource)
      .filter((resource) => resource.name?.startsWith(`${project}/topics/`))
  }

  topicSubscriptions(name: string): string[] {
    return [...this.#topic(name).subscriptions].map((subscription) => subscription.name)
  }

  /** Its subscriptions stay, with the messages they have. */
  deleteTopic(name: string): void {
    for (const subscription of this.#topic(name).subscriptions) {
      subscription.configure({ ...subscription.resource, topic: DELETED_TOPIC })
    }
    this.#topics.delete(name)
  }

  createSubscription(resource: Api['subscription']): Subscription {
    const name = resource.name ?? ''
    parseName('subscriptions', name)
    const topic = this.#topic(resource.topic ?? '')
    if (this.#subscriptions.has(name)) throw alreadyExists(name)
    this.#checkDeadLetterTopic(resource)
    const subscription = this.#add(resource)
    topic.subscriptions.add(subscription)
    this.#options.attach(subscription)
    return subscription
  }

  subscription(name: string): Subscription {
    const subscription = this.#subscriptions.get(name)
    if (subscription === undefined) throw notFound(name)
    return subscription
  }

  subscriptions(): Subscription[] {
    return [...this.#subscriptions.values()]
  }

  /** Changes the fields that the mask names; throws INVALID_ARGUMENT for those that cannot change. */
  updateSubscription(update: Api['subscription'], mask: readonly string[]): Subscription {
    const subscription = this.subscription(update.name ?? '')
    if (mask.length === 0) throw invalidArgument('The update_mask in the request must be set.')
    const changes: Record<string, unknown> = {}
    for (const path of mask) {
      const top = camelCase(path.split('.')[0] ?? '')
      const field = MUTABLE_FIELDS.find((mutable) => mutable === top)
      if (field === undefined) throw invalidArgument(`Invalid update_mask: ${path} cannot be updated.`)
      changes[field] = update[field]
    }
    const resource = { ...subscription.resource, ...changes }
    this.#checkDeadLetterTopic(resource)
    subscription.configure(resource)
    this.#options.attach(subscription)
    return subscription
  }

  deleteSubscription(name: string): void {
    const subscription = this.subscription(name)
    this.#subscriptions.delete(name)
    this.#topics.get(subscription.resource.topic ?? '')?.subscriptions.delete(subscription)
    subscription.close(notFound(name))
  }

  /** Gives each message its id and offers it to every subscription of the topic. */
  publish(topicName: string, contents: readonly MessageContent[]): string[] {
    const topic = this.#topic(topicName)
    const publishTimeMs = this.#options.clock.now()
    return contents.map((content) => {
      this.#sequence += 1
      const message: StoredMessage = { ...content, sequence: this.#sequence, id: String(this.#sequence), publishTimeMs }
      topic.retention.keep(message)
      for (const subscription of topic.subscriptions) subscription.offer(message)
      this.#options.events.emit('published', {
        topic: topicName,
        messageId: message.id,
        attributes: message.attributes,
        data: message.data,
        orderingKey: message.orderingKey,
        publishTimeMs,
      })
      return message.id
    })
  }

  snapshot(): PubSubSnapshot {
    return {
      sequence: this.#sequence,
      topics: [...this.#topics.values()].map(({ resource, retention }) => ({ resource, retained: retention.all() })),
      subscriptions: this.subscriptions().map((subscription) => ({
        resource: subscription.resource,
        backlog: subscription.backlog(),
        retained: subscription.retained(),
      })),
    }
  }

  /** For a new broker: takes up where the one of the snapshot stopped. */
  restore(snapshot: PubSubSnapshot): void {
    this.#sequence = Math.max(this.#sequence, snapshot.sequence)
    for (const { resource, retained } of snapshot.topics) {
      this.createTopic(resource)
      for (const message of retained) this.#topic(resource.name ?? '').retention.keep(message)
    }
    for (const { resource, backlog, retained } of snapshot.subscriptions) {
      const subscription = this.#add(resource)
      this.#topics.get(resource.topic ?? '')?.subscriptions.add(subscription)
      subscription.restore(backlog, retained)
      this.#options.attach(subscription)
    }
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name)
    if (topic === undefined) throw notFound(name)
    return topic
  }

  /** It must exist when the policy is set; deleted later, messages stay with their subscription. */
  #checkDeadLetterTopic(resource: Api['subscription']): void {
    const topic = readSettings(resource).deadLetter?.topic
    if (topic !== undefined) this.#topic(topic)
  }

  #add(resource: Api['subscription']): Subscription {
    const subscription = new Subscription(resource, {
      clock: this.#options.clock,
      events: this.#options.events,
      backoffScale: this.#options.backoffScale,
      topicRetention: ({ resource }) => this.#topics.get(resource.topic ?? '')?.retention,
      deadLetter: (source, message, attempts) => this.#deadLetter(source, message, attempts),
    })
    this.#subscriptions.set(subscription.name, subscription)
    return subscription
  }

  /** A new message with the old one's content, as Pub/Sub's own forwarding makes it. */
  #deadLetter(source: Subscription, message: StoredMessage, attempts: number): string | undefined {
    const topic = source.settings.deadLetter?.topic
    if (topic === undefined || !this.#topics.has(topic)) return undefined
    const { project, id } = parseName('subscriptions', source.name)
    const [forwarded] = this.publish(topic, [
      {
        data: message.data,
        orderingKey: message.orderingKey,
        attributes: {
          ...message.attributes,
          CloudPubSubDeadLetterSourceDeliveryCount: String(attempts),
          CloudPubSubDeadLetterSourceSubscription: id,
          CloudPubSubDeadLetterSourceSubscriptionProject: project,
          CloudPubSubDeadLetterSourceTopicPublishTime: new Date(message.publishTimeMs).toISOString(),
        },
      },
    ])
    return forwarded
  }
}

function camelCase(snake: string): string {
  return snake.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
