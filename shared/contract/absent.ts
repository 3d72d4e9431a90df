import type * as z from 'zod'
import { isRecord } from '../json/index.ts'

/**
 * A field that may be absent, or null, which many serialisers write for what is not set. Not for a field whose absence changes
 * what happens: a broadcast with `recipients: null` would go to everybody.
 */
export function optional<S extends z.ZodType>(schema: S) {
  return schema
    .nullable()
    .transform((value) => value ?? undefined)
    .optional()
}

/** The parts of a message that have optional fields of their own. What publishers name themselves is not among them. */
const PARTS: ReadonlySet<string> = new Set(['device', 'custom_device', 'cio_relationships', 'per_user_data'])

/** Takes the fields away, of a parsed message and of its parts, that were null: a default may take their place. */
export function dropAbsent(part: unknown): void {
  if (Array.isArray(part)) for (const item of part) dropAbsent(item)
  if (!isRecord(part)) return
  for (const name of Object.keys(part)) {
    const value = part[name]
    if (value === undefined) Reflect.deleteProperty(part, name)
    else if (PARTS.has(name)) dropAbsent(value)
  }
}
