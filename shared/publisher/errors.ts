import type { TopicName } from '../contract/index.ts'

/** The message breaks the contract of its topic, so nothing was published. Names fields and rules, never a value. */
export class PublisherValidationError extends Error {
  override readonly name = 'PublisherValidationError'
  readonly topic: TopicName
  /** Which field breaks which rule. */
  readonly problem: string
  constructor(topic: TopicName, problem: string) {
    super(`not published: the message breaks the contract of the topic ${topic}: ${problem}`)
    this.topic = topic
    this.problem = problem
  }
}

/**
 * Pub/Sub did not accept the message, or its answer was lost, after the client's own retries; `cause` says why.
 * Publishing again with `idempotencyKey` is safe: whatever arrives twice under one key happens once.
 */
export class PublishFailedError extends Error {
  override readonly name = 'PublishFailedError'
  readonly topic: TopicName
  readonly idempotencyKey: string
  constructor(topic: TopicName, idempotencyKey: string, cause: unknown) {
    super(`the topic ${topic} did not confirm the message: publish again with the same idempotency key`, { cause })
    this.topic = topic
    this.idempotencyKey = idempotencyKey
  }
}

/** The publisher was closed: nothing was published. */
export class PublisherClosedError extends Error {
  override readonly name = 'PublisherClosedError'
  constructor() {
    super('not published: the publisher is closed')
  }
}
