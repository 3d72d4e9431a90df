import { DEAD_LETTER_REASONS, NOT_SENT_REASONS, type NotSentReason } from '../../../shared/outcome/index.ts'
import type { Source } from './source.ts'

/** A dead letter that we have pulled. */
export interface DeadLetter {
  readonly source: Source
  /** Pub/Sub's id of the message that it was first: it stays over replays. What `show` and `--id` take. */
  readonly id: string
  /** Pub/Sub's id of this dead letter, another one each time it comes back. */
  readonly messageId: string
  readonly ackId: string
  readonly data: Buffer
  readonly attributes: Readonly<Record<string, string>>
  readonly orderingKey: string
  /** When it was dead-lettered. */
  readonly deadLetteredAtMs: number
}

/** The id that stays: a message that Pub/Sub forwarded has lost its first one, and goes by that of its dead letter. Pure. */
export function lastingId(messageId: string, { source_message_id: first }: DeadLetter['attributes']): string {
  return first || messageId
}

/** What the attributes of a dead letter say. */
export interface Facts {
  /** `forwarded` when Pub/Sub itself moved it after the last delivery attempt, because the function could not. */
  readonly reason: string
  readonly error: string
  readonly httpStatus: string | undefined
  readonly attempts: number
  /** How often it was replayed before. */
  readonly replays: number
  /** When the application published it, as far as that is known. */
  readonly publishedAtMs: number
  /** Its idempotency key: the publisher's, or the id of the original message. */
  readonly key: { readonly kind: 'publisher' | 'message'; readonly value: string } | undefined
  /** True when its body was cut: it cannot be replayed unchanged. */
  readonly bodyCut: boolean
}

/** Forwarded by Pub/Sub itself, which knows no reason. */
export const FORWARDED = 'forwarded'
/** Published by somebody else, without a reason. */
export const UNKNOWN = 'unknown'
/** Every reason that a dead letter can have here. */
export const REASONS: readonly string[] = [...DEAD_LETTER_REASONS, FORWARDED, UNKNOWN]

/** Attributes by which Pub/Sub marks what it forwards itself. */
const FORWARDED_PREFIX = 'CloudPubSubDeadLetterSource'
/** What a dead letter has besides the attributes of its message. */
const OURS: ReadonlySet<string> = new Set([
  'reason',
  'error',
  'http_status',
  'source_subscription',
  'delivery_attempt',
  'truncated',
])

export function factsOf({ attributes, deadLetteredAtMs }: DeadLetter): Facts {
  const forwardedAt = attributes[`${FORWARDED_PREFIX}TopicPublishTime`]
  const forwarded = attributes.reason === undefined && forwardedAt !== undefined
  const publishedAtMs = Date.parse(attributes.source_publish_time ?? forwardedAt ?? '')
  return {
    reason: attributes.reason ?? (forwarded ? FORWARDED : UNKNOWN),
    error: attributes.error ?? (forwarded ? 'every delivery attempt failed; see the log of the function' : ''),
    httpStatus: attributes.http_status,
    attempts: wholeNumber(attributes.delivery_attempt ?? attributes[`${FORWARDED_PREFIX}DeliveryCount`]),
    replays: wholeNumber(attributes.replay_count),
    publishedAtMs: Number.isFinite(publishedAtMs) ? publishedAtMs : deadLetteredAtMs,
    key: keyOf(attributes),
    bodyCut: leftOut(attributes).includes('data'),
  }
}

function keyOf(attributes: DeadLetter['attributes']): Facts['key'] {
  const { idempotency_key: key, source_message_id: id } = attributes
  if (key !== undefined) return { kind: 'publisher', value: key }
  // Its key did not fit into the dead letter: under the id it would count as another message.
  if (id === undefined || leftOut(attributes).includes('idempotency_key')) return undefined
  return { kind: 'message', value: id }
}

function leftOut({ truncated = '' }: DeadLetter['attributes']): readonly string[] {
  return truncated.split(',')
}

function wholeNumber(text: string | undefined): number {
  const number = Number(text ?? 0)
  return Number.isInteger(number) && number > 0 ? number : 0
}

/** A message to publish. */
export interface Replay {
  readonly data: Buffer
  readonly attributes: Record<string, string>
  readonly orderingKey?: string
}

/**
 * The original message, to publish again: bytes, attributes and ordering key, without the attributes about its failure.
 * It keeps its first id and publish time, so its key, event id and order stay the same. A message that Pub/Sub forwarded
 * has lost both and uses the id of the dead letter, so two replays of it still count as one. Pure.
 *
 * @param isReleased whether it passes the check that stopped it, and those that it passed in earlier replays
 */
export function replayOf(deadLetter: DeadLetter, isReleased = false): Replay {
  const facts = factsOf(deadLetter)
  const kept = Object.entries(deadLetter.attributes).filter(
    // What begins with `goog` is Pub/Sub's own, and refused from a publisher.
    ([name]) => !OURS.has(name) && !name.startsWith(FORWARDED_PREFIX) && !name.startsWith('goog'),
  )
  return {
    data: deadLetter.data,
    attributes: {
      source_message_id: deadLetter.id,
      source_publish_time: new Date(facts.publishedAtMs).toISOString(),
      ...Object.fromEntries(kept),
      replay_count: String(facts.replays + 1),
      ...(isReleased && isNotSentReason(facts.reason) && { released: released(deadLetter.attributes, facts.reason) }),
    },
    ...(deadLetter.orderingKey !== '' && { orderingKey: deadLetter.orderingKey }),
  }
}

/** Whether a check stopped it, so that nothing was sent. */
export function isNotSentReason(reason: string): reason is NotSentReason {
  return NOT_SENT_REASONS.some((each) => each === reason)
}

function released({ released = '' }: DeadLetter['attributes'], reason: NotSentReason): string {
  return [...new Set([...released.split(','), reason])].filter(isNotSentReason).join(',')
}
