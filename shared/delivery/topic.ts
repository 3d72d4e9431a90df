import { PUBLISH_TIMEOUT_MS } from '../config/index.ts'
import type { ChannelOptions, OutgoingMessage } from '../google-api/index.ts'

export interface TopicOptions extends ChannelOptions {
  readonly projectId: string
  /** Short name of the topic. */
  readonly topic: string
  /** How long a publish may take, with its repetitions, before the message is left to Pub/Sub's redelivery. */
  readonly timeoutMs?: number
}

/**
 * Publishes to a topic what a function does not deliver itself. HTTP/2 is loaded at the first publish: most instances never
 * need it. Messages of one ordering key stay in order, since Pub/Sub pushes the next one only when the last is answered.
 */
export function createTopic({ projectId, topic, timeoutMs = PUBLISH_TIMEOUT_MS, ...channelOptions }: TopicOptions) {
  const to = { topic: `projects/${projectId}/topics/${topic}`, timeoutMs }
  let loading: ReturnType<typeof load> | undefined

  async function load() {
    const { createChannel, publish } = await import('../google-api/index.ts')
    const channel = createChannel(channelOptions)
    return (message: OutgoingMessage) => publish(channel, [message], to)
  }

  return {
    async publish(message: OutgoingMessage): Promise<void> {
      loading ??= load()
      const publishOne = await loading
      await publishOne(message)
    },
  }
}
