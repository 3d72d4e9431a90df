import type { z } from 'zod'
import type { Clock } from '../clock/index.ts'
import { expiryOf, type Parsed, parseMessage } from '../contract/index.ts'
import { keyOfMessage } from './message-key.ts'

/** As much of a message of Pub/Sub as its key and its content need. */
export interface KeyedSource {
  readonly data: Uint8Array
  readonly attributes: Readonly<Record<string, string>>
  readonly messageId: string
}

/** A message that keeps its contract. */
export interface Keyed<M> {
  readonly value: M
  /** By which it is known however often it comes. */
  readonly key: string
  /** In unix seconds: then it is too late to send it. Undefined when it never is. */
  readonly expiresAtSeconds: number | undefined
}

/**
 * A message by its contract, its key, and when it expires.
 *
 * @param maxBytes a longer message is refused unread
 */
export function parseKeyed<S extends z.ZodType>(
  schema: S,
  { data, attributes, messageId }: KeyedSource,
  { now }: Pick<Clock, 'now'>,
  maxBytes?: number,
): Parsed<Keyed<z.output<S>>> {
  const parsed = parseMessage(schema, data, { now, maxBytes })
  if (!parsed.ok) return parsed
  const keyed = keyOfMessage({ attributes, messageId })
  if (!keyed.ok) return keyed
  const expiry = expiryOf(attributes)
  if (!expiry.ok) return expiry
  return { ok: true, value: { value: parsed.value, key: keyed.key, expiresAtSeconds: expiry.seconds } }
}
