import { setTimeout as delay } from 'node:timers/promises'
import type { CallOutcome } from '../outcome/index.ts'
import { TokenBucket } from './bucket.ts'

export interface RateLimiterOptions {
  /** This process's share of the server's limit; may be a fraction. */
  readonly requestsPerSecond: number
  /** Requests that may go at once after a quiet time. A tenth of a second's worth by default, at least 1. */
  readonly burst?: number
  /** Consecutive failures that start a pause; 3 by default. A 429 or a `Retry-After` starts one at once. */
  readonly failuresBeforePause?: number
  /** The first pause, doubled after each failed probe; 1,000 by default. */
  readonly basePauseMs?: number
  /** The longest pause of our own choice; 10,000 by default. */
  readonly maxPauseMs?: number
  /** A longer `Retry-After` is cut to this: to ask once too early costs one request. 120,000 by default. */
  readonly maxRetryAfterMs?: number
  /** A probe that has not reported by then is given up and the next request becomes the probe; 15,000 by default. */
  readonly probeTimeoutMs?: number
  /** Milliseconds, any epoch. A clock that is never set back by default: one that is would stop all until it caught up. */
  readonly now?: () => number
  /** [0, 1), spreads the return of several processes after a common outage; `Math.random` by default. */
  readonly random?: () => number
  /** Waits; ends early (resolving or rejecting) on the signal. The real timer by default. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>
}

/** The right to make one request. Exactly one of `report` and `cancel` should follow; more are ignored. */
export interface Permit {
  readonly ok: true
  /** True for the single request that finds out whether a pause is over. */
  readonly probe: boolean
  /** What the request came to. */
  readonly report: (outcome: CallOutcome) => void
  /** The request was not made after all. */
  readonly cancel: () => void
}

export interface Denied {
  readonly ok: false
  readonly cause: 'rate' | 'paused'
  /** When to ask again, in milliseconds from now. */
  readonly waitMs: number
}

interface Pause {
  untilMs: number
  /** Pauses in a row before this one. */
  readonly level: number
  probe?: { readonly permit: object; readonly untilMs: number }
}

/**
 * A token bucket with one pause for everybody. 429, `Retry-After` and consecutive failures (network, timeouts, 5xx, and
 * answers that only our own configuration can change) start the pause; when it is over a single request goes first, and
 * only its success lets the others follow. So an outage costs the server less than about one request a second from
 * each process, whatever waits here.
 *
 * One limiter stands for one budget of the server: whatever has a budget of its own there (broadcasts) has one here.
 */
export class RateLimiter {
  readonly #options: Required<RateLimiterOptions>
  readonly #bucket: TokenBucket
  #pause: Pause | undefined
  #failures = 0
  /** Counts the pauses that ended: what a request from before tells about now is out of date. */
  #epoch = 0
  #changed = Promise.withResolvers<void>()

  /** Throws a RangeError when the rate is not a positive number. */
  constructor(options: RateLimiterOptions) {
    const rate = options.requestsPerSecond
    if (!(rate > 0 && Number.isFinite(rate))) throw new RangeError(`requestsPerSecond must be positive, not ${rate}`)
    this.#options = {
      ...options,
      burst: options.burst ?? Math.max(1, rate / 10),
      failuresBeforePause: options.failuresBeforePause ?? 3,
      basePauseMs: options.basePauseMs ?? 1_000,
      maxPauseMs: options.maxPauseMs ?? 10_000,
      maxRetryAfterMs: options.maxRetryAfterMs ?? 120_000,
      probeTimeoutMs: options.probeTimeoutMs ?? 15_000,
      now: options.now ?? (() => performance.now()),
      random: options.random ?? Math.random,
      sleep: options.sleep ?? ((ms, signal) => delay(ms, undefined, { signal })),
    }
    this.#bucket = new TokenBucket(rate, this.#options.burst)
  }

  /** A permit now, or how long to wait for one. */
  tryAcquire(): Permit | Denied {
    const blocked = this.#blocked()
    if (blocked !== undefined) return { ok: false, cause: 'paused', waitMs: blocked.ms }
    const slot = this.#bucket.take(this.#options.now(), 0)
    return slot.taken ? this.#grant() : { ok: false, cause: 'rate', waitMs: slot.waitMs }
  }

