/** Runs `callback` once after `delayMs`; the function it returns calls that off. */
export type Schedule = (callback: () => void, delayMs: number) => () => void

/** Where the server takes time from. Tests pass their own and need not wait. */
export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly schedule: Schedule
}

/** Longer delays overflow setTimeout, which then fires at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: Date.now,
  schedule: (callback, delayMs) => {
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_TIMEOUT_MS))
    return () => clearTimeout(timer)
  },
}
