import type { EventEmitter } from 'node:events'
import type { PubSubEvents } from '../../../emulators/pubsub/index.ts'

/** What happened within one second. */
export interface Second {
  /** Its beginning, in seconds since 1970. */
  readonly at: number
  published: number
  acknowledged: number
  /** Pushes that were not answered well. */
  failed: number
  deadLettered: number
}

/** How far back a chart reaches. */
const SECONDS = 300

/** Counts what Pub/Sub does, second by second, for the last five minutes. */
export class Rates {
  readonly #now: () => number
  readonly #seconds: Second[] = []
  readonly #end: () => void

  /** @param topics in full, whose messages are counted; `deadLetterTopics` likewise */
  constructor(
    events: EventEmitter<PubSubEvents>,
    { topics, deadLetterTopics }: { topics: ReadonlySet<string>; deadLetterTopics: ReadonlySet<string> },
    now: () => number,
  ) {
    this.#now = now
    const published = ({ topic }: PubSubEvents['published'][0]) => {
      if (topics.has(topic)) this.#second().published += 1
      else if (deadLetterTopics.has(topic)) this.#second().deadLettered += 1
    }
    const delivered = ({ via, status = 0, failure }: PubSubEvents['delivered'][0]) => {
      if (via !== 'push') return
      if (failure === undefined && status < 300) this.#second().acknowledged += 1
      else this.#second().failed += 1
    }
    events.on('published', published).on('delivered', delivered)
    this.#end = () => events.off('published', published).off('delivered', delivered)
  }

  /** Every second of the last five minutes, the oldest first, without the one that has not ended. */
  history(): readonly Second[] {
    const until = Math.floor(this.#now() / 1_000)
    const known = new Map(this.#seconds.map((second) => [second.at, second]))
    return Array.from({ length: SECONDS }, (_, index) => {
      const at = until - SECONDS + index
      return known.get(at) ?? { at, published: 0, acknowledged: 0, failed: 0, deadLettered: 0 }
    })
  }

  close(): void {
    this.#end()
  }

  #second(): Second {
    const at = Math.floor(this.#now() / 1_000)
    const last = this.#seconds.at(-1)
    if (last?.at === at) return last
    const second = { at, published: 0, acknowledged: 0, failed: 0, deadLettered: 0 }
    if (this.#seconds.push(second) > SECONDS + 1) this.#seconds.shift()
    return second
  }
}
