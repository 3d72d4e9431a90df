import { createHash } from 'node:crypto'
import type { Choices } from './choices.ts'

interface Due {
  readonly atMs: number
  /** Decides among those of one moment. */
  readonly tie: number
  readonly happen: () => void
}

/**
 * Virtual time. What is due happens in the order of its times, by chance among those of one moment, and everything that
 * follows from it at once (promises, ticks) is over before the next. Nothing else passes time: no process, no network and
 * no timer of the machine takes part, so a seed gives one recording.
 */
export class World {
  nowMs: number
  readonly choices: Choices
  /** Kept when asked for. */
  readonly lines: string[] = []
  readonly #startMs: number
  readonly #keepsLines: boolean
  readonly #hash = createHash('sha256')
  /** A binary heap. */
  readonly #due: Due[] = []
  #scheduled = 0

  constructor(startMs: number, choices: Choices, keepsLines = false) {
    this.#startMs = startMs
    this.nowMs = startMs
    this.choices = choices
    this.#keepsLines = keepsLines
  }

  /** Since the start. */
  get elapsedMs(): number {
    return this.nowMs - this.#startMs
  }

  /** Writes down what happens, for the hash and for a reader. */
  tell(line: string): void {
    const text = `${this.elapsedMs} ${line}\n`
    this.#hash.update(text)
    if (this.#keepsLines) this.lines.push(text)
  }

  /** Of everything that was told. Ends the recording. */
  hash(): string {
    return this.#hash.digest('hex')
  }

  at(atMs: number, happen: () => void): void {
    const due = {
      atMs: Math.ceil(Math.max(atMs, this.nowMs)),
      tie: this.choices.number(`tie ${this.#scheduled++}`),
      happen,
    }
    let index = this.#due.push(due) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#swapIfLater(parent, index)) break
      index = parent
    }
  }

  after(ms: number, happen: () => void): void {
    this.at(this.nowMs + ms, happen)
  }

  /** Until nothing is left to happen, nobody has wanted more for so long, or the time is over. */
  async run(goesOn: () => boolean, untilMs: number, lingersMs = 0): Promise<void> {
    let wantedAtMs = this.nowMs
    for (let next = this.#take(); next !== undefined && next.atMs <= untilMs; next = this.#take()) {
      if (goesOn()) wantedAtMs = next.atMs
      else if (next.atMs >= wantedAtMs + lingersMs) return
      this.nowMs = next.atMs
      next.happen()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #take(): Due | undefined {
    const [first] = this.#due
    const last = this.#due.pop()
    if (first === undefined || last === undefined || this.#due.length === 0) return first
    this.#due[0] = last
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2]
      const earlier = this.#isBefore(right, left) ? right : left
      if (!this.#swapIfLater(index, earlier)) return first
      index = earlier
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#due[one], this.#due[other]]
    if (a === undefined || b === undefined) return false
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie)
  }

  #swapIfLater(upper: number, lower: number): boolean {
    const [a, b] = [this.#due[upper], this.#due[lower]]
    if (a === undefined || b === undefined || !this.#isBefore(lower, upper)) return false
    this.#due[upper] = b
    this.#due[lower] = a
    return true
  }
}
