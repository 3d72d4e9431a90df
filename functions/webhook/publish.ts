import { type BatchAnswer, bisect, Coalescer } from '../../shared/batching/index.ts'
import { codeOf } from '../../shared/errors/index.ts'
import { type ChannelOptions, createChannel, publish, STATUS } from '../../shared/google-api/index.ts'
import type { WebhookMessage } from '../../shared/webhooks/index.ts'

/** Resolves when Pub/Sub has the message, rejects when that is not certain. */
export type Publish = (message: WebhookMessage) => Promise<unknown>

export interface PublisherOptions extends ChannelOptions {
  readonly projectId: string
  /** Short name of the topic. */
  readonly topic: string
  /** For the whole call, with its repetitions. */
  readonly timeoutMs: number
}

type Published = { readonly kind: 'delivered' } | { readonly kind: 'refused' | 'failed'; readonly error: unknown }

/** Half of what one instance has. */
const MESSAGES_A_REQUEST = 16
/** Customer.io waits four seconds for its answer. */
const MS_BETWEEN_REQUESTS = 5
/** Larger messages go alone. */
const BYTES_A_REQUEST = 1_000_000

/**
 * Webhooks that arrive within a few milliseconds share a publish, since a call costs several times what all else about a
 * webhook does; after a quiet time one is published at once. A publish that takes long holds up no others until four do. A
 * message that Pub/Sub refuses takes no others with it.
 */
export function createPublisher(options: PublisherOptions): Publish {
  const { timeoutMs } = options
  const topic = `projects/${options.projectId}/topics/${options.topic}`
  const channel = createChannel(options)

  async function publishAll(messages: readonly WebhookMessage[]): Promise<BatchAnswer<Published>> {
    try {
      await publish(
        channel,
        messages.map(({ data, attributes }) => ({ data, attributes: { ...attributes } })),
        { topic, timeoutMs },
      )
      return { kind: 'perItem', outcomes: messages.map(() => ({ kind: 'delivered' })) }
    } catch (error) {
      return codeOf(error) === STATUS.INVALID_ARGUMENT
        ? { kind: 'refusedWhole', outcome: { kind: 'refused', error } }
        : { kind: 'undecided', outcome: { kind: 'failed', error } }
    }
  }

  const together = new Coalescer<WebhookMessage, Published>({
    limits: {
      maxItems: MESSAGES_A_REQUEST,
      maxBytes: BYTES_A_REQUEST,
      maxItemBytes: Number.POSITIVE_INFINITY,
      maxInFlight: 4,
      maxWaitMs: timeoutMs,
      // Bounded by the concurrency of the function, and nothing has a key.
      maxQueueItems: Number.POSITIVE_INFINITY,
      maxBlockedItems: Number.POSITIVE_INFINITY,
    },
    spacingMs: MS_BETWEEN_REQUESTS,
    sizeOf: ({ data }) => data.length,
    send: (messages) => bisect<WebhookMessage, Published>(messages, publishAll),
    busy: (reason) => ({ kind: 'failed', error: new Error(`not published: ${reason.replaceAll('_', ' ')}`) }),
    tooLarge: () => ({ kind: 'failed', error: new Error('not published: too large') }),
    onError: (error) => ({ kind: 'failed', error }),
    clock: options.clock,
  })

  return (message) =>
    together.submit(message).then((published) => {
      if (published.kind !== 'delivered') throw published.error
    })
}
