import { types } from 'node:util'
import { renderPath } from '../contract/index.ts'

type Path = readonly PropertyKey[]

/** The first value that JSON would change or cannot write. */
class Unwritable extends Error {}

/**
 * A message as JSON, or which field JSON cannot carry. NaN, Infinity and invalid dates are among them: `JSON.stringify` writes
 * `null` for them, which Customer.io takes for the wish to remove the attribute.
 */
export function bodyOf(message: unknown): { readonly bytes: Buffer } | { readonly problem: string } {
  const paths = new Map<unknown, Path>()
  const check = function (this: unknown, name: string, value: unknown): unknown {
    const holder = paths.get(this)
    const path = holder === undefined ? [] : [...holder, Array.isArray(this) ? Number(name) : name]
    // A date has become text by now, or null.
    const given: unknown = typeof this === 'object' && this !== null ? Reflect.get(this, name) : undefined
    const rule = ruleFor(value === null ? given : value)
    if (rule !== undefined) throw new Unwritable(`${renderPath(path)}: ${rule}`)
    if (typeof value === 'object') paths.set(value, path)
    return value
  }
  try {
    return { bytes: Buffer.from(JSON.stringify(message, check) ?? '') }
  } catch (error) {
    if (error instanceof Unwritable) return { problem: error.message }
    return { problem: 'it cannot be written as JSON (an object within itself, or a toJSON that throws)' }
  }
}

function ruleFor(value: unknown): string | undefined {
  if (typeof value === 'bigint') return 'is a bigint, which JSON cannot carry: send it as a string'
  if (types.isNumberObject(value)) return ruleFor(value.valueOf())
  if (typeof value === 'number' && !Number.isFinite(value)) return `is ${value}, which JSON cannot carry`
  if (types.isDate(value)) return 'is an invalid date'
  return types.isMap(value) || types.isSet(value) ? 'is a Map or a Set, of which JSON keeps nothing' : undefined
}
