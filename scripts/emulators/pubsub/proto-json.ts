/** The JSON form of Google's messages: https://protobuf.dev/programming-guides/json/ */
import protobuf, { type Field, type Type } from 'protobufjs'
import { isObject } from '../json.ts'
import { invalidArgument } from './refusals.ts'

const INTEGERS: ReadonlySet<string> = new Set(['int32', 'uint32', 'sint32', 'int64', 'uint64', 'sint64'])
const FRACTIONS: ReadonlySet<string> = new Set(['double', 'float'])

/**
 * Reads a message: names in camelCase or as in the definition, bytes as base64, times and durations as text. Throws
 * INVALID_ARGUMENT for an unknown name and for a value that is not of the field's type, as Google's servers do.
 */
export function fromJson(type: Type, json: unknown, at = ''): Record<string, unknown> {
  if (!isObject(json)) throw invalidValue(type, at)
  const message: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(json)) {
    const known = [name, camelCase(name)].find((spelling) => Object.hasOwn(type.fields, spelling))
    const field = known === undefined ? undefined : type.fields[known]
    const path = at === '' ? name : `${at}.${name}`
    if (field === undefined) {
      const where = at === '' ? '' : ` at '${at}'`
      throw invalidArgument(`Invalid JSON payload received. Unknown name "${name}"${where}: Cannot find field.`)
    }
    if (value !== null) message[field.name] = fieldFromJson(field.resolve(), value, path)
  }
  return message
}

function fieldFromJson(field: Field, value: unknown, at: string): unknown {
  if (field.map) {
    if (!isObject(value)) throw invalidValue(field, at)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, valueFromJson(field, item, `${at}.${key}`)]),
    )
  }
  if (!field.repeated) return valueFromJson(field, value, at)
  if (!Array.isArray(value)) throw invalidValue(field, at)
  return value.map((item, index) => valueFromJson(field, item, `${at}[${index}]`))
}

function valueFromJson(field: Field, value: unknown, at: string): unknown {
  const { resolvedType } = field
  if (resolvedType instanceof protobuf.Enum) {
    if (typeof value === 'string' && Object.hasOwn(resolvedType.values, value)) return value
    throw invalidValue(field, at)
  }
  if (resolvedType instanceof protobuf.Type) {
    const wellKnown = typeof value === 'string' ? wellKnownFromText(resolvedType.fullName, value) : undefined
    return wellKnown ?? fromJson(resolvedType, value, at)
  }
  const text = String(value)
  if (field.type === 'string' && typeof value === 'string') return value
  if (field.type === 'bytes' && typeof value === 'string' && isBase64(value)) return Buffer.from(value, 'base64')
  if (field.type === 'bool' && (text === 'true' || text === 'false')) return text === 'true'
  if (INTEGERS.has(field.type) && /^-?\d+$/.test(text)) return Number(text)
  if (FRACTIONS.has(field.type) && text.trim() !== '' && Number.isFinite(Number(text))) return Number(text)
  throw invalidValue(field, at)
}

/** With or without padding, in either alphabet. */
function isBase64(text: string): boolean {
  return /^[\w+/-]*={0,2}$/.test(text) && text.replace(/=+$/, '').length % 4 !== 1
}

function wellKnownFromText(type: string, text: string): object | undefined {
  if (type === '.google.protobuf.FieldMask') return { paths: text.split(',').map(snakeCase) }
  if (type === '.google.protobuf.Timestamp') {
    const [, fraction = ''] = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)$/.exec(text) ?? []
    const ms = Date.parse(text)
    return Number.isNaN(ms) ? undefined : { seconds: Math.floor(ms / 1000), nanos: Number(fraction.padEnd(9, '0')) }
  }
  if (type === '.google.protobuf.Duration') {
    const [, sign, seconds, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(text) ?? []
    const factor = sign === '-' ? -1 : 1
    if (seconds === undefined) return undefined
    return { seconds: factor * Number(seconds), nanos: factor * Number(fraction.padEnd(9, '0')) || 0 }
  }
  return undefined
}

/** Writes a message that was read from the wire. What has its default value is left out. */
export function toJson(type: Type, message: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const json: Record<string, unknown> = {}
  for (const field of type.fieldsArray) {
    const value = message[field.resolve().name]
    if (value === undefined || value === null) continue
    const written = fieldToJson(field, value)
    if (!isDefault(field, written)) json[field.name] = written
  }
  return json
}

function fieldToJson(field: Field, value: unknown): unknown {
  if (field.map && isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, valueToJson(field, item)]))
  }
  return Array.isArray(value) ? value.map((item) => valueToJson(field, item)) : valueToJson(field, value)
}

function valueToJson({ resolvedType, type }: Field, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (resolvedType instanceof protobuf.Type && isObject(value)) {
    const { seconds = 0, nanos = 0, paths } = value
    switch (resolvedType.fullName) {
      case '.google.protobuf.Timestamp':
        return new Date(Number(seconds) * 1000).toISOString().replace('.000Z', `${fractionOf(nanos)}Z`)
      case '.google.protobuf.Duration':
        return `${Number(seconds) === 0 && Number(nanos) < 0 ? '-' : ''}${seconds}${fractionOf(nanos)}s`
      case '.google.protobuf.FieldMask':
        return Array.isArray(paths) ? paths.map((path) => camelCase(String(path))).join() : ''
      default:
        return toJson(resolvedType, value)
    }
  }
  return type.endsWith('64') ? String(value) : value
}

/** Nanoseconds as a fraction of 3, 6 or 9 digits, or nothing. */
function fractionOf(nanos: unknown): string {
  const digits = String(Math.abs(Number(nanos))).padStart(9, '0')
  return Number(nanos) === 0 ? '' : `.${digits.replace(/(?:000){1,2}$/, '')}`
}

function isDefault({ map, repeated, resolvedType }: Field, json: unknown): boolean {
  if (map || repeated) return Object.keys(Object(json)).length === 0
  if (resolvedType instanceof protobuf.Enum) return resolvedType.values[String(json)] === 0
  return json === '' || json === 0 || json === '0' || json === false
}

function invalidValue({ name }: { readonly name: string }, at: string): Error {
  return invalidArgument(at === '' ? `Invalid JSON payload received: not a ${name}.` : `Invalid value at '${at}'.`)
}

const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
