import { isTopicName } from '../../../shared/contract/index.ts'
import { identifiersOf, keyOf } from '../../../shared/identity/index.ts'
import type { ValidMessage } from '../publish/messages.ts'

/**
 * Who was deleted, suppressed or merged into somebody else after a message about them, as the topic `identify` tells: a replay
 * would create them again.
 */
export class Gone {
  /** When it was published that they go, the last time, by each of their names. */
  readonly #atMs = new Map<string, number>()

  /** To be told of every message of `identify`. */
  note({ topic, message }: ValidMessage, publishedAtMs: number): void {
    if (!isTopicName(topic) || topic !== 'identify' || message.type !== 'person') return
    const leaves =
      message.action === 'merge'
        ? message.secondary
        : message.action === 'delete' || message.action === 'suppress'
          ? message.identifiers
          : undefined
    for (const name of identifiersOf(leaves)) {
      this.#atMs.set(keyOf(name), Math.max(publishedAtMs, this.#atMs.get(keyOf(name)) ?? 0))
    }
  }

  /** Whether somebody whom the message is about has gone since. */
  since({ message }: ValidMessage, publishedAtMs: number): boolean {
    const names = 'identifiers' in message ? identifiersOf(message.identifiers) : []
    return names.some((name) => (this.#atMs.get(keyOf(name)) ?? 0) >= publishedAtMs)
  }
}
