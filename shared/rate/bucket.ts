/** One request's slot, for {@link TokenBucket.giveBack}. */
export interface Slot {
  /** How much earlier the next slot may be for all that was taken since, in milliseconds. */
  slackMs: number
}

/**
 * A token bucket kept as one number, the time of the next free slot (the generic cell rate algorithm): nothing to refill,
 * no timer. In any window of `ms` milliseconds at most `burst + ms * perSecond / 1000` slots are taken.
 */
export class TokenBucket {
  readonly #intervalMs: number
  readonly #burstMs: number
  readonly #burst: number
  #nextSlotMs = Number.NEGATIVE_INFINITY
  /** The latest `burst` slots: those of which something may still be returnable. */
  readonly #recent: Slot[] = []

  /** `burst`: how many may go at once after a quiet time. */
  constructor(perSecond: number, burst: number) {
    this.#intervalMs = 1_000 / perSecond
    this.#burstMs = (burst - 1) * this.#intervalMs
    this.#burst = burst
  }

  /** How long until the next slot is free, or the one `ahead` places behind it; 0 when it is free now. */
  waitMs(nowMs: number, ahead = 0): number {
    return Math.max(0, this.#next(nowMs) + ahead * this.#intervalMs - nowMs)
  }

  /** Takes the next slot, which must be free: `waitMs` is 0. */
  take(nowMs: number): Slot {
    const slotMs = this.#next(nowMs)
    // A bucket this close to full would have been full without an earlier slot, and a full one saves up no more.
    const owedMs = slotMs - (nowMs - this.#burstMs)
    for (const earlier of this.#recent) earlier.slackMs = Math.min(earlier.slackMs, owedMs)
    this.#nextSlotMs = slotMs + this.#intervalMs
    const slot = { slackMs: Number.POSITIVE_INFINITY }
    if (this.#recent.push(slot) > this.#burst) this.#recent.shift()
    return slot
  }

  /**
   * Undoes a `take` whose request was not made. Whatever the others would have lost anyway is not returned, so that the
   * bound on every window holds.
   */
  giveBack(slot: Slot): void {
    const index = this.#recent.indexOf(slot)
    if (index < 0) return
    this.#recent.splice(index, 1)
    const returnedMs = Math.max(0, Math.min(slot.slackMs, this.#intervalMs))
    this.#nextSlotMs -= returnedMs
    for (const other of this.#recent) other.slackMs -= returnedMs
  }

  #next(nowMs: number): number {
    return Math.max(this.#nextSlotMs, nowMs - this.#burstMs)
  }
}
