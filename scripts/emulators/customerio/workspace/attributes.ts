import { isObject, type JsonObject } from '../json.ts'

interface Held {
  /** Undefined: removed, remembered so that an older update cannot bring it back. */
  readonly value: unknown
  readonly atSeconds: number
}

const PREFERENCES = 'cio_subscription_preferences'
const PREFERENCES_TOPIC = `${PREFERENCES}.topics.`

/**
 * Attributes that remember when each was last set: an update with an older timestamp never overwrites a newer one,
 * whatever the order in which they arrive. Of two with the same second the later arrival wins.
 * Null and the empty string remove an attribute.
 */
export class TimedAttributes {
  readonly #held = new Map<string, Held>()

  /** Returns how many of the given attributes were set; the others were older than what is held. */
  merge(attributes: JsonObject, atSeconds: number): number {
    let applied = 0
    for (const [name, value] of Object.entries(attributes)) if (this.#set(name, value, atSeconds)) applied++
    return applied
  }

  #set(name: string, value: unknown, atSeconds: number): boolean {
    if (this.#atOf(name) > atSeconds) return false
    if (name.startsWith(PREFERENCES_TOPIC) && this.#atOf(PREFERENCES) > atSeconds) return false
    if (name === PREFERENCES) this.#forgetTopicsUpTo(atSeconds)
    this.#held.set(name, { value: value === null || value === '' ? undefined : value, atSeconds })
    return true
  }

  #atOf(name: string): number {
    return this.#held.get(name)?.atSeconds ?? Number.NEGATIVE_INFINITY
  }

  /** The whole preferences object replaces every single topic that was set before it. */
  #forgetTopicsUpTo(atSeconds: number): void {
    for (const [name, held] of this.#held) {
      if (name.startsWith(PREFERENCES_TOPIC) && held.atSeconds <= atSeconds) this.#held.delete(name)
    }
  }

  get(name: string): unknown {
    return this.#held.get(name)?.value
  }

  /** What one would see in Customer.io: removed attributes are gone, single topics stand in their preferences object. */
  toObject(): JsonObject {
    const attributes: JsonObject = {}
    const topics: JsonObject = {}
    for (const [name, { value }] of this.#held) {
      if (value === undefined) continue
      if (name.startsWith(PREFERENCES_TOPIC)) topics[name.slice(PREFERENCES_TOPIC.length)] = value
      else attributes[name] = value
    }
    if (Object.keys(topics).length > 0) {
      const base = isObject(attributes[PREFERENCES]) ? attributes[PREFERENCES] : {}
      attributes[PREFERENCES] = { ...base, topics: { ...(isObject(base.topics) ? base.topics : {}), ...topics } }
    }
    return attributes
  }

  /** When each attribute was last set, unix seconds. */
  timestamps(): Record<string, number> {
    return Object.fromEntries([...this.#held].map(([name, { atSeconds }]) => [name, atSeconds]))
  }

  /** Takes from another set what this one does not have: the way a merge of two people treats attributes. */
  takeMissing(other: TimedAttributes): void {
    for (const [name, held] of other.#held) if (this.get(name) === undefined) this.#held.set(name, held)
  }
}
