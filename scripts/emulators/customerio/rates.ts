import { BROADCAST_INTERVAL_MS, BROADCASTS_QUEUED } from './limits.ts'

/** Lets through this many requests per second, as many at once; none are saved up beyond that. */
export class RequestRate {
  readonly perSecond: number
  readonly #now: () => number
  #tokens: number
  #refilledAtMs: number

  constructor(perSecond: number, now: () => number) {
    this.perSecond = perSecond
    this.#now = now
    this.#tokens = perSecond
    this.#refilledAtMs = now()
  }

  /** False: this request is one too many. */
  take(): boolean {
    const nowMs = this.#now()
    this.#tokens = Math.min(this.perSecond, this.#tokens + ((nowMs - this.#refilledAtMs) / 1000) * this.perSecond)
    this.#refilledAtMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}

/** One broadcast runs every ten seconds; up to five more triggers of it wait in line. */
export class BroadcastQueue {
  readonly #freeAtMs = new Map<string, number>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** False: the line is full. */
  take(broadcastId: string): boolean {
    const nowMs = this.#now()
    const startsAtMs = Math.max(nowMs, this.#freeAtMs.get(broadcastId) ?? nowMs)
    if (startsAtMs - nowMs > BROADCASTS_QUEUED * BROADCAST_INTERVAL_MS) return false
    this.#freeAtMs.set(broadcastId, startsAtMs + BROADCAST_INTERVAL_MS)
    return true
  }
}
