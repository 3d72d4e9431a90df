import type { Clock } from '../clock/index.ts'
import { type Keyed, KeyLines } from './key-lines.ts'

/** Why an item was not even tried. */
export type BusyReason = 'queue_full' | 'key_flooded' | 'waited_too_long' | 'waited_for_its_key'

/** Whether only others of its key were in its way. */
export function isOfItsKey(reason: BusyReason): boolean {
  return reason === 'key_flooded' || reason === 'waited_for_its_key'
}

export interface BatchLimits {
  /** Items in one batch. */
  readonly maxItems: number
  /** Sum of `sizeOf` over one batch. */
  readonly maxBytes: number
  /** An item above it never enters a batch. */
  readonly maxItemBytes: number
  /** Batches under way at the same time. */
  readonly maxInFlight: number
  /** An item that waited longer is given back as busy, before its caller's own deadline passes. */
  readonly maxWaitMs: number
  /** Items waiting; one more is given back as busy at once. */
  readonly maxQueueItems: number
  /**
   * Items waiting for another of their key, of one key half as many; one more is given back as busy at once. Every waiting
   * item is a request that is being held: without this bound one key would take all the places of the instance.
   */
  readonly maxBlockedItems: number
}

export interface CoalescerOptions<T, R> {
  readonly limits: BatchLimits
  /** Bytes that the item takes in a batch (UTF-8). */
  readonly sizeOf: (item: T) => number
  /** Two items that share a key are never in one batch nor in flight together, and keep their order. None by default. */
  readonly conflictKeys?: (item: T) => readonly string[]
  /** Sends a batch: one result per item, in order. Must settle in bounded time: it has its own timeout. */
  readonly send: (items: readonly T[]) => Promise<readonly R[]>
  /**
   * Items that may be what made their batches fail. They leave apart from the others, one batch of them at a time: first
   * a single one, twice as many after each batch that came back without a failure, and again a single one after one that
   * did not. Once they fill a batch, as many are under way at a time as of the others. So the item that fails takes few
   * others with it, and the backlog of an outage, where all are suspects, is not slow.
   */
  readonly suspects?: { readonly isSuspect: (item: T) => boolean; readonly isFailure: (result: R) => boolean }
  /**
   * A batch that is not full leaves this long after the one before, and does not wait for that to come back: requests that
   * are quickly answered still carry several items, and one that is not holds up nobody. By default there is no such
   * time, and a batch that is not full waits until another has come back.
   */
  readonly spacingMs?: number
  /** Items that have another place to wait: of one key at most `maxBlocked` may wait here for another, instead of half of all. */
  readonly movable?: { readonly isMovable: (item: T) => boolean; readonly maxBlocked: number }
  /** The result of an item that was not tried. */
  readonly busy: (reason: BusyReason, item: T) => R
  /** The result of an item above `maxItemBytes`. */
  readonly tooLarge: (item: T) => R
  /** The result of every item of a batch whose `send` threw or did not give one result per item. */
  readonly onError: (error: unknown) => R
  /** Never going back: `steadyClock`. */
  readonly clock: Clock
}

const NO_KEYS: readonly string[] = []

function unique(keys: readonly string[]): readonly string[] {
  return keys.length <= 1 ? keys : [...new Set(keys)]
}

interface Entry<T, R> extends Keyed {
  readonly item: T
  readonly bytes: number
  readonly lane: Lane<T, R>
  readonly deadlineMs: number
  readonly resolve: (result: R) => void
}

/** Entries that may leave, in the order in which they came to be so. */
interface Lane<T, R> {
  readonly ready: Set<Entry<T, R>>
  bytes: number
}

