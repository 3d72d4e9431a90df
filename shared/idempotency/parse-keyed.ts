import type { z } from 'zod'
import type { Clock } from '../clock/index.ts'
import { type Parsed, parseMessage } from '../contract/index.ts'
import { keyOfMessage } from './message-key.ts'

/** As much of a message of Pub/Sub as its key and its content need. */
export interface KeyedSource {
  readonly data: Uint8Array
  readonly attributes: Readonly<Record<string, string>>
  readonly messageId: string
}

/**
 * A message by its contract, and the key by which it is known however often it comes.
 *
 * @param maxBytes a longer message is refused unread
 */
export function parseKeyed<S extends z.ZodType>(
  schema: S,
  { data, attributes, messageId }: KeyedSource,
  { now }: Pick<Clock, 'now'>,
  maxBytes?: number,
): Parsed<{ readonly value: z.output<S>; readonly key: string }> {
  const parsed = parseMessage(schema, data, { now, ...(maxBytes !== undefined && { maxBytes }) })
  if (!parsed.ok) return parsed
  const keyed = keyOfMessage({ attributes, messageId })
  return keyed.ok ? { ok: true, value: { value: parsed.value, key: keyed.key } } : keyed
}
