import type { Clock } from '../clock/index.ts'
import type { CallOutcome } from '../outcome/index.ts'
import { type Slot, TokenBucket } from './bucket.ts'

/** Consecutive failures that start a pause. A 429 or a `Retry-After` starts one at once. */
const FAILURES_BEFORE_PAUSE = 3
/** The first pause, doubled after each failed probe, and the longest of our own choice. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 10_000
/** A longer `Retry-After` is cut to this: to ask once too early costs one request. */
const LONGEST_RETRY_AFTER_MS = 120_000
/** A probe that has not reported by then is given up, and the next request becomes the probe. */
const PROBE_TIMEOUT_MS = 15_000

export interface RateLimiterOptions {
  /** This process's share of the server's limit; may be a fraction. */
  readonly requestsPerSecond: number
  /** Requests that may go at once after a quiet time. A tenth of a second's worth by default, at least 1. */
  readonly burst?: number
  /** Never going back: `steadyClock`. */
  readonly clock: Clock
  /** [0, 1), spreads the return of several processes after a common outage. */
  readonly random: () => number
}

/** The right to make one request. Exactly one of `report` and `cancel` should follow; more are ignored. */
export interface Permit {
  readonly ok: true
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

/** Why nobody may go now. */
interface Hold {
  readonly cause: Denied['cause']
  readonly ms: number
  /** False while a probe is under way, which may return at any moment. */
  readonly isKnown: boolean
}

interface Waiter {
  readonly deadlineMs: number
  readonly resolve: (result: Permit | Denied) => void
}

/**
 * A token bucket with one pause for everybody. 429, `Retry-After` and consecutive failures (network, timeouts, 5xx, and
 * answers that only our own configuration can change) start the pause; when it is over a single request goes first, and
 * only its success lets the others follow. So an outage costs the server less than about one request a second from
 * each process, whatever waits here.
 *
 * Those who wait stand in one queue, woken by one timer. A slot is taken when a request goes and not before, so that no
 * pause lets more go after it than the bucket allows.
 *
 * One limiter stands for one budget of the server: whatever has a budget of its own there (broadcasts) has one here.
 */
export class RateLimiter {
  readonly #options: RateLimiterOptions
  readonly #bucket: TokenBucket
  readonly #now: () => number
  #waiters: Waiter[] = []
  /** No waiter's deadline is earlier. */
  #firstDeadlineMs = Number.POSITIVE_INFINITY
  #cancelTimer: () => void = () => {}
  #pause: Pause | undefined
  #failures = 0
  /** Counts the pauses that ended: what a request from before tells about now is out of date. */
  #epoch = 0

  /** Throws a RangeError when the rate is not a positive number. */
  constructor(options: RateLimiterOptions) {
    const rate = options.requestsPerSecond
    if (!(rate > 0 && Number.isFinite(rate))) throw new RangeError(`requestsPerSecond must be positive, not ${rate}`)
    this.#options = options
    this.#bucket = new TokenBucket(rate, options.burst ?? Math.max(1, rate / 10))
    this.#now = options.clock.now
  }

  /** A permit within `maxWaitMs`; denied at once when it is known already that there will be none by then. */
  acquire(maxWaitMs: number): Promise<Permit | Denied> {
    const nowMs = this.#now()
    const hold = this.#hold(nowMs, this.#waiters.length)
    if (hold?.isKnown && hold.ms > maxWaitMs) return Promise.resolve(denied(hold))
    return new Promise((resolve) => {
      const deadlineMs = nowMs + maxWaitMs
      this.#waiters.push({ deadlineMs, resolve })
      this.#firstDeadlineMs = Math.min(this.#firstDeadlineMs, deadlineMs)
      this.#serve()
    })
  }

  /** Lets those go who may, denies those who will not be able to in time, and sleeps until there is more to decide. */
  #serve(): void {
    this.#cancelTimer()
    const nowMs = this.#now()
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      const hold = this.#hold(nowMs)
      if (hold !== undefined) {
        this.#denyThoseOutOfTime(nowMs, hold)
        if (this.#waiters.length > 0) this.#sleep(Math.min(hold.ms, this.#firstDeadlineMs - nowMs))
        return
      }
      this.#waiters.shift()
      first.resolve(first.deadlineMs < nowMs ? denied({ cause: 'rate', ms: 0 }) : this.#grant(nowMs))
    }
    this.#firstDeadlineMs = Number.POSITIVE_INFINITY
  }

