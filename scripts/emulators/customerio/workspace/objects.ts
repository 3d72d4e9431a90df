import type { JsonObject } from '../json.ts'
import type { Identifier, ObjectKey, Relationship } from '../track/operations.ts'
import { TimedAttributes } from './attributes.ts'

interface HeldObject {
  readonly attributes: TimedAttributes
  /** The attributes of each relationship, by the person's `kind:value`. */
  readonly related: Map<string, JsonObject>
}

const personKey = (who: Identifier) => `${who.kind}:${who.value}`

/** Objects and who is related to them. Keys are `<object_type_id>:<object_id>`. */
export class Objects {
  readonly #objects = new Map<ObjectKey, HeldObject>()

  identify(key: ObjectKey, attributes: JsonObject, atSeconds: number): void {
    this.#findOrCreate(key).attributes.merge(attributes, atSeconds)
  }

  relate(key: ObjectKey, who: Identifier, attributes: JsonObject): void {
    this.#findOrCreate(key).related.set(personKey(who), attributes)
  }

  unrelate(key: ObjectKey, who: Identifier): void {
    this.#objects.get(key)?.related.delete(personKey(who))
  }

  delete(key: ObjectKey): boolean {
    return this.#objects.delete(key)
  }

  /** An object as the local look-ups show one. */
  describe(key: ObjectKey): { attributes: JsonObject; people: string[] } | undefined {
    const held = this.#objects.get(key)
    return held && { attributes: held.attributes.toObject(), people: [...held.related.keys()] }
  }

  /** The objects that a person is related to. */
  of(who: Identifier): ObjectKey[] {
    return [...this.#objects].flatMap(([key, held]) => (held.related.has(personKey(who)) ? [key] : []))
  }

  clear(): void {
    this.#objects.clear()
  }

  #findOrCreate(key: ObjectKey): HeldObject {
    const found = this.#objects.get(key)
    if (found !== undefined) return found
    const made = { attributes: new TimedAttributes(), related: new Map<string, JsonObject>() }
    this.#objects.set(key, made)
    return made
  }
}

/** A person's relationships name objects, an object's name people: the two ends of each, sorted out. */
export function endsOf(
  relationship: Relationship,
  self: ObjectKey | Identifier,
): { object: ObjectKey; who: Identifier } | undefined {
  const { to } = relationship
  if (typeof to === 'string' && typeof self !== 'string') return { object: to, who: self }
  if (typeof to !== 'string' && typeof self === 'string') return { object: self, who: to }
  return undefined
}
