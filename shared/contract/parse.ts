import { isUtf8 } from 'node:buffer'
import type { z } from 'zod'
import { complexityOf } from '../json/index.ts'
import { dropAbsent } from './absent.ts'
import { hintsFor } from './hints.ts'
import { LIMITS } from './limits.ts'
import { type Problem, problemsOf, renderPath, renderProblems, ruleOf } from './problems.ts'
import { structureProblems } from './structure.ts'
import { timeProblems } from './time.ts'

/** A message, or why it can never be delivered: the `reason` of its dead letter, and which field breaks which rule. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: 'not_json' | 'contract'; readonly error: string }

export interface ParseOptions {
  /** The clock, in milliseconds. With it, times too far ahead are refused. */
  readonly now?: () => number
  /** A longer body is refused unread. */
  readonly maxBytes?: number
}

/** No message needs more to be told apart. */
const MOST_PROBLEMS = 20

/** Some programs put one before their JSON; it is no part of it. */
const BYTE_ORDER_MARK = '\uFEFF'

function decode(bytes: Uint8Array): { document: object } | { error: string } {
  if (bytes.length === 0) return { error: 'the body is empty' }
  if (!isUtf8(bytes)) return { error: 'the body is not UTF-8' }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  let document: unknown
  try {
    document = JSON.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text)
  } catch {
    // The engine's message quotes the body, which is personal data.
    return { error: 'the body is not JSON' }
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return { error: 'the body is not a JSON object' }
  }
  return { document }
}

/** Looked at before anything is parsed: a few bytes of text can take hundreds in memory. */
function complexityRule(bytes: Uint8Array): string | undefined {
  const { values, listsAndObjects, depth } = complexityOf(bytes)
  if (values > LIMITS.values) return `more than ${LIMITS.values} values`
  if (depth > LIMITS.depth) return `nested deeper than ${LIMITS.depth} levels`
  return listsAndObjects > LIMITS.listsAndObjects ? `more than ${LIMITS.listsAndObjects} lists and objects` : undefined
}

/**
 * Parses the body of a message with one of the contract's schemas. Never throws, whatever the bytes.
 * The error names paths and rules, is at most about 1,000 bytes long and never holds a value.
 */
export function parseMessage<S extends z.ZodType>(
  schema: S,
  bytes: Uint8Array,
  options: ParseOptions = {},
): Parsed<z.output<S>> {
  const examined = examine(schema, bytes, options)
  if ('value' in examined) return { ok: true, value: examined.value }
  if ('error' in examined) return { ok: false, reason: 'not_json', error: examined.error }
  return { ok: false, reason: 'contract', error: renderProblems(examined.problems) }
}

/** One broken rule for a person: the field as {@link renderPath} writes it, `message` for the whole. Never a value. */
export interface FieldProblem {
  readonly field: string
  readonly rule: string
}

/** What {@link parseMessage} finds wrong with a message, one entry per field and rule. Empty when it keeps the contract. */
export function fieldProblems(
  schema: z.ZodType,
  bytes: Uint8Array,
  options: ParseOptions = {},
): readonly FieldProblem[] {
  const examined = examine(schema, bytes, options)
  if ('value' in examined) return []
  if ('error' in examined) return [{ field: renderPath([]), rule: examined.error }]
  return examined.problems.map(({ path, rule }) => ({ field: renderPath(path), rule }))
}

type Examined<T> = { readonly value: T } | { readonly error: string } | { readonly problems: readonly Problem[] }

/** `error`: the bytes are no JSON object. */
function examine<S extends z.ZodType>(
  schema: S,
  bytes: Uint8Array,
  { now, maxBytes }: ParseOptions,
): Examined<z.output<S>> {
  const broken = (rule: string) => ({ problems: [{ path: [], rule }] })
  if (maxBytes !== undefined && bytes.length > maxBytes) return broken(`${bytes.length} bytes, at most ${maxBytes}`)
  const tooComplex = complexityRule(bytes)
  if (tooComplex) return broken(tooComplex)
  const decoded = decode(bytes)
  if ('error' in decoded) return decoded
  const { document } = decoded

  const misshapen = structureProblems(document, MOST_PROBLEMS)
  if (misshapen.length > 0) return { problems: misshapen }
  const parsed = schema.safeParse(document, { error: ruleOf })
  if (!parsed.success) return { problems: problemsOf(parsed.error.issues, hintsFor(schema, document)) }
  dropAbsent(parsed.data)
  const late = now ? timeProblems(parsed.data, now()) : []
  return late.length > 0 ? { problems: late } : { value: parsed.data }
}
