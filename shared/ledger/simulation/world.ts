import type { Clock } from '../../clock/index.ts'

/** What happens to a process at one of its steps, that is before it asks for something or when the answer is there. */
export type Mishap = { readonly kind: 'crash' } | { readonly kind: 'freeze'; readonly ms: number }

/** Virtual time: things happen in the order of their times, and everything that follows at once is over before the next. */
export class World {
  nowMs: number
  readonly #agenda: { readonly atMs: number; readonly order: number; readonly happen: () => void }[] = []
  #order = 0

  constructor(startMs: number) {
    this.nowMs = startMs
  }

  at(atMs: number, happen: () => void): void {
    this.#agenda.push({ atMs, order: this.#order++, happen })
  }

  after(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.nowMs + ms, resolve))
  }

  /** Until nothing is left to happen. */
  async run(): Promise<void> {
    for (;;) {
      this.#agenda.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
      const next = this.#agenda.shift()
      if (next === undefined) return
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.happen()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

/** One process: its clock is off, it can freeze at any step, and it can die at any step, of which nobody is told. */
export class Process {
  readonly #world: World
  readonly #clockOffsetMs: number
  readonly #mishaps: ReadonlyMap<number, Mishap>
  #steps = 0

  /** `mishaps` by the number of the step. */
  constructor(world: World, clockOffsetMs: number, mishaps: ReadonlyMap<number, Mishap>) {
    this.#world = world
    this.#clockOffsetMs = clockOffsetMs
    this.#mishaps = mishaps
  }

  /** Its own. */
  readonly clock: Clock = {
    now: () => this.#world.nowMs + this.#clockOffsetMs,
    after: (ms, work) => {
      let isCancelled = false
      this.#world.at(this.#world.nowMs + ms, () => {
        if (!isCancelled) work()
      })
      return () => {
        isCancelled = true
      }
    },
  }

  /** Asks somebody else: `answer` goes on whatever becomes of this process, which may not be there to hear it. */
  async ask<T>(answer: () => Promise<T>): Promise<T> {
    await this.#step()
    return await this.#hear(answer())
  }

  /** Asks too, but what happens between the decision to ask and the question is given. */
  async askAfterFreeze<T>(freezeMs: number, answer: () => Promise<T>): Promise<T> {
    await this.#world.after(freezeMs)
    return await this.#hear(answer())
  }

  async #hear<T>(answer: Promise<T>): Promise<T> {
    const value = await answer
    await this.#step()
    return value
  }

  async #step(): Promise<void> {
    const mishap = this.#mishaps.get(this.#steps++)
    if (mishap?.kind === 'crash') await new Promise(() => {})
    if (mishap?.kind === 'freeze') await this.#world.after(mishap.ms)
  }
}
