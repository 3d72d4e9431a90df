import { isRecord } from '../../json/index.ts'
import {
  MessagingPublisher,
  type PublishedMessage,
  type PublisherOptions,
  type PubSubClient,
  type PubSubTopic,
  type TopicName,
} from '../index.ts'

/** A message that a {@link FakePublisher} took, as the pipeline would have got it. */
export interface RecordedMessage {
  readonly topic: TopicName
  /** The body, with the contract's defaults filled in. */
  readonly message: Readonly<Record<string, unknown>>
  readonly idempotencyKey: string
  readonly traceparent: string
  /** Messages of one key are delivered in order; undefined where there is no order. */
  readonly orderingKey: string | undefined
  /** What the call resolved with. */
  readonly messageId: string
}

/** A `MessagingPublisher` for unit tests, without Pub/Sub: see {@link createFakePublisher}. */
export class FakePublisher extends MessagingPublisher {
  readonly #memory: Memory

  constructor(options: Omit<PublisherOptions, 'pubsub' | 'projectId' | 'topics'> = {}) {
    const memory = new Memory()
    super({ ...options, pubsub: memory })
    this.#memory = memory
  }

  /** Every message that was accepted, in the order of the calls. */
  get published(): readonly RecordedMessage[] {
    return this.#memory.published
  }

  /** Those of one topic. */
  publishedTo(topic: TopicName): readonly RecordedMessage[] {
    return this.published.filter((message) => message.topic === topic)
  }

  /**
   * Makes Pub/Sub fail from now on: each publish rejects with a `PublishFailedError` of this cause, and nothing is recorded.
   *
   * @param times how many publishes fail; all until `recover` when it is left out
   */
  fail(cause: Error = new Error('UNAVAILABLE: told to fail'), times: number = Number.POSITIVE_INFINITY): void {
    this.#memory.failure = { cause, times }
  }

  /** Publishes succeed again. */
  recover(): void {
    this.#memory.failure = undefined
  }

  /** Forgets what was recorded, and recovers: for `beforeEach`. */
  reset(): void {
    this.recover()
    this.#memory.published.length = 0
  }
}

/**
 * A publisher that records what it is given instead of publishing it. It validates by the contract, derives keys and throws
 * errors exactly as the real one does, since it is the real one with another client.
 */
export function createFakePublisher(
  options: Omit<PublisherOptions, 'pubsub' | 'projectId' | 'topics'> = {},
): FakePublisher {
  return new FakePublisher(options)
}

/** A client of Pub/Sub that keeps what it is given. */
class Memory implements PubSubClient {
  readonly published: RecordedMessage[] = []
  failure: { readonly cause: Error; times: number } | undefined

  topic(name: string): PubSubTopic {
    return {
      publishMessage: async (message) => this.#keep(name, message),
      resumePublishing: () => {},
    }
  }

  async close(): Promise<void> {}

  #keep(name: string, { data, attributes, orderingKey }: PublishedMessage): string {
    if (this.failure !== undefined && this.failure.times > 0) {
      this.failure.times -= 1
      throw this.failure.cause
    }
    const message: unknown = JSON.parse(data.toString())
    if (!isTopicName(name) || !isRecord(message)) throw new Error(`${name} is no topic of the contract`)
    const messageId = String(this.published.length + 1)
    const { idempotency_key: idempotencyKey, traceparent } = attributes
    this.published.push({ topic: name, message, idempotencyKey, traceparent, orderingKey, messageId })
    return messageId
  }
}

function isTopicName(name: string): name is TopicName {
  return name === 'identify' || name === 'track' || name === 'transactional'
}
