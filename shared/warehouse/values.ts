import { longInteger } from '../json/index.ts'

/**
 * What a column takes of a value that may be anything. Customer.io documents types, but does not promise them: a value
 * that does not fit its column leaves the column empty, and is still there in `data`.
 */

/** A number for an INTEGER column. Written digits are taken as they are, as far as 64 bits certainly hold them. */
export function integer(value: unknown): number | string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  const digits = longInteger(value) ?? value
  return typeof digits === 'string' && /^-?\d{1,18}$/.test(digits) ? digits : undefined
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

/** The object without the keys that have no value, so that a column without one is left out of its row. */
export function withoutUndefined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
