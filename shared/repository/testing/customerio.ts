import type { Observation } from '../choice.ts'

/**
 * Customer.io as far as one person's one switch goes. It orders attribute updates by their timestamp, takes what a
 * person does on its own pages at once, and reports every time that the attribute was set: with the delivery when
 * there was one, and always without.
 */
export class SwitchAtCustomerIo {
  value: boolean | undefined
  #at = Number.NEGATIVE_INFINITY
  readonly webhooks: Observation[] = []

  /** An identify message arrives. */
  identify(value: boolean, timestamp: number, now: number): void {
    if (timestamp < this.#at) return
    this.#set(value, timestamp)
    this.webhooks.push({ value, at: now, source: 'unattributed' })
  }

  /** Somebody changes it at Customer.io: by a link in a message, or on a page that names no message. */
  change(value: boolean, now: number, by: 'click' | 'page'): void {
    this.#set(value, now)
    this.webhooks.push({ value, at: now, source: 'unattributed' })
    if (by === 'click') this.webhooks.push({ value, at: now, source: 'click' })
  }

  #set(value: boolean, at: number): void {
    this.value = value
    this.#at = at
  }
}
