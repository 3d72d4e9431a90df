import {
  blobValue,
  DuckDBDateValue,
  DuckDBTimestampValue,
  type DuckDBValue,
  listValue,
  structValue,
} from '@duckdb/node-api'
import { isObject } from '../json.ts'
import type { Field } from './schema.ts'

/** Why a row cannot be stored, as `insertAll` reports it. `location` is the path of the column. */
export interface RowError {
  readonly reason: 'invalid' | 'stopped'
  readonly location: string
  readonly message: string
}

export type ParsedRow =
  | { readonly ok: true; readonly values: readonly DuckDBValue[] }
  | { readonly ok: false; readonly errors: readonly RowError[] }

class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly location: string
  constructor(location: string, message: string) {
    super(message)
    this.location = location
  }
}

/**
 * One row of an `insertAll` request as DuckDB's values, one a column, or everything that is wrong with it.
 * Column names are case-insensitive, as BigQuery's are. Unknown fields are refused unless `ignoreUnknown`.
 */
export function parseRow(row: unknown, fields: readonly Field[], ignoreUnknown: boolean): ParsedRow {
  const errors: RowError[] = []
  const refuse = (error: Refusal): void => {
    errors.push({ reason: 'invalid', location: error.location, message: error.message })
  }
  const values = parseFields(row, fields, '', ignoreUnknown, refuse)
  return errors.length === 0 ? { ok: true, values } : { ok: false, errors }
}

function parseFields(
  row: unknown,
  fields: readonly Field[],
  prefix: string,
  ignoreUnknown: boolean,
  refuse: (error: Refusal) => void,
): DuckDBValue[] {
  if (!isObject(row)) {
    refuse(new Refusal(prefix.slice(0, -1), 'This field is not a record.'))
    return []
  }
  const given = new Map(Object.entries(row).map(([name, value]) => [name.toLowerCase(), value]))
  const values = fields.map((field) => {
    const value = given.get(field.name.toLowerCase())
    given.delete(field.name.toLowerCase())
    try {
      return parseField(value, field, `${prefix}${field.name}`, ignoreUnknown, refuse)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refuse(error)
      return null
    }
  })
  if (!ignoreUnknown)
    for (const name of given.keys()) refuse(new Refusal(`${prefix}${name}`, `no such field: ${name}.`))
  return values
}

function parseField(
  value: unknown,
  field: Field,
  path: string,
  ignoreUnknown: boolean,
  refuse: (error: Refusal) => void,
): DuckDBValue {
  if (field.mode === 'REPEATED') {
    if (value === undefined || value === null) return listValue([])
    if (!Array.isArray(value)) throw new Refusal(path, 'Repeated field must be imported as a JSON array.')
    return listValue(
      value.map((item: unknown) => {
        if (item === null) throw new Refusal(path, 'Only optional fields can be set to NULL.')
        return parseField(item, { ...field, mode: 'NULLABLE' }, path, ignoreUnknown, refuse)
      }),
    )
  }
  if (value === undefined || value === null) {
    if (field.mode === 'REQUIRED') throw new Refusal(path, `Missing required field: ${path}.`)
    return null
  }
  if (Array.isArray(value)) throw new Refusal(path, `Array specified for non-repeated field: ${path}.`)
  if (field.type === 'RECORD') {
    const values = parseFields(value, field.fields, `${path}.`, ignoreUnknown, refuse)
    return structValue(Object.fromEntries(field.fields.map((child, index) => [child.name, values[index] ?? null])))
  }
  if (typeof value === 'object') throw new Refusal(path, 'This field is not a record.')
  return parseScalar(value, field, path)
}

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

function parseScalar(value: unknown, field: Field, path: string): DuckDBValue {
  const text = String(value)
  switch (field.type) {
    case 'STRING':
      if (typeof value === 'string' && !value.isWellFormed()) throw new Refusal(path, 'Invalid UTF-8 string.')
      return text
    case 'INTEGER': {
      const integer = /^-?\d+(\.0*)?$/.test(text) ? BigInt(text.replace(/\..*$/, '')) : undefined
      if (integer === undefined || integer < INT64_MIN || integer > INT64_MAX) {
        throw new Refusal(path, `Cannot convert value to integer (bad value): ${text}`)
      }
      return integer
    }
    case 'FLOAT':
      if (text.trim() === '' || typeof value === 'boolean' || Number.isNaN(Number(text))) {
        throw new Refusal(path, `Cannot convert value to floating point (bad value): ${text}`)
      }
      return Number(text)
    case 'BOOLEAN':
      if (!/^(true|false)$/i.test(text)) throw new Refusal(path, `Cannot convert value to boolean (bad value): ${text}`)
      return /^true$/i.test(text)
    case 'TIMESTAMP':
      return new DuckDBTimestampValue(timestampMicros(value, path))
    case 'DATE': {
      const milliseconds = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
      if (Number.isNaN(milliseconds)) throw new Refusal(path, `Invalid date: '${text}'`)
      return new DuckDBDateValue(milliseconds / 86_400_000)
    }
    case 'BYTES':
      if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw new Refusal(path, 'Could not decode base64 string to bytes.')
      return blobValue(Buffer.from(text, 'base64'))
    case 'JSON':
      return jsonText(value, path)
    default:
      throw new Error(`no scalar: ${field.type}`)
  }
}

/** A JSON column takes the text of a JSON value. BigQuery stores no lone surrogates. */
function jsonText(value: unknown, path: string): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  try {
    const normal = JSON.stringify(JSON.parse(text))
    if (/(?<!\\)(?:\\\\)*\\ud[89a-f]/i.test(normal)) throw new Error('lone surrogate')
    return text
  } catch {
    throw new Refusal(path, 'Invalid JSON value.')
  }
}

const YEAR_1_SECONDS = -62_135_596_800
const YEAR_10000_SECONDS = 253_402_300_800

/** Microseconds since 1970 from seconds (a number) or from `YYYY-MM-DD[T ]HH:MM:SS[.ffffff][Z| UTC|±HH:MM]`. */
function timestampMicros(value: unknown, path: string): bigint {
  const text = String(value)
  let micros: bigint | undefined
  if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) && Math.abs(Number(text)) < 1e15) {
    micros = BigInt(Math.round(Number(text) * 1e6))
  } else {
    const parts = text.match(
      /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?)?\s*(Z|UTC|[+-]\d{2}:\d{2})?$/i,
    )
    if (parts !== null) {
      const [, day, time = '00:00:00', fraction = '', zone = 'Z'] = parts
      const milliseconds = Date.parse(`${day}T${time}${/^utc$/i.test(zone) ? 'Z' : zone}`)
      if (!Number.isNaN(milliseconds)) micros = BigInt(milliseconds) * 1000n + BigInt(fraction.padEnd(6, '0'))
    }
  }
  if (micros === undefined) throw new Refusal(path, `Could not parse '${text}' as a timestamp.`)
  if (micros < BigInt(YEAR_1_SECONDS) * 1_000_000n || micros >= BigInt(YEAR_10000_SECONDS) * 1_000_000n) {
    throw new Refusal(path, `Timestamp field value is out of range: ${text}`)
  }
  return micros
}
