import { OldestFirst } from './oldest-first.ts'

/** Why an item was not even tried. */
export type BusyReason = 'queue_full' | 'waited_too_long'

export interface CoalescerLimits {
  /** Items in one batch. */
  readonly maxItems: number
  /** Sum of `sizeOf` over one batch. */
  readonly maxBytes: number
  /** An item above it never enters a batch. */
  readonly maxItemBytes: number
  /** Batches under way at the same time. */
  readonly maxInFlight: number
  /** An item that waited longer is given back as busy, before its caller's own deadline passes. */
  readonly maxQueueWaitMs: number
  /** Items waiting; one more is given back as busy at once. */
  readonly maxQueueLength: number
}

/** Customer.io takes 500 kB a batch and 32 kB an item and does not say whether kB is 1,000 or 1,024 bytes: below both, with room for the envelope. */
const DEFAULT_LIMITS: CoalescerLimits = {
  maxItems: 100,
  maxBytes: 450_000,
  maxItemBytes: 30_000,
  maxInFlight: 4,
  maxQueueWaitMs: 10_000,
  maxQueueLength: 10_000,
}

export interface CoalescerOptions<T, R> extends Partial<CoalescerLimits> {
  /** Bytes that the item takes in a batch (UTF-8). */
  readonly sizeOf: (item: T) => number
  /** Two items that share a key are never in one batch nor in flight together, and keep their order. None by default. */
  readonly conflictKeys?: (item: T) => readonly string[]
  /** Sends a batch: one result an item, in order. Must settle in bounded time: it has its own timeout. */
  readonly send: (items: readonly T[]) => Promise<readonly R[]>
  /**
   * A batch that is not full leaves so long after the one before, and does not wait for that to come back: requests that
   * are quickly answered still carry several items, and one that is not holds up nobody. By default there is no such
   * time, and a batch that is not full waits until another has come back.
   */
  readonly spacingMs?: number
  /** The result of an item that was not tried. */
  readonly busy: (reason: BusyReason) => R
  /** The result of an item above `maxItemBytes`. */
  readonly tooLarge: (item: T) => R
  /** The result of every item of a batch whose `send` threw or did not give one result an item. */
  readonly onError: (error: unknown) => R
  /** Milliseconds; any epoch. */
  readonly now: () => number
}

interface Entry<T, R> {
  readonly item: T
  readonly sequence: number
  readonly bytes: number
  readonly keys: readonly string[]
  readonly submittedAtMs: number
  readonly resolve: (result: R) => void
  /** Earlier entries that share a key with this one and are not over. */
  blockers: number
  /** Later entries of which this one is a blocker: for each key only the next in line. */
  readonly followers: Entry<T, R>[]
  /** `gone`: given back as busy. It keeps its place in line until those before it are over, so that those behind it cannot overtake them. */
  state: 'waiting' | 'sent' | 'gone'
}

/**
 * Group commit. With nothing in flight an item is sent at once, so an idle system pays no latency; while a request is
 * under way items gather, and leave together when it returns, or earlier once they fill a batch and fewer than
 * `maxInFlight` are under way. The batch grows by itself with the load.
 *
 * There is no timer but that of `spacingMs`, which every item that it holds up keeps running. The queue is looked at on every `submit` and whenever a batch returns; an item that has waited
 * longer than `maxQueueWaitMs` by the clock is then given back as busy. That is enough on a platform that throttles
 * the CPU between requests: a timer would not run either, every waiting item is a request that is being held, and while
 * anything waits at least one batch is in flight, which `send` promises to end.
 *
 * The oldest item that conflicts with nothing goes first; items that wait for another of their key hold nobody else up.
 * Every operation is O(log n) an item, however many items share a key.
 */
export class Coalescer<T, R> {
  readonly #options: CoalescerOptions<T, R> & CoalescerLimits
  /** Entries that conflict with nothing, and perhaps some that are gone. */
  #ready = new OldestFirst<Entry<T, R>>()
  #readyItems = 0
  #readyBytes = 0
  /** All that ever waited, oldest first from `#oldest` on: who is over its time is found here. */
  #line: Entry<T, R>[] = []
  #oldest = 0
  /** The last entry in line for each key. */
  readonly #last = new Map<string, Entry<T, R>>()
  #sequence = 0
  #waiting = 0
  #inFlight = 0
  /** A part-filled batch may leave although others are under way: one of them has come back. */
  #returned = false
  /** For `spacingMs` after a batch, which a full one meanwhile does not prolong. */
  #resting = false
  #onIdle: (() => void)[] = []

  /** Throws a RangeError on a limit that is not a positive number. */
  constructor(options: CoalescerOptions<T, R>) {
    this.#options = { ...DEFAULT_LIMITS, ...options }
    for (const name of Object.keys(DEFAULT_LIMITS) as (keyof CoalescerLimits)[]) {
      const limit = this.#options[name]
      if (!(limit > 0)) throw new RangeError(`Coalescer: ${name} must be a positive number, not ${limit}`)
    }
  }

  /** Items that wait, not counting those in flight. */
  get waiting(): number {
    return this.#waiting
  }

