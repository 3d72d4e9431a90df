import { isObject, type JsonObject } from '../json.ts'
import { IDENTIFIER_KINDS, type Identifier, type IdentifierKind, isEmailAddress } from '../track/operations.ts'
import { TimedAttributes } from './attributes.ts'

export interface Person {
  readonly cioId: string
  /** At most one value of each kind; `cio_id` is the person's own and never changes. */
  readonly identifiers: Partial<Record<IdentifierKind, string>>
  readonly attributes: TimedAttributes
  readonly devices: Map<string, JsonObject>
}

/** Why an accepted call changed nothing. Customer.io answers 200 all the same. */
export type Ignored = 'suppressed' | 'no_such_person' | 'no_such_primary' | 'older' | 'duplicate'
export type Applied = { readonly applied: true } | { readonly applied: false; readonly reason: Ignored }

export const APPLIED: Applied = { applied: true }
export const ignored = (reason: Ignored): Applied => ({ applied: false, reason })

/** Identifiers that live among the attributes: setting the attribute sets the identifier. */
const IDENTIFYING_ATTRIBUTES = ['id', 'email', 'phone'] as const

/** E-mail addresses are compared without regard to case. */
function keyOf(identifier: Identifier): string {
  return `${identifier.kind}:${identifier.kind === 'email' ? identifier.value.toLowerCase() : identifier.value}`
}

/** The people of a workspace, and the identifiers that are suppressed. */
export class People {
  readonly #byKey = new Map<string, Person>()
  readonly #suppressed = new Set<string>()
  #made = 0

  find(who: Identifier): Person | undefined {
    return this.#byKey.get(keyOf(who))
  }

  isSuppressed(who: Identifier): boolean {
    return this.#suppressed.has(keyOf(who))
  }

  get size(): number {
    let count = 0
    for (const _person of this.all()) count++
    return count
  }

  *all(): IterableIterator<Person> {
    for (const [key, person] of this.#byKey) if (key === `cio_id:${person.cioId}`) yield person
  }

  /** The suppressed identifiers as `kind:value`, e-mail addresses in lower case. */
  suppressed(): string[] {
    return [...this.#suppressed]
  }

  /** Finds or makes the person; undefined for a `cio_id` that nobody has, which makes nobody. */
  findOrCreate(who: Identifier): Person | undefined {
    const found = this.find(who)
    if (found !== undefined || who.kind === 'cio_id') return found
    const cioId = (++this.#made).toString(16).padStart(12, '0')
    const person: Person = {
      cioId,
      identifiers: { cio_id: cioId },
      attributes: new TimedAttributes(),
      devices: new Map(),
    }
    this.#byKey.set(`cio_id:${cioId}`, person)
    this.#bind(person, who)
    return person
  }

  /** Creates or updates. `_update: true` among the attributes means update only. */
  identify(who: Identifier, attributes: JsonObject, atSeconds: number): Applied {
    if (this.isSuppressed(who)) return ignored('suppressed')
    const { _update: updateOnly, ...rest } = attributes
    const person = updateOnly === true ? this.find(who) : this.findOrCreate(who)
    if (person === undefined) return ignored('no_such_person')
    const accepted = this.#takeIdentifiers(person, who, rest)
    const count = Object.keys(accepted).length
    return person.attributes.merge(accepted, atSeconds) === 0 && count > 0 ? ignored('older') : APPLIED
  }

  /** What is no address, an identifier that another person has, or an id that is set already is left out in silence. */
  #takeIdentifiers(person: Person, who: Identifier, attributes: JsonObject): JsonObject {
    const accepted = { ...attributes }
    for (const kind of IDENTIFYING_ATTRIBUTES) {
      const value = attributes[kind]
      if (value === undefined || value === null || value === '') continue
      const wanted: Identifier = { kind, value: String(value) }
      const malformed = kind === 'email' && !isEmailAddress(wanted.value)
      const owner = this.find(wanted)
      const fixed = kind === 'id' && person.identifiers.id !== undefined && who.kind !== 'cio_id'
      const takenByOther = owner !== undefined && owner !== person
      if (malformed || takenByOther || this.isSuppressed(wanted) || (fixed && owner !== person)) delete accepted[kind]
      else this.#bind(person, wanted)
    }
    return accepted
  }

  #bind(person: Person, identifier: Identifier): void {
    const before = person.identifiers[identifier.kind]
    if (before !== undefined) this.#byKey.delete(keyOf({ kind: identifier.kind, value: before }))
    person.identifiers[identifier.kind] = identifier.value
    this.#byKey.set(keyOf(identifier), person)
  }

  delete(who: Identifier): Applied {
    const person = this.find(who)
    if (person === undefined) return ignored('no_such_person')
    for (const identifier of identifiersOf(person)) this.#byKey.delete(keyOf(identifier))
    return APPLIED
  }

  /** Deletes the person and blocks every identifier they had, and the given one in any case. */
  suppress(who: Identifier): Applied {
    const person = this.find(who)
    this.#suppressed.add(keyOf(who))
    if (person === undefined) return APPLIED
    for (const identifier of identifiersOf(person)) this.#suppressed.add(keyOf(identifier))
    return this.delete(who)
  }

  /** Frees the identifier; the person stays deleted. */
  unsuppress(who: Identifier): Applied {
    return this.#suppressed.delete(keyOf(who)) ? APPLIED : ignored('no_such_person')
  }

  /** The primary keeps its own values and gets what it lacks; the secondary is gone. */
  merge(primary: Identifier, secondary: Identifier): Applied {
    const kept = this.find(primary)
    if (kept === undefined) return ignored('no_such_primary')
    const gone = this.find(secondary)
    if (gone === undefined || gone === kept) return ignored('no_such_person')
    this.delete(secondary)
    kept.attributes.takeMissing(gone.attributes)
    for (const [token, device] of gone.devices) kept.devices.set(token, device)
    for (const identifier of identifiersOf(gone)) {
      if (kept.identifiers[identifier.kind] === undefined) this.#bind(kept, identifier)
    }
    return APPLIED
  }

  clear(): void {
    this.#byKey.clear()
    this.#suppressed.clear()
  }
}

export function identifiersOf(person: Person): Identifier[] {
  return IDENTIFIER_KINDS.flatMap((kind) => {
    const value = person.identifiers[kind]
    return value === undefined ? [] : [{ kind, value }]
  })
}

/** How v1 paths and look-ups tell the kind of an identifier by its shape. */
export function identifierOfShape(text: string): Identifier {
  if (text.startsWith('cio_') && text.length > 4) return { kind: 'cio_id', value: text.slice(4) }
  return isEmailAddress(text) ? { kind: 'email', value: text } : { kind: 'id', value: text }
}

/** A person as the local look-ups and the App API show one. */
export function describePerson(person: Person): JsonObject {
  const { id = null, email = null, cio_id, phone } = person.identifiers
  const attributes = person.attributes.toObject()
  return {
    identifiers: { id, email, cio_id, ...(phone !== undefined && { phone }) },
    attributes,
    timestamps: person.attributes.timestamps(),
    unsubscribed: isUnsubscribed(attributes.unsubscribed),
    devices: [...person.devices].map(([token, device]) => ({ ...device, token })),
  }
}

/** Customer.io takes true, 1 and "true". */
export function isUnsubscribed(value: unknown): boolean {
  return value === true || value === 1 || value === 'true'
}

/** A copy of what the object holds, for those who compare preferences before and after. */
export function preferencesOf(person: Person): JsonObject {
  const held = person.attributes.toObject().cio_subscription_preferences
  return isObject(held) ? held : {}
}
