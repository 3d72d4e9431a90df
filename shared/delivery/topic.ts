import type { Topic } from '@google-cloud/pubsub'
import { PUBLISH_TIMEOUT_MS } from '../config/index.ts'
import type { DeadLetter } from './dead-letter.ts'

export interface TopicOptions {
  readonly projectId: string
  /** Short name of the topic. */
  readonly topic: string
  /** How long a publish may take, with the client's own retries, before the message is left to Pub/Sub's redelivery. */
  readonly timeoutMs?: number
}

/**
 * Publishes to a topic what a function does not deliver itself. The Pub/Sub client is loaded at the first publish: it costs a
 * cold start more than everything else together, and most instances never need it.
 */
export function createTopic(options: TopicOptions) {
  const timeoutMs = options.timeoutMs ?? PUBLISH_TIMEOUT_MS
  let loading: Promise<Topic> | undefined

  async function load(): Promise<Topic> {
    const { PubSub } = await import('./pubsub-client.ts')
    return new PubSub({ projectId: options.projectId }).topic(options.topic, {
      messageOrdering: true,
      batching: { maxMessages: 100, maxMilliseconds: 5 },
      gaxOpts: { timeout: timeoutMs },
    })
  }

  return {
    async publish(message: DeadLetter): Promise<void> {
      loading ??= load()
      const topic = await loading
      try {
        await topic.publishMessage({ ...message })
      } catch (error) {
        // A failed publish blocks its ordering key until told otherwise; the message itself comes back by redelivery.
        if (message.orderingKey !== undefined) topic.resumePublishing(message.orderingKey)
        throw error
      }
    },
  }
}
