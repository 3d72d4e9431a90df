import type { TopicName } from '../contract/index.ts'
import { isRecord } from '../json/index.ts'

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

/** What to do about gRPC's codes that stay the same however often one publishes. Nothing was published then. */
const REMEDIES: Readonly<Record<number, string>> = {
  3: 'Pub/Sub refuses the request as invalid',
  5: 'there is no such topic: check the project and the name (option `topics`), or create it',
  7: 'the credentials may not publish to it: grant roles/pubsub.publisher',
  16: 'the credentials are not valid',
}

/** The client knows no project. */
export class NoProjectError extends Error {
  override readonly name = 'NoProjectError'
  constructor() {
    super('no Google Cloud project: give the option `projectId` or set GOOGLE_CLOUD_PROJECT')
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
  /** False when publishing again would fail the same way until somebody corrects what `message` names. */
  readonly retryable: boolean
  constructor(topic: TopicName, idempotencyKey: string, cause: unknown) {
    const remedy = remedyFor(cause)
    const advice = remedy ?? 'publish again with the same idempotency key'
    super(`the topic ${topic} did not confirm the message: ${advice}`, { cause })
    this.topic = topic
    this.idempotencyKey = idempotencyKey
    this.retryable = remedy === undefined
  }
}

function remedyFor(cause: unknown): string | undefined {
  if (cause instanceof NoProjectError) return cause.message
  return isRecord(cause) && typeof cause.code === 'number' ? REMEDIES[cause.code] : undefined
}

/** The publisher was closed: nothing was published. */
export class PublisherClosedError extends Error {
  override readonly name = 'PublisherClosedError'
  constructor() {
    super('not published: the publisher is closed')
  }
}
