import type { Outcome } from '../outcome/index.ts'
import type { MessageHashes } from './hashes.ts'
import type { StoredRecord } from './record.ts'

/** Customer.io's clock and the store's may differ by this, and Customer.io gives whole seconds. */
const CLOCK_TOLERANCE_MS = 5_000

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

/**
 * @param message `notAskable`: why Customer.io cannot be asked for the deliveries of this message, if it cannot
 * @param listDelayMs after it Customer.io's list shows every delivery
 */
export function decide(
  record: StoredRecord,
  message: { readonly contentAs: MessageHashes['contentAs']; readonly notAskable: string | undefined },
  listDelayMs: number,
): Action {
  if (record.expiresAtMs <= record.readAtMs) return { kind: 'claim' }
  const content = message.contentAs(record.hashes)
  const sameContent = record.hashes.content === content
  switch (record.state) {
    case 'refused':
    case 'released':
      return { kind: 'claim' }
    case 'sent':
      if (content === undefined) return KEY_IS_GONE
      if (!sameContent) return CONTENT_CHANGED
      return { kind: 'answer', outcome: sentBefore(record.deliveryId) }
    case 'claimed':
    case 'uncertain':
      if (holdEndMs(record) > record.readAtMs) return wait('another delivery of the same key is being sent')
      if (content === undefined) return KEY_IS_GONE
      if (!sameContent) return CONTENT_CHANGED
      if (message.notAskable !== undefined) return { kind: 'answer', outcome: uncertain(message.notAskable) }
      if (holdEndMs(record) + listDelayMs > record.readAtMs) {
        return wait('it may have been sent: Customer.io is asked when its list has had time to show it')
      }
      return { kind: 'look_up', window: windowOf(record, listDelayMs) }
  }
}

/** It was sent by an earlier delivery of the same key. */
export function sentBefore(deliveryId: string | null): Outcome {
  return { kind: 'delivered', duplicate: true, ...(deliveryId === null ? {} : { deliveryId }) }
}

/** For a person to decide. */
export function uncertain(why: string): Outcome {
  return { kind: 'refused', reason: 'uncertain', error: `may or may not have been sent: ${why}` }
}

/** Whether it is the same message cannot be told, so it waits until somebody puts the key back. */
const KEY_IS_GONE: Extract<Action, { kind: 'answer' }> = {
  kind: 'answer',
  outcome: {
    kind: 'retry',
    cause: 'configuration',
    error: 'the record was made with a key that PERSON_HASH_KEYS no longer has: put it back, after the current one',
  },
}

/** Whether the outcome is that the ring has not, or not yet, the key of the record. */
export function isKeyGone(outcome: Outcome): boolean {
  return outcome === KEY_IS_GONE.outcome
}

const CONTENT_CHANGED: Action = {
  kind: 'answer',
  outcome: {
    kind: 'refused',
    reason: 'content_changed',
    error: 'the idempotency key was used before with other content: publish it with a key of its own',
  },
}

/** To come again: nothing was tried. */
export function wait(error: string): { readonly kind: 'answer'; readonly outcome: Outcome } {
  return { kind: 'answer', outcome: { kind: 'retry', cause: 'busy', error } }
}

/** No send of this record's holder begins or is under way after it. */
export function holdEndMs(record: StoredRecord): number {
  return record.updatedAtMs + (record.state === 'claimed' ? record.leaseMs : 0)
}

/** It may have been sent, and nobody knows yet. */
export function isOpen(record: StoredRecord): boolean {
  return (record.state === 'claimed' || record.state === 'uncertain') && record.expiresAtMs > record.readAtMs
}

/** When what this record's holders sent was created. */
export function windowOf(record: StoredRecord, listDelayMs: number): Window {
  return {
    fromMs: record.claimedAtMs - CLOCK_TOLERANCE_MS,
    untilMs: holdEndMs(record) + listDelayMs + CLOCK_TOLERANCE_MS,
  }
}
