import { isRecord } from '../json/index.ts'
import { longInteger } from './json.ts'

/**
 * What a column takes of a value that may be anything. Customer.io documents types, but does not promise them: a value
 * that does not fit its column leaves the column empty, and is still there in `data`.
 */

/** Text for a STRING column; undefined for what is no text, and for the empty string. BigQuery takes no lone surrogates. */
export function text(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value !== '' ? value.toWellFormed() : longInteger(value)
}

/** A number for an INTEGER column. Written digits are taken as they are, as far as 64 bits certainly hold them. */
export function integer(value: unknown): number | string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  const digits = longInteger(value) ?? value
  return typeof digits === 'string' && /^-?\d{1,18}$/.test(digits) ? digits : undefined
}

/** A BOOLEAN, also where it was written as text or as 0 or 1. */
export function flag(value: unknown): boolean | undefined {
  if (value === true || value === 'true' || value === 1) return true
  return value === false || value === 'false' || value === 0 ? false : undefined
}

/** The text of a JSON value for a JSON column, lone surrogates replaced. Undefined when it is nested too deep to be written. */
export function jsonText(value: unknown): string | undefined {
  try {
    // JSON.stringify escapes lone surrogates, and nothing else of the form \ud8xx. An escaped backslash is no escape.
    return JSON.stringify(value ?? null).replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, '$1\\ufffd')
  } catch {
    return undefined
  }
}

/** An object of the webhook, and not the number too long for a double that `json.ts` makes an object of. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return isRecord(value) && longInteger(value) === undefined
}

/** The object without the keys that have no value, so that a column without one is left out of its row. */
export function withoutUndefined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
