import type { Clock } from '../../../../shared/clock/index.ts'
import type { FaultOrders } from '../../../emulators/customerio/index.ts'

/** Customer.io is down, by order of a person who wants to see what happens then. */
export class Breakage {
  readonly #orders: FaultOrders
  readonly #clock: Clock
  #standing: { readonly id: number; readonly untilMs: number; readonly cancel: () => void } | undefined

  constructor(orders: FaultOrders, clock: Clock) {
    this.#orders = orders
    this.#clock = clock
  }

  /** When it ends; undefined when it is not broken, or somebody has taken the order back. */
  get untilMs(): number | undefined {
    const standing = this.#standing
    return this.#orders.list().some(({ id }) => id === standing?.id) ? standing?.untilMs : undefined
  }

  /** Answers every request with 503 for so long from now on. */
  begin(ms: number): void {
    this.end()
    const id = this.#orders.add({ on: 'any', fault: { do: 'answer', status: 503 } })
    this.#standing = { id, untilMs: this.#clock.now() + ms, cancel: this.#clock.after(ms, () => this.end()) }
  }

  end(): void {
    if (this.#standing === undefined) return
    this.#standing.cancel()
    this.#orders.remove(this.#standing.id)
    this.#standing = undefined
  }
}
