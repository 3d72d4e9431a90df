import { isRecord } from '../../shared/json/index.ts'

/** What stands in the place of a value. */
const MASK = '•••'

/** Fields of a message that say what it is, and not whom it is about: at its top, and when they hold a word or a number. */
const TELLING: ReadonlySet<string> = new Set([
  ...['type', 'action', 'channel', 'transactional_message_id', 'broadcast_id'],
  ...['object_type', 'metric', 'timestamp', 'send_at', 'queue_draft'],
])
const WORD = /^[a-z][a-z0-9_.-]{0,59}$/i

/** Attributes of Pub/Sub messages that hold no personal data: ours, and Pub/Sub's own. An idempotency key may. */
const OPEN_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...['reason', 'http_status', 'source_subscription', 'source_message_id', 'source_publish_time'],
  ...['delivery_attempt', 'replay_count', 'truncated', 'lane', 'traceparent'],
])

/** What may stand in an attribute of ours: whoever publishes can set it to anything. */
const OURS = /^[\w./:, -]{0,256}$/
const MAILBOX = /[^\s@<>"',;:]+@[^\s@<>"',;:]+/g
const LONG_NUMBER = /\+?\d(?:[\d\s().-]{4,}\d)/g
/** Shorter values stand in any text by chance. */
const SHORTEST_VALUE = 3
/** A longer text, and one about more values, is masked as a whole. */
const MOST_CHARACTERS = 4_000
/** What is nested deeper is masked as a whole. */
const MOST_DEPTH = 64
const MOST_VALUES = 5_000

/** A message's JSON with its names and structure, and without its values. Pure. */
export function maskJson(body: unknown): unknown {
  if (!isRecord(body)) return maskBelow(body)
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [maskText(name), isTelling(name, value) ? value : maskBelow(value)]),
  )
}

function isTelling(name: string, value: unknown): boolean {
  return TELLING.has(name) && (typeof value === 'string' ? WORD.test(value) : !isObject(value))
}

function maskBelow(value: unknown, depth = 1): unknown {
  if (depth > MOST_DEPTH) return MASK
  if (Array.isArray(value)) return value.map((each) => maskBelow(each, depth + 1))
  if (isRecord(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [maskText(name), maskBelow(each, depth + 1)]))
  }
  return value === null || typeof value === 'boolean' ? value : MASK
}

/** Pub/Sub attributes, with the values that may hold personal data masked. Pure. */
export function maskAttributes(attributes: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      maskText(name),
      OPEN_ATTRIBUTES.has(name) || name.startsWith('CloudPubSubDeadLetterSource') ? maskWord(value) : MASK,
    ]),
  )
}

/** A word, a number, a time or a path of ours, where something else could be in its place. Pure. */
export function maskWord(value: string): string {
  return OURS.test(value) ? value : MASK
}

/**
 * Another system's words about a message without what they quote of it: its values, whatever looks like an address, and long
 * numbers. Pure.
 *
 * @param body the message as JSON, where it is known
 */
export function maskText(text: string, body?: unknown): string {
  const values = new Set(valuesIn(body))
  if (text.length > MOST_CHARACTERS || values.size > MOST_VALUES) return MASK
  const quoted = [...values].filter((value) => value.length >= SHORTEST_VALUE).sort((a, b) => b.length - a.length)
  const withoutValues = quoted.reduce((masked, value) => masked.replaceAll(value, MASK), text)
  return withoutValues.replaceAll(MAILBOX, MASK).replaceAll(LONG_NUMBER, MASK)
}

function valuesIn(value: unknown, depth = 0): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'number') return [String(value)]
  if (depth > MOST_DEPTH || !isObject(value)) return []
  return Object.values(value).flatMap((each) => valuesIn(each, depth + 1))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
