import { text } from '../json/index.ts'
import type { Event, QuarantineReason } from './event.ts'
import { mailboxOf, type PersonNamed, personConcerned, recipientsOf } from './person.ts'
import { readPreferences } from './preferences.ts'

/** What an event changes of what a person may be sent. */
export type Change =
  | { readonly kind: 'global'; readonly subscribed: boolean }
  | { readonly kind: 'topic' | 'channel'; readonly name: string; readonly subscribed: boolean }
  /** Says nothing about consent. */
  | { readonly kind: 'hard_bounce' }
  /**
   * An opt-out, if the person complained. `subscribed` is undefined when the message had been sent to another address
   * than the person's: then it is somebody else who complained.
   */
  | { readonly kind: 'complaint'; readonly subscribed: false | undefined }

/** What a webhook says about consent. Every reader of webhooks takes it from here. */
export interface Consent {
  /** Undefined when nobody is named. */
  readonly person: PersonNamed | undefined
  readonly changes: readonly Change[]
  /** When the changes were made: ISO 8601. */
  readonly at: string
  /** A change that the event certainly made, and that is not among `changes`. */
  readonly lost?: { readonly reason: QuarantineReason; readonly error: string }
}

export const PREFERENCE_METRICS: ReadonlySet<string | undefined> = new Set([
  'cio_subscription_preferences_changed',
  'subscription_preferences_changed',
])

/** Metrics that say whether a person may be written to. */
export const CONSENT_METRICS: ReadonlySet<string | undefined> = new Set([
  ...PREFERENCE_METRICS,
  'subscribed',
  'unsubscribed',
  'spammed',
])

/** A choice cannot have been made later than this after it was reported. */
const MAX_AHEAD_MS = 86_400_000

/**
 * Reads what an event says about consent. Pure; never throws.
 *
 * An opt-out whose time cannot be read, or is more than a day ahead, counts from its arrival: in doubt nobody is written
 * to. An opt-in of such a time does not count.
 *
 * @param receivedAt when the webhook arrived, ISO 8601
 */
export function readConsent(event: Event, receivedAt: string): Consent {
  const { changes, notUnderstood } = changesOf(event)
  const at = timeOf(event, receivedAt)
  const taken = at === undefined ? changes.filter(isOptOut) : changes
  const person = personConcerned(event)
  const consent = { person, changes: person === undefined ? [] : taken, at: at ?? receivedAt }
  if (person === undefined && (changes.length > 0 || notUnderstood !== undefined)) {
    return {
      ...consent,
      lost: { reason: 'no_person', error: 'a subscription changed, but there is nobody to note it for' },
    }
  }
  if (notUnderstood !== undefined)
    return { ...consent, lost: { reason: 'preferences_not_understood', error: notUnderstood } }
  if (taken.length === changes.length) return consent
  const error = 'a subscription changed, but when cannot be read'
  return {
    ...consent,
    lost: { reason: event.timestamp === undefined ? 'no_timestamp' : 'timestamp_out_of_range', error },
  }
}

function isOptOut(change: Change): boolean {
  return change.kind !== 'hard_bounce' && change.subscribed === false
}

function timeOf({ timestamp }: Event, receivedAt: string): string | undefined {
  if (timestamp === undefined || Date.parse(timestamp) > Date.parse(receivedAt) + MAX_AHEAD_MS) return undefined
  return timestamp
}

function changesOf(event: Event): { readonly changes: readonly Change[]; readonly notUnderstood?: string } {
  const { metric, fields } = event
  if (PREFERENCE_METRICS.has(metric)) {
    const { preferences, notUnderstood } = readPreferences(fields.content)
    return { changes: preferences, ...(notUnderstood !== undefined && { notUnderstood }) }
  }
  switch (metric) {
    case 'subscribed':
      return { changes: [{ kind: 'global', subscribed: true }] }
    case 'unsubscribed':
      return { changes: [{ kind: 'global', subscribed: false }] }
    case 'bounced':
      return { changes: [{ kind: 'hard_bounce' }] }
    case 'spammed': {
      const [recipient, email] = [text(fields.recipient), personConcerned(event)?.email]
      const another =
        recipient !== undefined && email !== undefined && !recipientsOf(recipient).includes(mailboxOf(email))
      return { changes: [{ kind: 'complaint', subscribed: another ? undefined : false }] }
    }
    default:
      return { changes: [] }
  }
}
