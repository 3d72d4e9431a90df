/**
 * Time as it is passed in, so that the same code runs under real and under virtual time. Only composition roots
 * (`functions/<name>/index.ts`, scripts) name {@link systemClock}.
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Runs `work` once, `ms` milliseconds from now. Returns what cancels it; cancelling twice, or afterwards, does nothing. */
  after(ms: number, work: () => void): () => void
}

/** The machine's own time. A pending timer keeps the process alive. */
export const systemClock: Clock = {
  now: Date.now,
  after(ms, work) {
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  },
}

/**
 * The machine's own time, for functions, which measure leases and waits with it: it never goes back, and does not stand
 * still until a wall clock that was set back has caught up, nor as the monotonic clock of a suspended machine does.
 */
export const steadyClock: Clock = {
  now: neverBack(() => Math.floor(Math.max(Date.now(), performance.timeOrigin + performance.now()))),
  after: systemClock.after,
}

/** What a time is set back by counts as no time at all, where waiting for it to catch up could take an hour. */
function neverBack(now: () => number): () => number {
  let readMs = now()
  let setBackMs = 0
  return () => {
    const nowMs = now()
    setBackMs += Math.max(0, readMs - nowMs)
    readMs = nowMs
    return nowMs + setBackMs
  }
}

/** Work was not finished within its time. What was asked for may still happen. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'

  constructor(limitMs: number) {
    super(`no answer within ${limitMs} ms`)
  }
}

/**
 * Settles as `work` does, or rejects with a {@link TimeoutError} once `limitMs` have passed. The work itself goes on: if it
 * succeeds after all, `late` gets its value. A late failure is dropped, since the caller already knows of the timeout.
 */
export function withTimeout<T>(
  clock: Clock,
  limitMs: number,
  work: Promise<T>,
  late: (value: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isLate = false
    const cancel = clock.after(limitMs, () => {
      isLate = true
      reject(new TimeoutError(limitMs))
    })
    work.then(
      (value) => {
        cancel()
        if (isLate) late(value)
        else resolve(value)
      },
      (error: unknown) => {
        cancel()
        reject(error)
      },
    )
  })
}

/** Resolves `ms` milliseconds from now. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}
