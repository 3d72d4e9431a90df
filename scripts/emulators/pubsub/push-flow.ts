import type { Clock } from './clock.ts'

/**
 * How fast a push subscription delivers, after https://cloud.google.com/pubsub/docs/push, sections "Push backoff" and
 * "Delivery rate". What is said there, and what was chosen where it leaves room:
 *
 * - The window is the number of pushes under way. It starts with a single digit, grows exponentially (one more per
 *   acknowledgement) and shrinks on any failure (chosen: by half, once per backoff). Once it has reached 3,000 it does not
 *   fall below that any more.
 * - After negative acknowledgements the whole subscription stops for 100 ms to 60 s and then goes on. This is independent
 *   of the retry policy, which delays single messages. The time grows exponentially with the share of failures: with one
 *   failure in five it stays about 500 ms, with nothing else it becomes 30 to 60 s. (Chosen: each backoff doubles it, each
 *   acknowledgement shortens it to 84 %, so that one failure in five balances four acknowledgements.)
 */
const FIRST_WINDOW = 8
const WINDOW_KEPT = 3_000
const SHORTEST_BACKOFF_MS = 100
const LONGEST_BACKOFF_MS = 60_000
const SHORTENED_BY_ACKNOWLEDGEMENT = 0.5 ** (1 / 4)

export interface PushFlowOptions {
  readonly clock: Clock
  readonly maxOutstanding: number
  readonly backoffScale: number
  /** A backoff is over. */
  readonly resume: () => void
}

export class PushFlow {
  readonly #options: PushFlowOptions
  #window: number
  /** What the window never falls below. */
  #floor: number
  #nextBackoffMs = SHORTEST_BACKOFF_MS
  #cancelBackoff: (() => void) | undefined

  constructor(options: PushFlowOptions) {
    this.#options = options
    this.#window = Math.min(FIRST_WINDOW, options.maxOutstanding)
    this.#floor = this.#window
  }

  /** Whether one more push may begin beside those under way. */
  mayPush(underWay: number): boolean {
    return this.#cancelBackoff === undefined && underWay < this.#window
  }

  acknowledged(): void {
    const { maxOutstanding } = this.#options
    this.#window = Math.min(this.#window + 1, maxOutstanding)
    if (this.#window >= Math.min(WINDOW_KEPT, maxOutstanding)) this.#floor = this.#window
    this.#nextBackoffMs = Math.max(SHORTEST_BACKOFF_MS, this.#nextBackoffMs * SHORTENED_BY_ACKNOWLEDGEMENT)
  }

  /** A push was answered by a failure or not in time. What was under way when a backoff began changes nothing more. */
  failed(): void {
    if (this.#cancelBackoff !== undefined) return
    this.#window = Math.max(this.#floor, Math.ceil(this.#window / 2))
    const delayMs = this.#nextBackoffMs * this.#options.backoffScale
    this.#nextBackoffMs = Math.min(LONGEST_BACKOFF_MS, this.#nextBackoffMs * 2)
    if (delayMs === 0) return
    this.#cancelBackoff = this.#options.clock.schedule(() => {
      this.#cancelBackoff = undefined
      this.#options.resume()
    }, delayMs)
  }

  close(): void {
    this.#cancelBackoff?.()
  }
}
