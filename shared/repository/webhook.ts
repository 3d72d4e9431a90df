import * as z from 'zod'
import type { Observation } from './choice.ts'
import { type PreferenceName, preferenceName } from './preferences.ts'

/** A message of the topic `webhook-events`, as the Pub/Sub client or a push request hands it over. */
export interface PubSubMessage {
  readonly data: Uint8Array | string
  readonly attributes?: Readonly<Record<string, string>>
}

/** What a webhook says about the person it names. */
export interface WebhookNews {
  readonly eventId: string
  readonly person: PersonNamed
  readonly observations: readonly (readonly [PreferenceName, Observation])[]
  /** The address that bounced for good or complained. */
  readonly undeliverable?: { readonly address: string; readonly at: number }
}

/** Identifiers as Customer.io gives them. An application's own id wins; the address is for people known only by that. */
export interface PersonNamed {
  readonly id?: string
  readonly email?: string
}

export type ReadWebhook =
  | { readonly kind: 'news'; readonly news: WebhookNews }
  | { readonly kind: 'ignored'; readonly reason: 'not_understood' | 'no_preference' | 'no_person' }

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

const text = z.string().min(1).nullish().catch(undefined)

/** Above are milliseconds (the contract's bound is 1e11), and a choice of such a time could never be told. */
const LATEST_SECONDS = 99_000_000_000

// The vendor's schema is open: what is not named here passes, and a field of an unexpected type counts as absent.
const webhook = z.looseObject({
  event_id: z.string(),
  object_type: z.string().optional(),
  metric: z.string(),
  timestamp: z.number().int().positive().max(LATEST_SECONDS),
  data: z.looseObject({
    customer_id: text,
    delivery_id: text,
    email_address: text,
    recipient: text,
    content: text,
    identifiers: z.looseObject({ id: text, email: text }).nullish().catch(undefined),
  }),
})
type Webhook = z.infer<typeof webhook>

const topics = z.looseObject({ topics: z.record(z.string(), z.unknown()) })

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function personOf(data: Webhook['data']): PersonNamed {
  const id = data.identifiers?.id ?? data.customer_id ?? undefined
  const email = data.identifiers?.email ?? data.email_address ?? undefined
  return { ...(id !== undefined && { id }), ...(email !== undefined && { email }) }
}

/** Which topics a `cio_subscription_preferences_changed` names; its content is JSON inside a string. */
function topicObservations(event: Webhook): readonly (readonly [PreferenceName, Observation])[] {
  const content = topics.safeParse(parseJson(event.data.content ?? ''))
  if (!content.success) return []
  const values = Object.entries(content.data.topics).flatMap(([key, value]) => {
    const name = preferenceName(key)
    return name?.startsWith('topic_') && typeof value === 'boolean' ? [[name, value] as const] : []
  })
  const source = values.length > 1 ? 'snapshot' : clickOrUnattributed(event)
  return values.map(([name, value]) => [name, { value, at: event.timestamp, source }])
}

function clickOrUnattributed(event: Webhook): 'click' | 'unattributed' {
  return typeof event.data.delivery_id === 'string' ? 'click' : 'unattributed'
}

function observationsOf(event: Webhook): readonly (readonly [PreferenceName, Observation])[] {
  const at = event.timestamp
  switch (event.metric) {
    case 'subscribed':
      return [['marketing', { value: true, at, source: clickOrUnattributed(event) }]]
    case 'unsubscribed':
      return [['marketing', { value: false, at, source: clickOrUnattributed(event) }]]
    case 'spammed':
      return [['marketing', { value: false, at, source: 'complaint' }]]
    case 'cio_subscription_preferences_changed':
    case 'subscription_preferences_changed':
      return topicObservations(event)
    default:
      return []
  }
}

/**
 * What a message of `webhook-events` means for preferences. Never throws: what cannot be understood, now or ever, is
 * `ignored`, to be acknowledged. Only an email's `bounced` counts as a hard bounce: soft ones are `deferred`.
 */
export function readWebhook(message: PubSubMessage): ReadWebhook {
  const body = typeof message.data === 'string' ? message.data : Buffer.from(message.data).toString('utf8')
  const parsed = webhook.safeParse(parseJson(body))
  if (!parsed.success) return { kind: 'ignored', reason: 'not_understood' }
  const event = parsed.data
  const observations = observationsOf(event)
  const person = personOf(event.data)
  const address = event.data.recipient ?? person.email
  const bounced = event.object_type === 'email' && (event.metric === 'bounced' || event.metric === 'spammed')
  const undeliverable = bounced && address !== undefined ? { address, at: event.timestamp } : undefined
  if (observations.length === 0 && undeliverable === undefined) return { kind: 'ignored', reason: 'no_preference' }
  if (person.id === undefined && person.email === undefined) return { kind: 'ignored', reason: 'no_person' }
  return {
    kind: 'news',
    news: { eventId: event.event_id, person, observations, ...(undeliverable && { undeliverable }) },
  }
}
