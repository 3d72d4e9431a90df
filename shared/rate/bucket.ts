/**
 * A token bucket kept as one number, the time of the next free slot (the generic cell rate algorithm): nothing to refill,
 * no timer, and those who wait hold numbered places, so they are served in the order in which they came.
 */
export class TokenBucket {
  readonly #intervalMs: number
  readonly #burstMs: number
  #nextSlotMs = Number.NEGATIVE_INFINITY

  /** `burst`: how many may go at once after a quiet time; in any second at most `perSecond + burst` go. */
  constructor(perSecond: number, burst: number) {
    this.#intervalMs = 1_000 / perSecond
    this.#burstMs = (burst - 1) * this.#intervalMs
  }

  /** Takes the next slot if it is at most `maxWaitMs` away. `waitMs`: how far away it is, taken or not. */
  take(nowMs: number, maxWaitMs: number): { readonly taken: boolean; readonly waitMs: number } {
    const slotMs = Math.max(this.#nextSlotMs, nowMs - this.#burstMs)
    const waitMs = Math.max(0, slotMs - nowMs)
    if (waitMs > maxWaitMs) return { taken: false, waitMs }
    this.#nextSlotMs = slotMs + this.#intervalMs
    return { taken: true, waitMs }
  }
}
