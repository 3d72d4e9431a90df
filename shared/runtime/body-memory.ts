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

/** What all bodies share. */
interface Budget {
  readonly memoryPerByte: number
  readonly deliverableBytes: number
  freeBytes: number
  oversizeIsIn: boolean
}

/** The memory that one body takes. */
export class BodyHold {
  readonly #budget: Budget
  #takenBytes = 0
  #isOversize = false

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /** Takes memory for a body of so many bytes in all; false when there is not enough now. */
  grow(bytes: number): boolean {
    if (this.#isOversize) return true
    const { deliverableBytes, memoryPerByte, oversizeIsIn } = this.#budget
    if (bytes <= deliverableBytes) return this.#take(Math.max(0, bytes * memoryPerByte - this.#takenBytes))
    if (oversizeIsIn) return false
    this.#budget.oversizeIsIn = true
    this.#isOversize = true
    this.#giveBack()
    return true
  }

  /** Takes so much more memory for what is made of the body; false when there is not enough now. */
  take(memoryBytes: number): boolean {
    // What cannot be delivered is not parsed.
    return this.#isOversize || this.#take(memoryBytes)
  }

  /** Gives back all that was taken. Calling it again does nothing. */
  release(): void {
    this.#giveBack()
    if (this.#isOversize) this.#budget.oversizeIsIn = false
    this.#isOversize = false
  }

  #take(memoryBytes: number): boolean {
    if (memoryBytes > this.#budget.freeBytes) return false
    this.#budget.freeBytes -= memoryBytes
    this.#takenBytes += memoryBytes
    return true
  }

  #giveBack(): void {
    this.#budget.freeBytes += this.#takenBytes
    this.#takenBytes = 0
  }
}

/** Counts the memory that bodies take, so that a process at its limit says so instead of ending. */
export class BodyMemory {
  readonly maxBytes: number
  readonly #budget: Budget

  constructor({ budgetBytes, memoryPerByte, maxBytes, deliverableBytes: most = maxBytes }: BodyMemoryOptions) {
    const deliverableBytes = Math.min(most, maxBytes)
    const kept = deliverableBytes < maxBytes ? maxBytes * memoryPerByte : 0
    const freeBytes = budgetBytes - kept
    if (freeBytes < deliverableBytes * memoryPerByte)
      throw new RangeError(`a budget of ${budgetBytes} bytes never lets in the largest body`)
    this.maxBytes = maxBytes
    this.#budget = { memoryPerByte, deliverableBytes, freeBytes, oversizeIsIn: false }
  }

  hold(): BodyHold {
    return new BodyHold(this.#budget)
  }
}
