import type { StoredMessage } from './message.ts'
import type { Api } from './protos.ts'
import { between } from './settings.ts'
import { durationToMs } from './time.ts'

const MINUTE_MS = 60_000
const DAY_MS = 1_440 * MINUTE_MS
/** Of one topic, so that a flood does not fill the memory: the oldest go first. Google's has no such limit. */
const MOST_BYTES = 256 * 1024 * 1024
/** Roughly what a message takes besides its content. */
const OVERHEAD_BYTES = 400

/** What a topic keeps of what was published to it: `message_retention_duration`, nothing by default. */
export class TopicRetention {
  /** 0 keeps nothing. */
  readonly retentionMs: number
  readonly #now: () => number
  readonly #messages = new Map<number, StoredMessage>()
  #bytes = 0

  /** Throws INVALID_ARGUMENT for a duration that Pub/Sub refuses. */
  constructor(topic: Api['topic'], now: () => number) {
    const given = durationToMs(topic.messageRetentionDuration)
    this.retentionMs =
      given === undefined ? 0 : between(given, 10 * MINUTE_MS, 31 * DAY_MS, 'message_retention_duration (ms)')
    this.#now = now
  }

  keep(message: StoredMessage): void {
    if (this.retentionMs === 0) return
    this.#messages.set(message.sequence, message)
    this.#bytes += bytesOf(message)
    this.#forget()
  }

  /** Oldest first. */
  all(): readonly StoredMessage[] {
    this.#forget()
    return [...this.#messages.values()]
  }

  #forget(): void {
    const oldestMs = this.#now() - this.retentionMs
    for (const [sequence, message] of this.#messages) {
      if (message.publishTimeMs > oldestMs && this.#bytes <= MOST_BYTES) return
      this.#messages.delete(sequence)
      this.#bytes -= bytesOf(message)
    }
  }
}

function bytesOf({ data }: StoredMessage): number {
  return data.length + OVERHEAD_BYTES
}
