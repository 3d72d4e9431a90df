import { isObject, type JsonObject } from '../json.ts'

interface Held {
  /** Undefined: removed, remembered so that an older update cannot bring it back. */
  readonly value: unknown
  readonly atSeconds: number
}

/** One attribute that got another value. */
export interface AttributeChange {
  readonly name: string
  readonly from: unknown
  readonly to: unknown
  /** Unix seconds. */
  readonly atSeconds: number
}

/** Older ones are forgotten. */
const CHANGES_KEPT = 20

const PREFERENCES = 'cio_subscription_preferences'
/** What a person can be subscribed to, one by one. */
const PARTS = ['topics', 'channels'] as const

/** The part and the name in `cio_subscription_preferences.channels.email`; undefined for any other attribute. */
function preferenceIn(name: string): { readonly part: (typeof PARTS)[number]; readonly key: string } | undefined {
  for (const part of PARTS) {
    const prefix = `${PREFERENCES}.${part}.`
    if (name.startsWith(prefix)) return { part, key: name.slice(prefix.length) }
  }
  return undefined
}

/**
 * Attributes that remember when each was last set: an update with an older timestamp never overwrites a newer one,
 * whatever the order in which they arrive. Of two with the same second the later arrival wins.
 * Null and the empty string remove an attribute.
 */
export class TimedAttributes {
  readonly #held = new Map<string, Held>()
  readonly #changes: AttributeChange[] = []

  /** Returns how many of the given attributes were set; the others were older than what is held. */
  merge(attributes: JsonObject, atSeconds: number): number {
    let applied = 0
    for (const [name, value] of Object.entries(attributes)) if (this.#set(name, value, atSeconds)) applied++
    return applied
  }

  #set(name: string, value: unknown, atSeconds: number): boolean {
    if (this.#atOf(name) > atSeconds) return false
    if (preferenceIn(name) !== undefined && this.#atOf(PREFERENCES) > atSeconds) return false
    if (name === PREFERENCES) this.#forgetPreferencesUpTo(atSeconds)
    const from = this.get(name)
    const to = value === null || value === '' ? undefined : value
    this.#held.set(name, { value: to, atSeconds })
    if (JSON.stringify(from) !== JSON.stringify(to)) this.#changes.push({ name, from, to, atSeconds })
    if (this.#changes.length > CHANGES_KEPT) this.#changes.shift()
    return true
  }

  #atOf(name: string): number {
    return this.#held.get(name)?.atSeconds ?? Number.NEGATIVE_INFINITY
  }

  /** The whole preferences object replaces every single topic and channel that was set before it. */
  #forgetPreferencesUpTo(atSeconds: number): void {
    for (const [name, held] of this.#held) {
      if (preferenceIn(name) !== undefined && held.atSeconds <= atSeconds) this.#held.delete(name)
    }
  }

  get(name: string): unknown {
    return this.#held.get(name)?.value
  }

  /** The latest changes, in the order in which they arrived. */
  changes(): readonly AttributeChange[] {
    return this.#changes
  }

  /** What one would see in Customer.io: removed attributes are gone, single preferences stand in their object. */
  toObject(): JsonObject {
    const attributes: JsonObject = {}
    const single: Record<(typeof PARTS)[number], JsonObject> = { topics: {}, channels: {} }
    for (const [name, { value }] of this.#held) {
      if (value === undefined) continue
      const preference = preferenceIn(name)
      if (preference === undefined) attributes[name] = value
      else single[preference.part][preference.key] = value
    }
    for (const part of PARTS) {
      if (Object.keys(single[part]).length === 0) continue
      const base = isObject(attributes[PREFERENCES]) ? attributes[PREFERENCES] : {}
      attributes[PREFERENCES] = { ...base, [part]: { ...(isObject(base[part]) ? base[part] : {}), ...single[part] } }
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
