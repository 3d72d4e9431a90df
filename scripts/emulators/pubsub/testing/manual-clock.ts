import type { Clock } from '../clock.ts'

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #nowMs: number
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>()

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs
  }

  readonly now = (): number => this.#nowMs

  readonly schedule = (callback: () => void, delayMs: number): (() => void) => {
    const timer = { dueMs: this.#nowMs + delayMs, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets time pass, and runs what falls due on the way, in its order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)
      if (next === undefined || next.dueMs > untilMs) break
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.callback()
    }
    this.#nowMs = untilMs
  }
}
