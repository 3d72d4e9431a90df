import type { Outcome } from '../outcome/index.ts'
import type { StoredRecord } from './record.ts'

/** Customer.io's clock and the store's may differ by this, and Customer.io gives whole seconds. */
const CLOCK_TOLERANCE_MS = 5_000

/** One line of Customer.io's list of deliveries. */
export interface Delivery {
  readonly id: string
  readonly createdAtMs: number
}

/** The time in which what a record's holders sent was created. */
export interface Window {
  readonly fromMs: number
  readonly untilMs: number
}

/** What a new delivery of a key is to do about the record that is there. */
export type Action =
  /** Nothing was sent that this could repeat: claim it. */
  | { readonly kind: 'claim' }
  | { readonly kind: 'answer'; readonly outcome: Outcome }
  /** It may have been sent: ask Customer.io for deliveries created in this time. */
  | { readonly kind: 'look_up'; readonly window: Window }

/** `askable`: Customer.io can be asked for the deliveries of this message. */
export function decide(
  record: StoredRecord,
  message: { readonly contentHash: string; readonly askable: boolean },
  settleMs: number,
): Action {
  if (record.expiresAtMs <= record.readAtMs) return { kind: 'claim' }
  const sameContent = record.contentHash === message.contentHash
  switch (record.state) {
    case 'refused':
    case 'released':
      return { kind: 'claim' }
    case 'sent':
      if (!sameContent) return CONTENT_CHANGED
      return { kind: 'answer', outcome: sentBefore(record.deliveryId) }
    case 'claimed':
    case 'uncertain':
      if (holdEndMs(record) > record.readAtMs) return wait('another delivery of the same key is being sent')
      if (!sameContent) return CONTENT_CHANGED
      if (!message.askable) return { kind: 'answer', outcome: uncertain('Customer.io cannot be asked about it') }
      if (holdEndMs(record) + settleMs > record.readAtMs) {
        return wait('it may have been sent: Customer.io is asked when its list has had time to show it')
      }
      return { kind: 'look_up', window: windowOf(record, settleMs) }
  }
}

/** What the answer to a look-up means for the record it was made for. */
export type Verdict =
  | { readonly kind: 'sent'; readonly deliveryId: string }
  | { readonly kind: 'not_sent' }
  | { readonly kind: 'answer'; readonly outcome: Outcome }

/**
 * `others`: the other records of that person and template; `held`: those of the deliveries that a record holds. Both were
 * read after the deliveries, `held` last: whoever made one of them had an open record before, and holds it afterwards.
 */
export function judge(
  window: Window,
  deliveries: readonly Delivery[],
  others: readonly StoredRecord[],
  held: ReadonlySet<string>,
  settleMs: number,
): Verdict {
  const candidates = createdWithin(window, deliveries).filter(({ id }) => !held.has(id))
  const [candidate] = candidates
  if (candidate === undefined) return { kind: 'not_sent' }
  const rivals = others.filter((other) => isOpen(other) && overlap(window, windowOf(other, settleMs)))
  if (rivals.some((rival) => holdEndMs(rival) > rival.readAtMs)) {
    return wait('another message with the same template is being sent to the same person')
  }
  if (candidates.length === 1 && rivals.length === 0) return { kind: 'sent', deliveryId: candidate.id }
  const why = `${candidates.length} deliveries and ${rivals.length + 1} messages that may have made them`
  return { kind: 'answer', outcome: uncertain(why) }
}

/** The deliveries that a holder can have made. */
export function createdWithin(window: Window, deliveries: readonly Delivery[]): readonly Delivery[] {
  return deliveries.filter(({ createdAtMs }) => createdAtMs >= window.fromMs && createdAtMs <= window.untilMs)
}

/** It was sent by an earlier delivery of the same key. */
export function sentBefore(deliveryId: string | null): Outcome {
  return { kind: 'delivered', duplicate: true, ...(deliveryId === null ? {} : { deliveryId }) }
}

/** For a person to decide. */
export function uncertain(why: string): Outcome {
  return { kind: 'refused', reason: 'uncertain', error: `may or may not have been sent: ${why}` }
}

const CONTENT_CHANGED: Action = {
  kind: 'answer',
  outcome: {
    kind: 'refused',
    reason: 'content_changed',
    error: 'the idempotency key was used before with other content: publish it with a key of its own',
  },
}

function wait(error: string): { readonly kind: 'answer'; readonly outcome: Outcome } {
  return { kind: 'answer', outcome: { kind: 'retry', cause: 'busy', error } }
}

/** No send of this record's holder begins or is under way after it. */
export function holdEndMs(record: StoredRecord): number {
  return record.updatedAtMs + (record.state === 'claimed' ? record.leaseMs : 0)
}

function isOpen(record: StoredRecord): boolean {
  return (record.state === 'claimed' || record.state === 'uncertain') && record.expiresAtMs > record.readAtMs
}

function windowOf(record: StoredRecord, settleMs: number): Window {
  return {
    fromMs: record.claimedAtMs - CLOCK_TOLERANCE_MS,
    untilMs: holdEndMs(record) + settleMs + CLOCK_TOLERANCE_MS,
  }
}

function overlap(one: Window, other: Window): boolean {
  return one.fromMs <= other.untilMs && other.fromMs <= one.untilMs
}
