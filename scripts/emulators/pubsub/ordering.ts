import { Fifo } from './fifo.ts'

/**
 * One lane for each ordering key: only its first message may be delivered, the next one after that is acknowledged.
 * Nothing overtakes, so a redelivery is followed by the later messages of the key in their order.
 */
export class OrderingLanes<Item> {
  readonly #lanes = new Map<string, Fifo<Item>>()
  readonly #isDone: (item: Item) => boolean

  constructor(isDone: (item: Item) => boolean) {
    this.#isDone = isDone
  }

  /** Puts the item at the end of its lane; true when it is the first, so that it may be delivered. */
  add(key: string, item: Item): boolean {
    const lane = this.#lanes.get(key) ?? new Fifo<Item>()
    this.#lanes.set(key, lane)
    lane.push(item)
    return lane.length === 1
  }

  isFirst(key: string, item: Item): boolean {
    return this.#lanes.get(key)?.peek() === item
  }

  /** To be called when an item is done: the item that has become the first of its lane, if there is one. */
  advance(key: string, done: Item): Item | undefined {
    const lane = this.#lanes.get(key)
    // An item in the middle (acknowledged by a seek, or out of retention) is skipped when the lane comes to it.
    if (lane === undefined || lane.peek() !== done) return undefined
    let first = lane.peek()
    while (first !== undefined && this.#isDone(first)) {
      lane.shift()
      first = lane.peek()
    }
    if (first === undefined) this.#lanes.delete(key)
    return first
  }

  clear(): void {
    this.#lanes.clear()
  }
}