  #denyThoseOutOfTime(nowMs: number, hold: Hold): void {
    const soonestMs = hold.isKnown ? nowMs + hold.ms : nowMs
    if (this.#firstDeadlineMs >= soonestMs && this.#firstDeadlineMs > nowMs) return
    const staying: Waiter[] = []
    this.#firstDeadlineMs = Number.POSITIVE_INFINITY
    for (const waiter of this.#waiters) {
      if (waiter.deadlineMs < soonestMs || waiter.deadlineMs <= nowMs) {
        waiter.resolve(denied(hold))
      } else {
        staying.push(waiter)
        this.#firstDeadlineMs = Math.min(this.#firstDeadlineMs, waiter.deadlineMs)
      }
    }
    this.#waiters = staying
  }

  #sleep(ms: number): void {
    this.#cancelTimer = this.#options.clock.after(ms, () => this.#serve())
  }

  /** Why whoever has `ahead` others before them may not go now. */
  #hold(nowMs: number, ahead = 0): Hold | undefined {
    const slotMs = this.#bucket.waitMs(nowMs, ahead)
    const pause = this.#pause
    if (pause !== undefined) {
      const pauseMs = pause.untilMs - nowMs
      if (pauseMs > 0) return { cause: 'paused', ms: Math.max(pauseMs, slotMs), isKnown: true }
      const probeMs = (pause.probe?.untilMs ?? 0) - nowMs
      if (probeMs > 0) return { cause: 'paused', ms: probeMs, isKnown: false }
    }
    return slotMs > 0 ? { cause: 'rate', ms: slotMs, isKnown: true } : undefined
  }

  #grant(nowMs: number): Permit {
    const slot = this.#bucket.take(nowMs)
    const epoch = this.#epoch
    const pause = this.#pause
    let isOver = false
    const once = (work: () => void): void => {
      if (isOver) return
      isOver = true
      work()
      this.#serve()
    }
    const permit: Permit = {
      ok: true,
      report: (outcome) => once(() => this.#report(permit, epoch, outcome)),
      cancel: () => once(() => this.#cancel(permit, slot)),
    }
    if (pause !== undefined) pause.probe = { permit, untilMs: nowMs + PROBE_TIMEOUT_MS }
    return permit
  }

  #cancel(permit: Permit, slot: Slot): void {
    this.#bucket.giveBack(slot)
    if (this.#pause?.probe?.permit === permit) delete this.#pause.probe
  }

  #report(permit: Permit, epoch: number, outcome: CallOutcome): void {
    const sign = signOf(outcome)
    // Not only a 429 says it: a 503 may, which for a send is `uncertain`.
    const retryAfterMs = 'retryAfterMs' in outcome ? outcome.retryAfterMs : undefined
    const pause = this.#pause
    if (pause?.probe?.permit === permit) {
      if (sign === 'failure') this.#startPause(pause.level + 1, retryAfterMs)
      else if (sign === 'success') this.#endPause()
      else delete pause.probe
    } else if (sign === 'failure' && retryAfterMs !== undefined) {
      // Said to an older request, but said by the server: it counts, and does not shorten what is known already.
      if (pause === undefined) this.#startPause(0, retryAfterMs)
      else pause.untilMs = Math.max(pause.untilMs, this.#now() + capped(retryAfterMs))
    } else if (pause === undefined && epoch === this.#epoch) {
      if (sign === 'success') this.#failures = 0
      if (sign !== 'failure') return
      this.#failures++
      if (isThrottled(outcome) || this.#failures >= FAILURES_BEFORE_PAUSE) this.#startPause(0, undefined)
    }
  }

  #startPause(level: number, retryAfterMs: number | undefined): void {
    const backOffMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** level)
    const leastMs = Math.max(backOffMs / 2, capped(retryAfterMs ?? 0))
    this.#pause = { level, untilMs: this.#now() + leastMs + (this.#options.random() * backOffMs) / 2 }
  }

  #endPause(): void {
    this.#pause = undefined
    this.#failures = 0
    this.#epoch++
  }
}

function capped(retryAfterMs: number): number {
  return Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS)
}

function denied({ cause, ms }: Pick<Hold, 'cause' | 'ms'>): Denied {
  return { ok: false, cause, waitMs: ms }
}

/** What an outcome tells of the server's health. Refusals are good news: somebody is there and reads. */
function signOf(outcome: CallOutcome): 'success' | 'failure' | undefined {
  if (outcome.kind === 'delivered' || outcome.kind === 'refused') return 'success'
  return outcome.kind === 'retry' && outcome.cause === 'busy' ? undefined : 'failure'
}

function isThrottled(outcome: CallOutcome): boolean {
  return outcome.kind === 'retry' && outcome.httpStatus === 429
}
