import { Fifo } from './fifo.ts'
import { OrderingLanes } from './ordering.ts'

export type EntryState =
  | 'blocked' // an earlier message of its ordering key comes first
  | 'ready'
  | 'leased'
  | 'waiting' // failed; its back-off is not over
  | 'done'

interface Queued {
  readonly message: { readonly orderingKey: string }
  state: EntryState
}

/** Which message comes next: the one that has been ready longest, of each ordering key only the first that is not done. */
export class DeliveryQueue<Entry extends Queued> {
  readonly #ordered: boolean
  readonly #ready = new Fifo<Entry>()
  readonly #lanes = new OrderingLanes<Entry>((entry) => entry.state === 'done')

  constructor(ordered: boolean) {
    this.#ordered = ordered
  }

  /** A message that is new here. It may be waiting or leased already, and then keeps its place in its lane. */
  add(entry: Entry): void {
    const first = !this.#hasLane(entry) || this.#lanes.add(entry.message.orderingKey, entry)
    if (first && entry.state === 'blocked') this.#enqueue(entry)
  }

  /** A message that may be delivered again: at once, or when those before it are done. */
  offer(entry: Entry): void {
    if (this.#hasLane(entry) && !this.#lanes.isFirst(entry.message.orderingKey, entry)) entry.state = 'blocked'
    else this.#enqueue(entry)
  }

  next(): Entry | undefined {
    let entry = this.#ready.shift()
    while (entry !== undefined && entry.state !== 'ready') entry = this.#ready.shift()
    return entry
  }

  /** The message is done: the next one of its key may go. */
  finished(entry: Entry): void {
    if (!this.#hasLane(entry)) return
    const next = this.#lanes.advance(entry.message.orderingKey, entry)
    if (next?.state === 'blocked') this.#enqueue(next)
  }

  clear(): void {
    this.#ready.clear()
    this.#lanes.clear()
  }

  #hasLane(entry: Entry): boolean {
    return this.#ordered && entry.message.orderingKey !== ''
  }

  #enqueue(entry: Entry): void {
    entry.state = 'ready'
    this.#ready.push(entry)
  }
}
