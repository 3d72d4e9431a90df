import type { Channel } from './channel.ts'
import { STATUS } from './status.ts'
import { MessageWriter } from './wire.ts'

/** A message as a publisher sends it. */
export interface OutgoingMessage {
  readonly data: Buffer
  readonly attributes: Readonly<Record<string, string>>
  readonly orderingKey?: string
}

/** As Google's client repeats a publish. A message may arrive twice; no more often than with that client. */
const REPEAT_AFTER = [
  STATUS.ABORTED,
  STATUS.CANCELLED,
  STATUS.DEADLINE_EXCEEDED,
  STATUS.INTERNAL,
  STATUS.RESOURCE_EXHAUSTED,
  STATUS.UNAVAILABLE,
  STATUS.UNKNOWN,
]

export interface PublishOptions {
  /** `projects/PROJECT/topics/TOPIC` */
  readonly topic: string
  readonly timeoutMs: number
}

/**
 * Publishes messages in one request. Resolves when Pub/Sub has them all.
 *
 * @throws {GrpcError}
 */
export async function publish(
  channel: Channel,
  messages: readonly OutgoingMessage[],
  { topic, timeoutMs }: PublishOptions,
): Promise<void> {
  await channel.call({
    path: '/google.pubsub.v1.Publisher/Publish',
    request: publishRequest(topic, messages),
    timeoutMs,
    repeatAfter: REPEAT_AFTER,
    headers: { 'x-goog-request-params': `topic=${encodeURIComponent(topic)}` },
  })
}

/** `PublishRequest` and `PubsubMessage` of google/pubsub/v1/pubsub.proto. */
function publishRequest(topic: string, messages: readonly OutgoingMessage[]): Buffer {
  const request = new MessageWriter().bytes(1, topic)
  for (const { data, attributes, orderingKey } of messages) {
    const message = new MessageWriter().bytes(1, data)
    for (const [key, value] of Object.entries(attributes)) {
      message.bytes(2, new MessageWriter().bytes(1, key).bytes(2, value))
    }
    if (orderingKey !== undefined) message.bytes(5, orderingKey)
    request.bytes(2, message)
  }
  return request.finish()
}
