import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { type Clock, systemClock, withTimeout } from '../../../shared/clock/index.ts'
import { isRecord } from '../../../shared/json/index.ts'
import { usageError, wordsOf } from '../errors.ts'

type Json = Readonly<Record<string, unknown>>

/** What a mapping is told besides the message. */
export interface MappedFrom {
  /** Pub/Sub's id of the message. */
  readonly id: string
  readonly attributes: Readonly<Record<string, string>>
  /** Milliseconds since 1970. */
  readonly publishedAtMs: number
}

/** Gives the message as it should have been; undefined, or the message itself, to leave it as it is. */
export type Mapping = (message: Record<string, unknown>, from: MappedFrom) => unknown

export interface LoadedMapping {
  readonly map: Mapping
  /** Of the file: another mapping is another replay. */
  readonly digest: string
}

/** Loads the default export of a module. */
export async function loadMapping(file: string): Promise<LoadedMapping> {
  const path = resolve(file)
  let loaded: unknown
  let digest: string
  try {
    digest = createHash('sha256').update(readFileSync(path)).digest('hex')
    loaded = await import(pathToFileURL(path).href)
  } catch (error) {
    const hint = existsSync(path) ? 'Types in a .ts file need Node 24; a .mjs file needs none.' : `There is no ${path}.`
    throw usageError(`--map ${file}: ${wordsOf(error)}`, hint)
  }
  const map = isRecord(loaded) ? loaded.default : undefined
  if (typeof map !== 'function') {
    throw usageError(`--map ${file}: its default export is no function`, 'export default (message) => ({ ...message })')
  }
  return { map: (message, from) => Reflect.apply(map, undefined, [message, from]), digest }
}

/** A mapping decides by what it is given. One that waits for longer asks somebody else. */
const LONGEST_MS = 10_000

/**
 * What a mapping makes of a message, as JSON, since that is what is published.
 *
 * @throws what the mapping throws, and when its result is of no use: the message was changed in place and not returned; two
 *   calls gave two results, so that a second run would publish under other keys; it took too long
 */
export async function mapped(
  map: Mapping,
  before: Json,
  from: MappedFrom,
  clock: Clock = systemClock,
): Promise<unknown> {
  const once = async () => {
    const given = structuredClone({ ...before })
    const result = await map(given, { ...from, attributes: { ...from.attributes } })
    if (result === undefined && !isDeepStrictEqual(given, before)) {
      throw new Error('it changes the message and returns nothing: return the message')
    }
    return JSON.parse(JSON.stringify(result ?? before))
  }
  const [first, second] = await withTimeout(clock, LONGEST_MS, Promise.all([once(), once()]))
  if (!isDeepStrictEqual(first, second)) {
    throw new Error('two calls with the same message give two results: a second run would publish them again')
  }
  return first
}

/** A difference, by the path of the field. */
export interface FieldChange {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** The fields that differ, those of `attributes` and other objects one by one. Pure. */
export function changesOf(before: unknown, after: unknown, path = ''): readonly FieldChange[] {
  if (isDeepStrictEqual(before, after)) return []
  if (!isRecord(before) || !isRecord(after)) return [{ field: path, before, after }]
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) =>
    changesOf(before[name], after[name], path === '' ? name : `${path}.${name}`),
  )
}

/**
 * What is published in place of a message that the mapping changed. A person's update holds only the attributes that differ
 * and no time: it counts from now. One that the mapping has taken away becomes null, which removes it at Customer.io. An event
 * loses the id of the wrong one, by which Customer.io would ignore it. Pure.
 */
export function bodyAfter(topic: string, before: Json, after: Json): Json {
  if (topic === 'track') return after.id === before.id ? without(after, 'id') : after
  if (topic !== 'identify' || (after.action ?? 'identify') !== 'identify') return after
  const body = without(after, 'timestamp')
  if (!isDeepStrictEqual(before.identifiers, after.identifiers)) return body
  const [was, is] = [attributesOf(before), attributesOf(after)]
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])]
  const changed = names.filter((name) => !isDeepStrictEqual(was[name], is[name]))
  return { ...body, attributes: Object.fromEntries(changed.map((name) => [name, is[name] ?? null])) }
}

/** The key of a changed message: a second run with the same mapping has the same, and repeats nothing. Pure. */
export function keyAfter(key: string, body: Uint8Array): string {
  return `replay:${createHash('sha256')
    .update(`${Buffer.byteLength(key)}:${key}`)
    .update(body)
    .digest('hex')}`
}

function attributesOf({ attributes }: Json): Json {
  return isRecord(attributes) ? attributes : {}
}

function without(body: Json, field: string): Json {
  return Object.fromEntries(Object.entries(body).filter(([name]) => name !== field))
}
