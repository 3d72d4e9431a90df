import type { DeadLetterReason } from '../outcome/index.ts'
import { PUBSUB_LIMITS } from './limits.ts'
import type { ReceivedMessage } from './push.ts'

/** Why a message is dead-lettered. */
export interface Failure {
  readonly reason: DeadLetterReason
  readonly error: string
  readonly httpStatus?: number
}

/** A message for a dead-letter topic, ready to publish. */
export interface DeadLetter {
  readonly data: Buffer
  readonly attributes: Record<string, string>
  readonly orderingKey?: string
}

const ERROR_BYTES = 1_000
/** What the encoding of a publish request adds: field tags and lengths of each attribute, the topic's name. */
const ENCODING_BYTES_PER_ATTRIBUTE = 16
const ENCODING_BYTES_PER_REQUEST = 1_024

/**
 * Builds the dead letter of a message: its original bytes, attributes and ordering key, and why and where it failed.
 * Whatever the source had, the result keeps within Pub/Sub's limits; what had to be left out is named in `truncated`.
 *
 * A message that was a replay keeps the `source_message_id` and `source_publish_time` of its first life, so that its
 * idempotency key and its time stay the same however often it comes back.
 */
export function deadLetterOf(message: ReceivedMessage, failure: Failure): DeadLetter {
  const own: Record<string, string> = {
    reason: failure.reason,
    error: cutBytes(failure.error, ERROR_BYTES),
    ...(failure.httpStatus !== undefined && { http_status: String(failure.httpStatus) }),
    ...originOf(message),
    source_subscription: cutBytes(message.subscription, PUBSUB_LIMITS.attributeValueBytes),
    delivery_attempt: String(message.deliveryAttempt),
  }
  const leftOut: string[] = []
  const attributes: Record<string, string> = Object.create(null)
  // One place is kept for `truncated`.
  let places = PUBSUB_LIMITS.attributes - Object.keys(own).length - 1
  let bytes = ENCODING_BYTES_PER_REQUEST + byteLength(message.orderingKey ?? '') + PUBSUB_LIMITS.attributeValueBytes
  for (const [key, value] of Object.entries(own)) bytes += attributeBytes(key, value)
  const keepsBody = bytes + message.data.length <= PUBSUB_LIMITS.messageBytes
  // The idempotency key first: without it a replay would count as another message.
  const keys = Object.keys(message.attributes).sort((a, b) => rank(a) - rank(b))
  for (const key of keys) {
    // Of a dead letter that was published again as it was: they told of its earlier failure.
    if (Object.hasOwn(own, key) || key === 'http_status' || key === 'truncated') continue
    const value = message.attributes[key] ?? ''
    const size = attributeBytes(key, value)
    const fits = !keepsBody || bytes + message.data.length + size <= PUBSUB_LIMITS.messageBytes
    if (places === 0 || !fits || !isPublishable(key, value)) {
      leftOut.push(key)
      continue
    }
    attributes[key] = value
    bytes += size
    places -= 1
  }
  const data = message.data.subarray(0, Math.max(0, PUBSUB_LIMITS.messageBytes - bytes))
  if (data.length < message.data.length) leftOut.unshift('data')
  Object.assign(attributes, own)
  if (leftOut.length > 0) attributes.truncated = cutBytes(leftOut.join(','), PUBSUB_LIMITS.attributeValueBytes)
  return { data, attributes, ...(message.orderingKey !== undefined && { orderingKey: message.orderingKey }) }
}

/** By which message and when it was first published. Pure. */
export function originOf({ attributes, messageId, publishTime }: ReceivedMessage) {
  return {
    source_message_id: cutBytes(attributes.source_message_id || messageId, PUBSUB_LIMITS.attributeValueBytes),
    source_publish_time: cutBytes(attributes.source_publish_time || publishTime, PUBSUB_LIMITS.attributeValueBytes),
  }
}

function rank(key: string): number {
  return key === 'idempotency_key' ? 0 : 1
}

/** Whether Pub/Sub takes this attribute from a publisher. Pure. */
export function isPublishable(key: string, value: string): boolean {
  return (
    key !== '' &&
    // Reserved by Pub/Sub: a publisher may not set it, even where a received message carries it.
    !key.startsWith('goog') &&
    byteLength(key) <= PUBSUB_LIMITS.attributeKeyBytes &&
    byteLength(value) <= PUBSUB_LIMITS.attributeValueBytes
  )
}

function attributeBytes(key: string, value: string): number {
  return byteLength(key) + byteLength(value) + ENCODING_BYTES_PER_ATTRIBUTE
}

function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

/** Cuts a text to at most `limit` bytes of UTF-8 without splitting a character. */
export function cutBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text)
  let end = limit
  // Step back over continuation bytes (10xxxxxx) to the start of the character that would be split.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}
