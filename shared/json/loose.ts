import { longInteger } from './exact.ts'
import { isRecord } from './record.ts'

/**
 * What a value may be taken for where its type is documented, but not promised. Used for webhooks: Customer.io sends
 * numbers as text and text as numbers.
 */

/** Text; a number or a boolean in its digits or letters. Undefined for anything else, and for the empty string. Never holds a lone surrogate. */
export function text(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value !== '' ? value.toWellFormed() : longInteger(value)
}

/** A boolean, also where it was written as text or as 0 or 1. */
export function flag(value: unknown): boolean | undefined {
  const plain = typeof value === 'string' ? value.toLowerCase() : value
  if (plain === true || plain === 'true' || plain === 1 || plain === '1') return true
  return plain === false || plain === 'false' || plain === 0 || plain === '0' ? false : undefined
}

/** An object, and not the number too long for a double that `parseJson` makes an object of. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return isRecord(value) && longInteger(value) === undefined
}