  /** A permit within `maxWaitMs`; denied at once when it is known already that there will be none by then. */
  async acquire(maxWaitMs: number): Promise<Permit | Denied> {
    const { now } = this.#options
    const deadlineMs = now() + maxWaitMs
    let hasSlot = false
    for (;;) {
      const leftMs = Math.max(0, deadlineMs - now())
      const blocked = this.#blocked()
      if (blocked !== undefined) {
        // The end of a pause is known; a probe may return at any moment.
        if (leftMs === 0 || (!blocked.byProbe && blocked.ms > leftMs)) {
          return { ok: false, cause: 'paused', waitMs: blocked.ms }
        }
        await this.#sleep(Math.min(blocked.ms, leftMs))
        continue
      }
      if (hasSlot) return this.#grant()
      const slot = this.#bucket.take(now(), leftMs)
      if (!slot.taken) return { ok: false, cause: 'rate', waitMs: slot.waitMs }
      hasSlot = true
      const slotMs = now() + slot.waitMs
      while (now() < slotMs) await this.#sleep(slotMs - now())
    }
  }

  /** How long nobody may go: until the pause is over, or the probe has had its time. */
  #blocked(): { readonly ms: number; readonly byProbe: boolean } | undefined {
    const pause = this.#pause
    const nowMs = this.#options.now()
    if (pause === undefined) return undefined
    if (pause.untilMs > nowMs) return { ms: pause.untilMs - nowMs, byProbe: false }
    if (pause.probe !== undefined && pause.probe.untilMs > nowMs) {
      return { ms: pause.probe.untilMs - nowMs, byProbe: true }
    }
    return undefined
  }

  #grant(): Permit {
    const epoch = this.#epoch
    const pause = this.#pause
    let reported = false
    const once = (outcome: CallOutcome | undefined): void => {
      if (reported) return
      reported = true
      this.#report(permit, epoch, outcome)
    }
    const permit: Permit = {
      ok: true,
      probe: pause !== undefined,
      report: once,
      cancel: () => once(undefined),
    }
    if (pause !== undefined) pause.probe = { permit, untilMs: this.#options.now() + this.#options.probeTimeoutMs }
    return permit
  }

  #report(permit: Permit, epoch: number, outcome: CallOutcome | undefined): void {
    const sign = outcome === undefined ? 'none' : signOf(outcome)
    // Not only a 429 says it: a 503 may, which for a send is `uncertain`.
    const retryAfterMs = outcome !== undefined && 'retryAfterMs' in outcome ? outcome.retryAfterMs : undefined
    const pause = this.#pause
    if (pause?.probe?.permit === permit) {
      if (sign === 'failure') this.#startPause(pause.level + 1, retryAfterMs)
      else if (sign === 'success') this.#endPause()
      else delete pause.probe
      this.#wake()
    } else if (sign === 'failure' && retryAfterMs !== undefined) {
      // Said to an older request, but said by the server: it counts, and does not shorten what is known already.
      if (pause === undefined) this.#startPause(0, retryAfterMs)
      else pause.untilMs = Math.max(pause.untilMs, this.#options.now() + this.#capped(retryAfterMs))
    } else if (pause === undefined && epoch === this.#epoch) {
      if (sign === 'success') this.#failures = 0
      if (sign !== 'failure') return
      this.#failures++
      if (isThrottled(outcome) || this.#failures >= this.#options.failuresBeforePause) this.#startPause(0, undefined)
    }
  }

  #startPause(level: number, retryAfterMs: number | undefined): void {
    const { basePauseMs, maxPauseMs, now, random } = this.#options
    const backOffMs = Math.min(maxPauseMs, basePauseMs * 2 ** level)
    const leastMs = Math.max(backOffMs / 2, this.#capped(retryAfterMs ?? 0))
    this.#pause = { level, untilMs: now() + leastMs + (random() * backOffMs) / 2 }
  }

  #endPause(): void {
    this.#pause = undefined
    this.#failures = 0
    this.#epoch++
  }

  #capped(retryAfterMs: number): number {
    return Math.min(retryAfterMs, this.#options.maxRetryAfterMs)
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }

  /** Until the time is over or a probe has returned. */
  async #sleep(ms: number): Promise<void> {
    const awake = new AbortController()
    try {
      await Promise.race([this.#options.sleep(ms, awake.signal), this.#changed.promise])
    } finally {
      awake.abort()
    }
  }
}

/** What an outcome tells of the server's health. Refusals are good news: somebody is there and reads. */
function signOf(outcome: CallOutcome): 'success' | 'failure' | 'none' {
  if (outcome.kind === 'delivered' || outcome.kind === 'refused') return 'success'
  return outcome.kind === 'retry' && outcome.cause === 'busy' ? 'none' : 'failure'
}

function isThrottled(outcome: CallOutcome | undefined): boolean {
  return outcome?.kind === 'retry' && outcome.httpStatus === 429
}
