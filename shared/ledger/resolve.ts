import type { Outcome } from '../outcome/index.ts'
import { holdEndMs, isOpen, uncertain, type Window, wait, windowOf } from './decide.ts'
import type { StoredRecord } from './record.ts'

/** What comparing a delivery with a message came to; `unknown` where one of them does not say. */
export type Comparison = 'same' | 'other' | 'unknown'

/** One line of Customer.io's list that is not certainly of another person, channel or template. */
export interface Delivery {
  readonly id: string
  readonly createdAtMs: number
  readonly person: Exclude<Comparison, 'other'>
  readonly template: Exclude<Comparison, 'other'>
  /** `other` is no proof: a workspace can redirect its mail. */
  readonly recipient: Comparison
}

/** What became of an uncertain send, as far as Customer.io's list tells. */
export type Resolution =
  | { readonly kind: 'sent'; readonly deliveryId: string }
  /** `compared`: by what the deliveries were compared. */
  | { readonly kind: 'not_sent'; readonly compared: string }
  | { readonly kind: 'answer'; readonly outcome: Outcome }

/**
 * Resolves an uncertain send. Only one delivery that is certainly this message's makes it sent, and only a list without
 * any that may be its makes it not sent.
 *
 * `others`: the other records of that person, as they were after the deliveries had been read; `held`: those of the
 * deliveries that a record holds, read last. Whoever made one of them had an open record before, and holds it afterwards.
 */
export function resolve(
  record: Sort,
  window: Window,
  found: { readonly deliveries: readonly Delivery[]; readonly compared: string },
  others: readonly StoredRecord[],
  held: ReadonlySet<string>,
  listDelayMs: number,
): Resolution {
  const candidates = createdWithin(window, found.deliveries).filter(({ id }) => !held.has(id))
  if (candidates.length === 0) return { kind: 'not_sent', compared: found.compared }
  const rivals = others.filter(
    (other) => mayShareDeliveries(record, other) && mayHaveMadeAny(other, window, listDelayMs),
  )
  if (rivals.some((rival) => isOpen(rival) && holdEndMs(rival) > rival.readAtMs)) {
    return wait('another message that may have the same template is being sent to the same person')
  }
  const own = ownDelivery(candidates)
  if (own !== undefined && rivals.length === 0) return { kind: 'sent', deliveryId: own.id }
  const { length } = candidates
  const listed = `Customer.io lists ${length === 1 ? '1 delivery' : `${length} deliveries`} that may be its own`
  const made =
    rivals.length === 0 ? '' : `, and ${rivals.length + 1} messages may have made ${length === 1 ? 'it' : 'them'}`
  return { kind: 'answer', outcome: uncertain(`${listed}${made}. Compared: ${found.compared}`) }
}

/** The one delivery that is certainly the message's, if there is exactly one. */
function ownDelivery(candidates: readonly Delivery[]): Delivery | undefined {
  const certain = candidates.filter(({ person, template }) => person === 'same' && template === 'same')
  const toRecipient = certain.filter(({ recipient }) => recipient === 'same')
  const [exact] = toRecipient
  // Mail to the very address that was asked for is not redirected, so those to other addresses are other messages.
  if (exact !== undefined && candidates.every((each) => each === exact || each.recipient === 'other')) return exact
  const [only] = certain
  return candidates.length === 1 && only?.recipient === 'unknown' ? only : undefined
}

/** The deliveries that a holder can have made. */
export function createdWithin(window: Window, deliveries: readonly Delivery[]): readonly Delivery[] {
  return deliveries.filter(({ createdAtMs }) => createdAtMs >= window.fromMs && createdAtMs <= window.untilMs)
}

type Sort = Pick<StoredRecord, 'channel' | 'template'>

/** A trigger name may stand for any number, and a message without a template counts as one: only two numbers differ for certain. */
function mayShareDeliveries(one: Sort, other: Sort): boolean {
  if (one.channel !== other.channel) return false
  return one.template === other.template || !isTemplateNumber(one.template) || !isTemplateNumber(other.template)
}

/** Whether Customer.io lists deliveries under this very template. */
export function isTemplateNumber(template: string | null | undefined): boolean {
  return /^[1-9]\d{0,14}$/.test(template ?? '')
}

/**
 * Whether another message may have made a delivery within a time that no record holds: it is open, or it was when a person
 * settled it, whatever they decided and whatever it did afterwards.
 */
function mayHaveMadeAny(other: StoredRecord, window: Window, listDelayMs: number): boolean {
  if (other.expiresAtMs <= other.readAtMs) return false
  const { settledAtMs = Number.NEGATIVE_INFINITY } = other
  return window.fromMs <= settledAtMs || (isOpen(other) && overlap(window, madeWithin(other, listDelayMs)))
}

/**
 * When deliveries of another open record can have been made. Of one that says `claimed` nobody knows that its holder's call is
 * over: a process can freeze before it for any time.
 */
function madeWithin(other: StoredRecord, listDelayMs: number): Window {
  const window = windowOf(other, listDelayMs)
  return other.state === 'claimed' ? { ...window, untilMs: Number.POSITIVE_INFINITY } : window
}

function overlap(one: Window, other: Window): boolean {
  return one.fromMs <= other.untilMs && other.fromMs <= one.untilMs
}