/**
 * Group commit. With nothing in flight an item is sent at once, so an idle system pays no latency; while a request is
 * under way items gather, and leave together when it returns, or earlier once they fill a batch and fewer than
 * `maxInFlight` are under way. The batch grows by itself with the load.
 *
 * Of each key only the first in line may leave. Who waits for another of its key holds nobody else up, and too many of
 * them are given back at once.
 *
 * There is no timer but that of `spacingMs`. The queue is looked at on every `submit` and whenever a batch returns; an
 * item that has waited longer than `maxWaitMs` by the clock is then given back as busy. That is enough on a platform that
 * throttles the CPU between requests: a timer would not run either, every waiting item is a request that is being held,
 * and while anything waits at least one batch is in flight, which `send` promises to end.
 */
export class Coalescer<T, R> {
  readonly #options: CoalescerOptions<T, R>
  readonly #now: () => number
  /** Whatever waits, oldest first. */
  readonly #waiting = new Set<Entry<T, R>>()
  readonly #lines = new KeyLines<Entry<T, R>>()
  readonly #trusted: Lane<T, R> = { ready: new Set(), bytes: 0 }
  readonly #suspects: Lane<T, R> = { ready: new Set(), bytes: 0 }
  /** Nothing waits that is over its time before. */
  #nextExpiryMs = Number.NEGATIVE_INFINITY
  #inFlight = 0
  /** Batches of suspects under way. */
  #suspectsInFlight = 0
  #suspectsWentLast = false
  /** How many suspects leave together. */
  #suspectsPerBatch = 1
  /** A part-filled batch may leave although others are under way: one of them has come back. */
  #returned = false
  /** For `spacingMs` after a batch, which a full one meanwhile does not prolong. */
  #resting = false

  /** Throws a RangeError on a limit that is not a positive number. */
  constructor(options: CoalescerOptions<T, R>) {
    for (const [name, limit] of Object.entries(options.limits)) {
      if (!(limit > 0)) throw new RangeError(`Coalescer: ${name} must be a positive number, not ${limit}`)
    }
    this.#options = options
    this.#now = options.clock.now
  }

  /** Items that wait, not counting those in flight. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Batches under way. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Resolves with the result of this item alone. Rejects only when a function of the options throws. */
  submit(item: T): Promise<R> {
    const { limits, sizeOf, conflictKeys, suspects, tooLarge, busy } = this.#options
    return new Promise<R>((resolve) => {
      const bytes = sizeOf(item)
      if (bytes > limits.maxItemBytes) {
        resolve(tooLarge(item))
        return
      }
      const keys = conflictKeys === undefined ? NO_KEYS : unique(conflictKeys(item))
      const lane = suspects?.isSuspect(item) ? this.#suspects : this.#trusted
      this.#giveBackExpired()
      const full = this.#whyFull(item, keys)
      if (full !== undefined) {
        resolve(busy(full, item))
        return
      }
      this.#enter({ item, bytes, keys, lane, deadlineMs: this.#now() + limits.maxWaitMs, resolve, blockedBy: 0 })
      this.#leave()
    })
  }

  #whyFull(item: T, keys: readonly string[]): BusyReason | undefined {
    const { limits, movable } = this.#options
    if (this.#waiting.size >= limits.maxQueueItems) return 'queue_full'
    const inLine = this.#lines.longest(keys)
    const maxBlocked = movable?.isMovable(item) ? movable.maxBlocked : limits.maxBlockedItems / 2
    const flooded = inLine > 0 && (this.#lines.blocked >= limits.maxBlockedItems || inLine > maxBlocked)
    return flooded ? 'key_flooded' : undefined
  }

  #enter(entry: Entry<T, R>): void {
    this.#waiting.add(entry)
    this.#lines.add(entry)
    if (entry.blockedBy === 0) this.#makeReady(entry)
  }

