import type { Topic } from '@google-cloud/pubsub'
import { DEAD_LETTER_TIMEOUT_MS } from '../config/index.ts'
import type { DeadLetters } from './handler.ts'

export interface DeadLetterTopicOptions {
  readonly projectId: string
  /** Short name of the topic. */
  readonly topic: string
  /** How long a publish may take, with the client's own retries, before the message is left to Pub/Sub's redelivery. */
  readonly timeoutMs?: number
}

/**
 * Publishes to a dead-letter topic. The Pub/Sub client is loaded at the first dead letter: it costs a cold start more
 * than everything else together, and most instances never need it.
 */
export function createDeadLetterTopic(options: DeadLetterTopicOptions): DeadLetters {
  const timeoutMs = options.timeoutMs ?? DEAD_LETTER_TIMEOUT_MS
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
    async publish(deadLetter) {
      loading ??= load()
      const topic = await loading
      try {
        await topic.publishMessage({ ...deadLetter })
      } catch (error) {
        // A failed publish blocks its ordering key until told otherwise; the message itself comes back by redelivery.
        if (deadLetter.orderingKey !== undefined) topic.resumePublishing(deadLetter.orderingKey)
        throw error
      }
    },
  }
}
