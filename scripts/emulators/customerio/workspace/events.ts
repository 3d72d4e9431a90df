import type { JsonObject } from '../json.ts'
import type { EventAction, Identifier } from '../track/operations.ts'
import { APPLIED, type Applied, ignored } from './people.ts'

/** One event as Customer.io counts it: however often it was received, an `id` makes it one. */
export interface EventRecord {
  readonly id?: string
  readonly action: EventAction
  readonly name: string
  readonly who: Identifier
  readonly attributes: JsonObject
  /** Unix seconds, as sent. */
  readonly timestamp?: number
  readonly receivedAtMs: number
  /** How often it was received: more than 1 is a redelivery that Customer.io ignored. */
  receipts: number
}

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i

/** Which ids de-duplicate, and for how long. */
export interface EventIds {
  /** For good if it is undefined. */
  readonly eventIdWindowMs?: number | undefined
  /** Also those that are no ULIDs. */
  readonly knowsOtherIds?: boolean
}

/**
 * The events of a workspace. One whose `id` is a ULID that was seen before is ignored; an `id` that is no ULID is
 * kept but does not de-duplicate, since Customer.io promises that for ULIDs only, unless it was observed that it does.
 */
export class EventLog {
  readonly #records: EventRecord[] = []
  readonly #byId = new Map<string, EventRecord>()
  #received = 0
  readonly #ids: EventIds

  constructor(ids: EventIds = {}) {
    this.#ids = ids
  }

  add(event: Omit<EventRecord, 'receipts'>): Applied {
    this.#received++
    const seen = event.id === undefined ? undefined : this.#byId.get(event.id)
    const { eventIdWindowMs = Number.POSITIVE_INFINITY, knowsOtherIds = false } = this.#ids
    if (seen !== undefined && event.receivedAtMs - seen.receivedAtMs <= eventIdWindowMs) {
      seen.receipts++
      return ignored('duplicate')
    }
    const record = { ...event, receipts: 1 }
    this.#records.push(record)
    if (event.id !== undefined && (knowsOtherIds || ULID.test(event.id))) this.#byId.set(event.id, record)
    return APPLIED
  }

  /** Events received, each receipt counted. */
  get received(): number {
    return this.#received
  }

  /** Events counted once each, in the order in which they first arrived. */
  all(): readonly EventRecord[] {
    return this.#records
  }

  find(id: string): EventRecord | undefined {
    return this.#byId.get(id)
  }

  clear(): void {
    this.#records.length = 0
    this.#byId.clear()
    this.#received = 0
  }
}