  #makeReady(entry: Entry<T, R>): void {
    entry.lane.ready.add(entry)
    entry.lane.bytes += entry.bytes
  }

  /** Lets those behind an entry that is over move up. */
  #end(entry: Entry<T, R>): void {
    for (const next of this.#lines.remove(entry)) this.#makeReady(next)
  }

  /** Sends what may leave now. */
  #leave(): void {
    const { maxItems, maxBytes, maxInFlight } = this.#options.limits
    const [trusted, suspects] = [this.#trusted, this.#suspects]
    const mayLeave = ({ ready, bytes }: Lane<T, R>) =>
      ready.size > 0 && (ready.size >= maxItems || bytes >= maxBytes || this.#isDue())
    while (this.#inFlight < maxInFlight) {
      const cleared = this.#suspectsPerBatch >= maxItems
      const suspectsMayLeave = cleared ? mayLeave(suspects) : suspects.ready.size > 0 && this.#suspectsInFlight === 0
      if (suspectsMayLeave && !(this.#suspectsWentLast && trusted.ready.size > 0)) {
        this.#suspectsWentLast = true
        if (cleared) this.#left()
        void this.#sendSuspects()
        continue
      }
      if (!mayLeave(trusted)) break
      this.#suspectsWentLast = false
      this.#left()
      void this.#send(this.#takeBatch(trusted, maxItems))
    }
    this.#returned = false
  }

  #left(): void {
    this.#returned = false
    this.#rest()
  }

  /** Whether a batch that is not full may leave. */
  #isDue(): boolean {
    return this.#options.spacingMs === undefined ? this.#returned || this.#inFlight === 0 : !this.#resting
  }

  #rest(): void {
    const { spacingMs, clock } = this.#options
    if (spacingMs === undefined || this.#resting) return
    this.#resting = true
    clock.after(spacingMs, () => {
      this.#resting = false
      this.#giveBackExpired()
      this.#leave()
    })
  }

  #takeBatch(lane: Lane<T, R>, maxItems: number): Entry<T, R>[] {
    const batch: Entry<T, R>[] = []
    let bytes = 0
    for (const entry of lane.ready) {
      if (batch.length > 0 && (batch.length >= maxItems || bytes + entry.bytes > this.#options.limits.maxBytes)) break
      bytes += entry.bytes
      batch.push(entry)
    }
    for (const entry of batch) this.#stopWaiting(entry)
    return batch
  }

  #stopWaiting(entry: Entry<T, R>): void {
    this.#waiting.delete(entry)
    if (entry.lane.ready.delete(entry)) entry.lane.bytes -= entry.bytes
  }

  async #sendSuspects(): Promise<void> {
    this.#suspectsInFlight++
    const { suspects, limits } = this.#options
    const most = this.#suspectsPerBatch
    await this.#send(this.#takeBatch(this.#suspects, most), (results) => {
      this.#suspectsInFlight--
      if (results.some((result) => suspects?.isFailure(result))) this.#suspectsPerBatch = 1
      // One that left before another failed says nothing of those that leave now.
      else if (most === this.#suspectsPerBatch) this.#suspectsPerBatch = Math.min(limits.maxItems, most * 2)
    })
  }

  async #send(batch: readonly Entry<T, R>[], onResults: (results: readonly R[]) => void = () => {}): Promise<void> {
    this.#inFlight++
    const results = await this.#resultsOf(batch)
    this.#inFlight--
    onResults(results)
    this.#giveBackExpired()
    for (const entry of batch) this.#end(entry)
    for (const [index, result] of results.entries()) batch[index]?.resolve(result)
    this.#returned = true
    this.#leave()
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

  /** All wait the same time at most, so those over it are the oldest. */
  #giveBackExpired(): void {
    const { limits, busy } = this.#options
    const nowMs = this.#now()
    if (nowMs < this.#nextExpiryMs) return
    this.#nextExpiryMs = nowMs + limits.maxWaitMs
    for (const entry of this.#waiting) {
      if (entry.deadlineMs > nowMs) {
        this.#nextExpiryMs = entry.deadlineMs
        return
      }
      const reason = entry.blockedBy > 0 ? 'waited_for_its_key' : 'waited_too_long'
      this.#stopWaiting(entry)
      this.#end(entry)
      entry.resolve(busy(reason, entry.item))
    }
  }
}
