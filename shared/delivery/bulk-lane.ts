import { type DeadLetter, isPublishable, originOf } from './dead-letter.ts'
import { PUBSUB_LIMITS } from './limits.ts'
import type { ReceivedMessage } from './push.ts'

/** A message as it is published again. */
export type Copy = Omit<DeadLetter, 'orderingKey'>

/** `lane`, `source_message_id` and `source_publish_time`, which it may not have yet. */
const OWN_ATTRIBUTES = 3

/**
 * Whether the message may be published again to the bulk lane, as far as its envelope tells: it is in another lane, it is
 * not ordered with others, and its copy has room for what it is known by. What it asks for decides as well. Pure.
 */
export function mayMoveToBulkLane({ orderingKey, attributes }: ReceivedMessage): boolean {
  const fits = Object.keys(attributes).length <= PUBSUB_LIMITS.attributes - OWN_ATTRIBUTES
  return orderingKey === undefined && attributes.lane !== 'bulk' && fits
}

/**
 * The message for the bulk lane: its bytes and attributes, with the id and time of its first publish, so that its key, its
 * event id and its time stay the same, as they do over a replay. Pure.
 */
export function bulkCopyOf(message: ReceivedMessage): Copy {
  // Pub/Sub's own attributes are refused from a publisher.
  const kept = Object.entries(message.attributes).filter(([name, value]) => isPublishable(name, value))
  return { data: message.data, attributes: { ...Object.fromEntries(kept), ...originOf(message), lane: 'bulk' } }
}
