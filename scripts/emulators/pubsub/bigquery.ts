import type { EventEmitter } from 'node:events'
import type { Clock } from './clock.ts'
import type { PubSubEvents } from './events.ts'
import type { Consumer, Lease } from './lease.ts'
import type { BigQuerySettings } from './settings.ts'
import type { Subscription } from './subscription.ts'

/**
 * Appends rows (parsed JSON) to a table, `project.dataset.table`, as the Storage Write API does. Resolves with why rows
 * were refused, by their index; the others are stored. Rejects when nothing was.
 */
export type AppendRows = (
  table: string,
  rows: readonly unknown[],
  options: { readonly dropUnknown: boolean },
) => Promise<ReadonlyMap<number, string>>

export interface BigQueryOptions {
  readonly clock: Clock
  readonly events: EventEmitter<PubSubEvents>
  readonly append: AppendRows
}

const MOST_ROWS = 500
/** Between two writes: an append takes DuckDB milliseconds, however few its rows, in which nothing else of this process runs. */
const REST_MS = 50

/** Writes a subscription's messages to a table, each as one row, by the table's schema. */
export class BigQueryConsumer implements Consumer {
  readonly ackDeadlineMs = undefined
  readonly #subscription: Subscription
  readonly #settings: BigQuerySettings
  readonly #options: BigQueryOptions
  #waiting: Lease[] = []
  #writing = false
  #cancelRest = () => {}
  #closed = false

  constructor(subscription: Subscription, settings: BigQuerySettings, options: BigQueryOptions) {
    this.#subscription = subscription
    this.#settings = settings
    this.#options = options
  }

  hasRoom(): boolean {
    return !this.#closed && this.#waiting.length < MOST_ROWS
  }

  deliver(lease: Lease): void {
    this.#waiting.push(lease)
    // What is offered in the same turn leaves together.
    if (this.#waiting.length === 1 && !this.#writing) setImmediate(() => void this.#write())
  }

  released(): void {}

  closed(): void {
    this.#closed = true
    this.#cancelRest()
  }

  async #write(): Promise<void> {
    this.#writing = true
    while (this.#waiting.length > 0 && !this.#closed) {
      const leases = this.#waiting
      this.#waiting = []
      const failures = await this.#append(leases)
      if (this.#closed) return
      for (const lease of leases) this.#settle(lease, failures.get(lease))
      this.#subscription.wake()
      await this.#rest()
    }
    this.#writing = false
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#cancelRest = this.#options.clock.schedule(resolve, REST_MS)
    })
  }

  /** Why messages could not be written. */
  async #append(leases: readonly Lease[]): Promise<ReadonlyMap<Lease, string>> {
    const failures = new Map<Lease, string>()
    const rows: { readonly lease: Lease; readonly row: unknown }[] = []
    for (const lease of leases) {
      try {
        const row = this.#rowOf(lease)
        if (row !== undefined) rows.push({ lease, row })
      } catch (error) {
        failures.set(lease, String(error))
      }
    }
    if (rows.length === 0) return failures
    const { table, dropUnknown } = this.#settings
    try {
      const refused = await this.#options.append(
        table,
        rows.map(({ row }) => row),
        { dropUnknown },
      )
      for (const [index, { lease }] of rows.entries()) {
        const why = refused.get(index)
        if (why !== undefined) failures.set(lease, why)
      }
    } catch (error) {
      for (const { lease } of rows) failures.set(lease, String(error))
    }
    return failures
  }

  /** Undefined for what the transform filters out. */
  #rowOf({ message }: Lease): unknown {
    const { transform } = this.#settings
    if (transform === undefined) return JSON.parse(message.data.toString('utf8'))
    const transformed = transform(message)
    return transformed === null ? undefined : JSON.parse(transformed.data)
  }

  #settle(lease: Lease, failure: string | undefined): void {
    this.#options.events.emit('delivered', {
      subscription: this.#subscription.name,
      messageId: lease.message.id,
      attempt: lease.attempt,
      via: 'bigquery',
      ...(failure !== undefined && { failure }),
    })
    if (failure === undefined) this.#subscription.acknowledge(lease.ackId)
    else this.#subscription.modifyDeadline(lease.ackId, 0)
  }
}