  /** Batches under way. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Resolves with the result of this item alone. Rejects only when `sizeOf` or `conflictKeys` throws. */
  submit(item: T): Promise<R> {
    const { sizeOf, conflictKeys, tooLarge, busy, maxItemBytes, maxQueueLength, now } = this.#options
    return new Promise<R>((resolve) => {
      const bytes = sizeOf(item)
      if (bytes > maxItemBytes) {
        resolve(tooLarge(item))
        return
      }
      const keys = [...new Set(conflictKeys?.(item))]
      this.#giveBackExpired()
      if (this.#waiting >= maxQueueLength) {
        resolve(busy('queue_full'))
        return
      }
      const sequence = this.#sequence++
      this.#enter({
        item,
        sequence,
        bytes,
        keys,
        submittedAtMs: now(),
        resolve,
        blockers: 0,
        followers: [],
        state: 'waiting',
      })
      this.#leave()
    })
  }

  /** Resolves when nothing waits and nothing is in flight. Items may still be submitted meanwhile; they are waited for too. */
  async idle(): Promise<void> {
    while (this.#waiting > 0 || this.#inFlight > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve))
  }

  #enter(entry: Entry<T, R>): void {
    this.#waiting++
    this.#line.push(entry)
    for (const key of entry.keys) {
      const before = this.#last.get(key)
      if (before !== undefined) {
        before.followers.push(entry)
        entry.blockers++
      }
      this.#last.set(key, entry)
    }
    if (entry.blockers === 0) this.#makeReady(entry)
  }

  #makeReady(entry: Entry<T, R>): void {
    this.#ready.push(entry)
    this.#readyItems++
    this.#readyBytes += entry.bytes
  }

  /** Sends what may leave now. */
  #leave(): void {
    const { maxItems, maxBytes, maxInFlight, spacingMs } = this.#options
    while (this.#readyItems > 0 && this.#inFlight < maxInFlight) {
      const full = this.#readyItems >= maxItems || this.#readyBytes >= maxBytes
      const due = spacingMs === undefined ? this.#returned || this.#inFlight === 0 : !this.#resting
      if (!full && !due) return
      this.#returned = false
      this.#rest()
      void this.#send(this.#takeBatch())
    }
    if (this.#readyItems === 0) this.#returned = false
  }

  #rest(): void {
    const { spacingMs } = this.#options
    if (spacingMs === undefined || this.#resting) return
    this.#resting = true
    setTimeout(() => {
      this.#resting = false
      this.#giveBackExpired()
      this.#leave()
      this.#tellIdle()
    }, spacingMs)
  }

  #takeBatch(): Entry<T, R>[] {
    const { maxItems, maxBytes } = this.#options
    const batch: Entry<T, R>[] = []
    let bytes = 0
    while (batch.length < maxItems) {
      const next = this.#ready.peek()
      if (next === undefined) break
      if (next.state === 'waiting') {
        if (batch.length > 0 && bytes + next.bytes > maxBytes) break
        next.state = 'sent'
        bytes += next.bytes
        batch.push(next)
        this.#waiting--
        this.#readyItems--
        this.#readyBytes -= next.bytes
      }
      this.#ready.pop()
    }
    return batch
  }

  async #send(batch: readonly Entry<T, R>[]): Promise<void> {
    this.#inFlight++
    const results = await this.#resultsOf(batch)
    this.#inFlight--
    this.#giveBackExpired()
    for (const entry of batch) this.#over(entry)
    for (const [index, result] of results.entries()) batch[index]?.resolve(result)
    this.#returned = true
    this.#leave()
    this.#tellIdle()
  }

  #tellIdle(): void {
    if (this.#waiting > 0 || this.#inFlight > 0) return
    const waiters = this.#onIdle
    this.#onIdle = []
    for (const resolve of waiters) resolve()
  }

  async #resultsOf(batch: readonly Entry<T, R>[]): Promise<readonly R[]> {
    const { send, onError } = this.#options
    try {
      const results = await send(batch.map((entry) => entry.item))
      if (results.length === batch.length) return results
      throw new Error(`a batch of ${batch.length} items was answered with ${results.length} results`)
    } catch (error) {
      return batch.map(() => onError(error))
    }
  }

  /** All wait the same time at most, so those over it are the oldest in line. */
  #giveBackExpired(): void {
    const { maxQueueWaitMs, now, busy } = this.#options
    const before = now() - maxQueueWaitMs
    for (;;) {
      const entry = this.#line[this.#oldest]
      if (entry === undefined) break
      if (entry.state === 'waiting') {
        if (entry.submittedAtMs > before) break
        entry.state = 'gone'
        this.#waiting--
        if (entry.blockers === 0) {
          this.#readyItems--
          this.#readyBytes -= entry.bytes
          this.#over(entry)
        }
        entry.resolve(busy('waited_too_long'))
      }
      this.#oldest++
    }
    // Nothing that is over stays in memory: cut off when it is the larger part, so that an item is moved twice at most.
    if (this.#oldest * 2 >= this.#line.length) {
      this.#line = this.#line.slice(this.#oldest)
      this.#oldest = 0
    }
    if (this.#readyItems === 0 && this.#ready.size > 0) this.#ready = new OldestFirst()
  }

  /** Lets those behind a finished entry move up; one that is gone by then is over as well, and so on. */
  #over(finished: Entry<T, R>): void {
    const finishing = [finished]
    for (let entry = finishing.pop(); entry !== undefined; entry = finishing.pop()) {
      for (const key of entry.keys) if (this.#last.get(key) === entry) this.#last.delete(key)
      for (const follower of entry.followers) {
        follower.blockers--
        if (follower.blockers > 0) continue
        if (follower.state === 'gone') finishing.push(follower)
        else this.#makeReady(follower)
      }
    }
  }
}
