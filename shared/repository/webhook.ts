import { createHash } from 'node:crypto'
import {
  arrivalOf,
  type Change,
  CONSENT_METRICS,
  type Consent,
  type Event,
  type PersonNamed,
  parseEvent,
  readConsent,
  recipientsOf,
} from '../consent/index.ts'
import { text } from '../json/index.ts'
import type { Observation } from './choice.ts'
import { type PreferenceName, preferenceName } from './preferences.ts'
import type { UnreadWebhook } from './store.ts'

/** A message of the topic `webhook-events`, as the Pub/Sub client or a push request hands it over. */
export interface PubSubMessage {
  readonly data: Uint8Array | string
  readonly attributes?: Readonly<Record<string, string>>
  /** When it was published; counts where the attribute `received_at` is missing. */
  readonly publishTime?: Date | string
}

/** What a webhook says about the person it names. */
export interface WebhookNews {
  readonly person: PersonNamed
  readonly observations: readonly (readonly [PreferenceName, Observation])[]
  /** Where the message went that bounced for good or made somebody complain: one mailbox, or in doubt each of several. */
  readonly undeliverable?: { readonly mailboxes: readonly string[]; readonly at: number }
  /** A part of it that could not be read. */
  readonly unread?: UnreadWebhook
}

export type ReadWebhook =
  | { readonly kind: 'news'; readonly news: WebhookNews }
  /** It says nothing about preferences. */
  | { readonly kind: 'ignored'; readonly reason: 'not_understood' | 'no_preference' }
  /** It says something about preferences, and what cannot be read. */
  | { readonly kind: 'unread'; readonly webhook: UnreadWebhook }

/**
 * The filter of a subscription that gets just what `readWebhook` understands (Pub/Sub takes 256 bytes at most).
 * Whatever else arrives is ignored, so a wider subscription works too.
 */
export const WEBHOOK_FILTER = [
  'subscribed',
  'unsubscribed',
  'cio_subscription_preferences_changed',
  'subscription_preferences_changed',
  'bounced',
  'spammed',
]
  .map((metric) => `attributes.metric="${metric}"`)
  .join(' OR ')

/**
 * What a message of `webhook-events` means for preferences, read as the warehouse reads it. Never throws. Only an email's
 * `bounced` counts as a hard bounce: soft ones are `deferred`.
 */
export function readWebhook(message: PubSubMessage, nowMs: number): ReadWebhook {
  const body = Buffer.from(message.data)
  const { attributes = {}, publishTime } = message
  const published = publishTime instanceof Date ? publishTime.toISOString() : publishTime
  const receivedAt = arrivalOf(attributes.received_at, published, nowMs)
  const unread = (reason: string, error: string, eventId?: string): UnreadWebhook => ({
    // Without an id, or with one that no database holds as text: by its content.
    key: eventId === undefined || eventId.includes('\0') ? createHash('sha256').update(body).digest('hex') : eventId,
    receivedAt: secondsOf(receivedAt),
    reason,
    error,
    attributes,
    body,
  })
  if (attributes.quarantine !== undefined) {
    if (!CONSENT_METRICS.has(attributes.metric)) return { kind: 'ignored', reason: 'not_understood' }
    const error = 'the webhook function did not understand it'
    return { kind: 'unread', webhook: unread(attributes.quarantine, error, attributes.event_id) }
  }
  const parsed = parseEvent(body, nowMs)
  const event = parsed.ok ? parsed.event : parsed.undated
  if (event === undefined) {
    if (parsed.ok || !CONSENT_METRICS.has(attributes.metric)) return { kind: 'ignored', reason: 'not_understood' }
    return { kind: 'unread', webhook: unread(parsed.reason, parsed.error) }
  }
  const consent = readConsent(event, receivedAt)
  const observations = observationsOf(event, consent)
  const undeliverable = undeliverableOf(event, consent)
  const lost = consent.lost && unread(consent.lost.reason, consent.lost.error, event.eventId)
  const { person } = consent
  const isKnown = person?.id !== undefined || person?.email !== undefined
  if (observations.length === 0 && undeliverable === undefined) {
    if (lost !== undefined) return { kind: 'unread', webhook: lost }
    if (parsed.ok || !CONSENT_METRICS.has(event.metric)) return { kind: 'ignored', reason: 'no_preference' }
    return { kind: 'unread', webhook: unread(parsed.reason, parsed.error, event.eventId) }
  }
  if (person === undefined || !isKnown) {
    return { kind: 'unread', webhook: unread('no_person', 'it names neither an id nor an address', event.eventId) }
  }
  return {
    kind: 'news',
    news: { person, observations, ...(undeliverable && { undeliverable }), ...(lost && { unread: lost }) },
  }
}

function secondsOf(iso: string): number {
  return Math.floor(Date.parse(iso) / 1000)
}

function observationsOf(event: Event, { changes, at }: Consent): readonly (readonly [PreferenceName, Observation])[] {
  const values = changes.flatMap((change) => {
    const name = nameOf(change)
    const value = change.kind === 'hard_bounce' ? undefined : change.subscribed
    return name === undefined || value === undefined ? [] : [{ name, value, kind: change.kind }]
  })
  const isClick = text(event.fields.delivery_id) !== undefined
  return values.map(({ name, value, kind }) => {
    const alone = isClick ? 'click' : 'unattributed'
    const source = kind === 'complaint' ? 'complaint' : values.length > 1 ? 'snapshot' : alone
    return [name, { value, at: secondsOf(at), source }]
  })
}

function nameOf(change: Change): PreferenceName | undefined {
  switch (change.kind) {
    case 'global':
    case 'complaint':
      return 'marketing'
    case 'topic':
      return preferenceName(change.name)
    case 'channel':
      return preferenceName(`channel_${change.name}`)
    case 'hard_bounce':
      return undefined
  }
}

function undeliverableOf(event: Event, { changes, at, person }: Consent): WebhookNews['undeliverable'] {
  const isDead = changes.some(({ kind }) => kind === 'hard_bounce' || kind === 'complaint')
  const address = text(event.fields.recipient) ?? person?.email
  if (event.objectType !== 'email' || !isDead || address === undefined) return undefined
  return { mailboxes: recipientsOf(address), at: secondsOf(at) }
}
