import type { CallOutcome } from '../../outcome/index.ts'
import type { Window } from '../decide.ts'
import type { Delivery } from '../resolve.ts'
import type { World } from './world.ts'

/** What Customer.io and the network make of one call. */
export interface Call {
  readonly fate:
    | 'delivered'
    | 'answer_lost'
    | 'never_arrived'
    | 'server_error_after'
    | 'server_error_before'
    | 'refused'
    | 'throttled'
  /** From the call to its effect; less than the request's timeout. */
  readonly travelMs: number
  /** From the effect until the list shows it. */
  readonly listedAfterMs: number
}

interface Made {
  readonly id: string
  readonly createdAtMs: number
  readonly key: string
  readonly listedAtMs: number
}

/** Customer.io as far as a transactional message of one template to one person goes: it sends whatever it is asked to. */
export class SimulatedCustomerIO {
  readonly made: Made[] = []
  readonly #world: World
  readonly #clockOffsetMs: number

  constructor(world: World, clockOffsetMs: number) {
    this.#world = world
    this.#clockOffsetMs = clockOffsetMs
  }

  /** What the caller sees within its timeout. */
  async send(key: string, call: Call, timeoutMs: number): Promise<CallOutcome> {
    const { fate, travelMs, listedAfterMs } = call
    await this.#world.after(travelMs)
    if (fate === 'refused') return { kind: 'refused', reason: 'refused', error: 'no such template' }
    if (fate === 'throttled') return { kind: 'retry', cause: 'transient', error: 'HTTP 429' }
    if (fate === 'server_error_before') return { kind: 'uncertain', error: 'HTTP 500' }
    if (fate === 'never_arrived') return await this.#timeOut(timeoutMs - travelMs)
    const nowMs = this.#world.nowMs
    const id = `delivery ${this.made.length}`
    const createdAtMs = Math.floor((nowMs + this.#clockOffsetMs) / 1_000) * 1_000
    this.made.push({ key, id, createdAtMs, listedAtMs: nowMs + listedAfterMs })
    if (fate === 'server_error_after') return { kind: 'uncertain', error: 'HTTP 500' }
    if (fate === 'answer_lost') return await this.#timeOut(timeoutMs - travelMs)
    return { kind: 'delivered', deliveryId: id }
  }

  list(window: Window): readonly Delivery[] {
    const listed = this.made.filter(({ listedAtMs, createdAtMs }) => {
      return listedAtMs <= this.#world.nowMs && createdAtMs >= window.fromMs
    })
    return listed.map(({ id, createdAtMs }) => ({
      id,
      createdAtMs,
      person: 'same',
      template: 'same',
      recipient: 'same',
    }))
  }

  async #timeOut(leftMs: number): Promise<CallOutcome> {
    await this.#world.after(leftMs)
    return { kind: 'uncertain', error: 'timeout' }
  }
}
