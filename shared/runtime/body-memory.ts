/** How much memory the bodies of requests may take, and what each takes of it. */
export interface BodyMemoryOptions {
  /** Bytes of memory for all bodies together. */
  readonly budgetBytes: number
  /** Bytes of memory that one byte of a body takes at most, from its arrival to the answer: raw, as text, parsed, sent on. */
  readonly memoryPerByte: number
  /** A larger body is not read. */
  readonly maxBytes: number
  /**
   * A larger body cannot be delivered, only dead-lettered. Such bodies are let in one at a time, in memory that is kept
   * for them: they crowd nobody out, and nobody crowds them out. By default no body is of that kind.
   */
  readonly deliverableBytes?: number
}

/** The memory that one body takes. */
export interface BodyHold {
  /** Takes memory for a body of so many bytes in all; false when there is not enough now. */
  grow(bytes: number): boolean
  /** Takes so much more memory for what is made of the body; false when there is not enough now. */
  take(memoryBytes: number): boolean
  /** Gives back all that was taken. Calling it again does nothing. */
  release(): void
}

/** Counts the memory that bodies take, so that a process at its limit says so instead of ending. */
export class BodyMemory {
  readonly maxBytes: number
  readonly #memoryPerByte: number
  readonly #deliverableBytes: number
  #free: number
  #oversizeIsIn = false

  constructor({ budgetBytes, memoryPerByte, maxBytes, deliverableBytes = maxBytes }: BodyMemoryOptions) {
    this.maxBytes = maxBytes
    this.#memoryPerByte = memoryPerByte
    this.#deliverableBytes = Math.min(deliverableBytes, maxBytes)
    const kept = this.#deliverableBytes < maxBytes ? maxBytes * memoryPerByte : 0
    this.#free = budgetBytes - kept
    const least = this.#deliverableBytes * memoryPerByte
    if (this.#free < least) throw new RangeError(`a budget of ${budgetBytes} bytes never lets in the largest body`)
  }

  hold(): BodyHold {
    let taken = 0
    let isOversize = false
    const take = (memoryBytes: number) => {
      if (memoryBytes > this.#free) return false
      this.#free -= memoryBytes
      taken += memoryBytes
      return true
    }
    const giveBack = () => {
      this.#free += taken
      taken = 0
    }
    return {
      grow: (bytes) => {
        if (isOversize) return true
        if (bytes > this.#deliverableBytes) {
          if (this.#oversizeIsIn) return false
          this.#oversizeIsIn = true
          isOversize = true
          giveBack()
          return true
        }
        return take(Math.max(0, bytes * this.#memoryPerByte - taken))
      },
      // What cannot be delivered is not parsed.
      take: (memoryBytes) => isOversize || take(memoryBytes),
      release: () => {
        giveBack()
        if (isOversize) this.#oversizeIsIn = false
        isOversize = false
      },
    }
  }
}
