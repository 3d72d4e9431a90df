import { InvalidArgumentError } from 'commander'

export function positiveNumber(text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number) || number <= 0) {
    throw new InvalidArgumentError('It must be a number above 0.')
  }
  return number
}

export function positiveInteger(text: string): number {
  const number = positiveNumber(text)
  if (!Number.isInteger(number)) throw new InvalidArgumentError('It must be a whole number above 0.')
  return number
}

export function port(text: string): number {
  const number = Number(text)
  if (!/^\d{1,5}$/.test(text) || number > 65_535) throw new InvalidArgumentError('It must be a number from 0 to 65535.')
  return number
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `15m`, `2h`, `3d`, in milliseconds. */
export function age(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? []
  const unitMs = UNITS_MS[unit ?? '']
  if (number === undefined || unitMs === undefined) {
    throw new InvalidArgumentError('It must be a number and a unit, as in 90s, 15m, 2h or 3d.')
  }
  return Number(number) * unitMs
}

/** A word of a list; may be given several times. */
export function collectOneOf(words: readonly string[]) {
  return (value: string, earlier?: readonly string[]): readonly string[] => {
    if (!words.includes(value)) throw new InvalidArgumentError(`It must be one of: ${words.join(', ')}.`)
    return collect(value, earlier)
  }
}

/** `name=value`, or `name`; may be given several times. */
export function collectAttribute(value: string, earlier?: readonly string[]): readonly string[] {
  if (/^(=|$)/.test(value)) throw new InvalidArgumentError('It must be name=value, or a name.')
  return collect(value, earlier)
}

export function notEmpty(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('It must not be empty.')
  return value
}

/** For options that may be given several times. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}

/** An ISO-8601 time with its zone, in milliseconds since 1970. */
export function moment(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It must be a time with its zone, as in 2026-11-20T08:00:00Z.')
  return ms
}
