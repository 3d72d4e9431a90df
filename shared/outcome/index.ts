/**
 * What became of one message. Every message has exactly one outcome; outcomes are values, not exceptions,
 * so that "retry", "done" and "refused" cannot be mistaken for one another on the way to Pub/Sub.
 */

/** Why a message that keeps the contract is not sent, in the order in which it is decided. Each is an outcome by itself. */
export const NOT_SENT_REASONS = [
  'expired', // its `expires_at` is over
  'cancelled', // an operator cancelled what was published before some time
  'guarded', // a recipient is not on the list of this environment
] as const
export type NotSentReason = (typeof NOT_SENT_REASONS)[number]

/** Why a message was dead-lettered. A closed set: the `reason` attribute of a dead letter. */
export const DEAD_LETTER_REASONS = [
  'not_json', // the body is no JSON object, or no valid base64
  'contract', // breaks the message contract of its topic
  'refused', // Customer.io (or BigQuery) refused the content
  'content_changed', // the same idempotency key was used before with other content
  'uncertain', // a send that may or may not have happened: a person decides
  'exhausted', // still failing at the last delivery attempts
  ...NOT_SENT_REASONS,
] as const
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number]

/** Why a message can never succeed: it could have been sent for every other reason. */
export type RefusalReason = Exclude<DeadLetterReason, 'exhausted' | NotSentReason>

/** Why a message is delivered again, in words that quote nothing of it, so that they may be logged. */
const RETRY_REASONS = [
  'no_connection', // no connection to the server came about
  'no_answer', // no complete or readable answer came back
  'throttled', // 429
  'server_error', // 408, 5xx
  'ledger', // the send ledger could not be used
  'unexpected', // an error that nobody thought of; the log has its name
] as const
type RetryReason = (typeof RETRY_REASONS)[number]

/** How a message travelled: for its record. */
interface Carriage {
  /** The batch (to Customer.io, or the insert) that this message was part of: message id and attempt of its first. */
  readonly batchId?: string
  /** How many messages it held. */
  readonly batchSize?: number
  /** This one's place in it, 0 for the first. */
  readonly batchPosition?: number
  /** How long it waited for a batch, and for a turn within the rate, until the last request that carried it began. */
  readonly queueWaitMs?: number
  /** How long that request took. */
  readonly requestMs?: number
}

/** Customer.io accepted it, or the ledger says that it was sent before (`duplicate`). */
export interface Delivered extends Carriage {
  readonly kind: 'delivered'
  /** Customer.io's id of the delivery, for transactional messages. */
  readonly deliveryId?: string
  /** True when nothing was sent now, because an earlier delivery of the same key was sent. */
  readonly duplicate?: boolean
  /**
   * `older_time`: it tells of a time before its publish, and Customer.io, which answers 200 all the same, keeps what it knows
   * of a later time. `redirected`: it went to the address that this environment redirects to.
   */
  readonly note?: 'older_time' | 'redirected'
}

/** It can never succeed: to be dead-lettered at once. */
export interface Refused extends Carriage {
  readonly kind: 'refused'
  readonly reason: RefusalReason
  /** The server's own words, or which field breaks which rule. Never a secret. */
  readonly error: string
  readonly httpStatus?: number
}

/**
 * Nothing was tried now: it is dead-lettered at once, outside the alerts. Of a send, nothing earlier of the same key went out
 * either; of an event or an operation, an earlier attempt may have been delivered and its answer lost.
 */
export interface NotSent extends Carriage {
  readonly kind: NotSentReason
  /** Which rule stopped it, and what to do about it. Never an address. */
  readonly error: string
  /** Without a dead letter: the environment drops what it does not send. Counted all the same. */
  readonly isDropped?: boolean
}

/** It may succeed later: Pub/Sub should deliver it again. */
export interface Retry extends Carriage {
  readonly kind: 'retry'
  /**
   * `transient`: network, timeout, 408, 429, 5xx. `configuration`: our credentials, plan or address (401, 402, 403, 404, 3xx);
   * an alert watches it. `busy`: nothing was tried (queue full, rate limit, paused, lease of another holder).
   */
  readonly cause: 'transient' | 'configuration' | 'busy'
  /** Of a transient one. */
  readonly reason?: RetryReason
  /** Of a `busy` one: only others of its own person or object are in its way, so it may as well wait in the bulk lane. */
  readonly mayMove?: true
  /** Of a `busy` one, fixed words of ours. Of the others it may quote the server, and so the message. */
  readonly error: string
  readonly httpStatus?: number
  /** How long the server asked to be left alone (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number
}

/** Sent or not, nobody knows: timeout, reset or cut-off answer. Where sending twice is harmless it is a retry. */
interface Uncertain extends Carriage {
  readonly kind: 'uncertain'
  readonly reason?: RetryReason
  readonly error: string
  readonly httpStatus?: number
  /** How long the server asked to be left alone (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number
}

/** What one call of Customer.io came to. */
export type CallOutcome = Delivered | Refused | Retry | Uncertain

/** What delivering a message came to. */
export type Tried = Delivered | Refused | Retry

/** What becomes of one Pub/Sub message. */
export type Outcome = Tried | NotSent

/** Whether nothing was tried because a check stopped the message. */
export function isNotSent(outcome: Outcome): outcome is NotSent {
  return outcome.kind === 'expired' || outcome.kind === 'cancelled' || outcome.kind === 'guarded'
}
