import { createHash } from 'node:crypto'
import type { Hour } from './part.ts'

/** Several hours of one seed, one after the other. */
export interface Recording {
  readonly seed: number
  readonly hours: number
  /** And webhooks. */
  readonly messages: number
  readonly faults: number
  /** Of everything that happened. */
  readonly hash: string
}

/** Records hours: the same hours in the same order give the same hash. */
export class Tape {
  hours = 0
  #messages = 0
  #faults = 0
  readonly #seed: number
  readonly #hash = createHash('sha256')

  constructor(seed: number) {
    this.#seed = seed
  }

  /** @param parts of one hour */
  add(parts: readonly Hour[]): void {
    this.hours++
    for (const { hash, ops, faults } of parts) {
      this.#messages += ops.length
      this.#faults += faults.length
      this.#hash.update(hash)
    }
  }

  /** What it has by now. */
  recording(): Recording {
    const hash = this.#hash.copy().digest('hex')
    return { seed: this.#seed, hours: this.hours, messages: this.#messages, faults: this.#faults, hash }
  }
}
