import type { Clock } from '../index.ts'

export interface ManualClock extends Clock {
  /** Lets time pass. Timers run in the order of their times, each at its time, with those that they set meanwhile. */
  advance(ms: number): void
  /** As somebody who sets the wall clock: no timer runs for it. */
  set(nowMs: number): void
  /** How long each pending timer has still to wait, in the order in which they were set. */
  readonly pending: readonly number[]
}

/** A clock that moves only when it is told to. */
export function manualClock(startMs = 0): ManualClock {
  let nowMs = startMs
  const timers = new Set<{ atMs: number; readonly work: () => void }>()
  return {
    now: () => nowMs,
    after(ms, work) {
      const timer = { atMs: nowMs + ms, work }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance(ms) {
      const endMs = nowMs + ms
      for (;;) {
        const [next] = [...timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) break
        nowMs = Math.max(nowMs, next.atMs)
        timers.delete(next)
        next.work()
      }
      nowMs = endMs
    },
    set(newMs) {
      for (const timer of timers) timer.atMs += newMs - nowMs
      nowMs = newMs
    },
    get pending() {
      return [...timers].map(({ atMs }) => atMs - nowMs)
    },
  }
}
