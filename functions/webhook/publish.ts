import { type ClientConfig, PubSub } from '@google-cloud/pubsub'
import type { WebhookMessage } from '../../shared/webhooks/index.ts'

/** Resolves when Pub/Sub has the message, rejects when that is not certain. */
export type Publish = (message: WebhookMessage) => Promise<unknown>

export interface PublisherOptions {
  readonly projectId: string
  /** Short name of the topic. */
  readonly topic: string
  /** For the whole call, with the client's own retries. */
  readonly timeoutMs: number
}

/**
 * The client and its channel are made at start, since every webhook needs them. One message a request: a message that
 * Pub/Sub refuses must not take others with it, and waiting to fill a batch would only add to the answer's time.
 */
export function createPublisher(options: PublisherOptions): Publish {
  const config: ClientConfig & { 'grpc.max_reconnect_backoff_ms': number } = {
    projectId: options.projectId,
    // gRPC's own two minutes would outlast many an outage.
    'grpc.max_reconnect_backoff_ms': 2_000,
  }
  const topic = new PubSub(config).topic(options.topic, {
    batching: { maxMessages: 1 },
    gaxOpts: { timeout: options.timeoutMs },
  })
  return ({ data, attributes }) => topic.publishMessage({ data, attributes: { ...attributes } })
}
