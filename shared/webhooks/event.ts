import { eventIdOf, isTooComplex } from '../consent/index.ts'
import { isRecord, parseJson } from '../json/index.ts'

/**
 * The events of reporting webhooks. Customer.io documents the fields below; it adds types, metrics and fields without
 * notice and leaves documented ones out, so nothing but `event_id` is checked and every field may be absent.
 * https://docs.customer.io/api/webhooks/
 */

/**
 * The object type of the webhook that the probe signs and sends (functions/probe). It goes the way of Customer.io's own into
 * the table `webhook_events`; no listener, no view and no metric but the probe's own counts it.
 */
export const PROBE_OBJECT_TYPE = 'probe'

/** Who an event is about. Any of them can be null; `customer_id` beside it is the deprecated form. */
export interface WebhookIdentifiers {
  readonly id?: string | null
  readonly email?: string | null
  readonly cio_id?: string | null
  /** In workspaces that tell people apart by it. */
  readonly phone?: string | null
}

/** Fields that any event may carry. Which of the ids of a message is there tells where it came from. */
export interface CommonData {
  readonly identifiers?: WebhookIdentifiers | null
  readonly customer_id?: string | null
  readonly delivery_id?: string
  readonly campaign_id?: number
  readonly campaign_name?: string
  readonly campaign_tags?: readonly string[]
  readonly broadcast_id?: number
  readonly broadcast_name?: string
  readonly broadcast_tags?: readonly string[]
  readonly newsletter_id?: number
  readonly transactional_message_id?: number
  readonly trigger_id?: number
  readonly trigger_event_id?: string
  readonly action_id?: number
  readonly parent_action_id?: number
  readonly template_id?: number
  readonly journey_id?: string
  readonly content_id?: number
  readonly [field: string]: unknown
}

/** One reporting webhook. */
export interface WebhookEvent<Data extends CommonData = CommonData> {
  /** The same on every retry: the key for de-duplication. */
  readonly event_id: string
  /** The channel, or `customer`. Taken from `object_type_type` where only that is there. */
  readonly object_type?: string
  readonly metric?: string
  /** Unix seconds. */
  readonly timestamp?: number
  readonly data?: Data
  readonly [field: string]: unknown
}

interface Recipient {
  readonly recipient?: string
}
interface Failure {
  readonly failure_message?: string
}
interface Content {
  /** The whole message as it was sent, where the webhook is set to include it: personal data, and large. */
  readonly content?: string
}
interface Link {
  readonly href?: string
  readonly link_id?: number
}
interface Reply extends Recipient {
  readonly inbound_event_id?: string
  readonly to?: string
}
interface Subject {
  readonly subject?: string
}
type Email = CommonData & Subject & Recipient
type PushDevice = { readonly device_id?: string; readonly device_platform?: string; readonly failure_message?: string }
type Push = CommonData & {
  readonly recipients?: readonly PushDevice[]
  readonly app_id?: number
  /** Other deliveries that belong to the same push. */
  readonly related_delivery_ids?: readonly string[]
}
type Person = CommonData & { readonly email_address?: string | null }

/** The data of each event that Customer.io documents, by `object_type.metric`. */
export interface KnownWebhookData {
  'customer.subscribed': Person
  'customer.unsubscribed': Person
  /** `content` is JSON in a string: `topics` and `channels`. May carry a channel as its object type. */
  'customer.cio_subscription_preferences_changed': Person & Content

  'email.drafted': Email
  'email.attempted': CommonData & Failure
  'email.sent': Email & Content & { readonly headers?: Readonly<Record<string, unknown>> | null }
  'email.delivered': Email
  /** One that is `proxied`, `prefetched` or `synthetic` was opened by a machine. */
  'email.opened': Email & {
    readonly proxied?: boolean
    readonly prefetched?: boolean
    readonly synthetic?: boolean
  }
  /** One that is `machine` was clicked by a machine. */
  'email.clicked': Email & Link & { readonly machine?: boolean }
  'email.converted': Email
  'email.unsubscribed': Email
  'email.bounced': Email & Failure
  'email.dropped': Email & Failure
  'email.deferred': Email & Failure
  'email.spammed': Email
  'email.failed': CommonData & Subject & Failure
  'email.undeliverable': Email & Failure

  'push.drafted': CommonData
  'push.attempted': CommonData & Failure
  'push.sent': Push & Content
  'push.delivered': Push
  'push.opened': Push
  'push.clicked': Push & Link
  'push.converted': Push
  'push.bounced': Push
  'push.dropped': Push
  'push.failed': CommonData & Failure
  'push.undeliverable': CommonData & Failure

  'in_app.drafted': CommonData
  'in_app.attempted': CommonData & Failure
  'in_app.sent': CommonData & Recipient & Content
  'in_app.opened': CommonData
  'in_app.clicked': CommonData & Recipient & Link & { readonly tracked_response?: string }
  'in_app.converted': CommonData & Recipient
  'in_app.failed': CommonData & Failure
  'in_app.undeliverable': CommonData & Failure

  'sms.drafted': CommonData
  'sms.attempted': CommonData & Failure
  'sms.sent': CommonData & Recipient & Content
  'sms.delivered': CommonData & Recipient
  'sms.clicked': CommonData & Recipient & Link
  'sms.converted': CommonData & Recipient
  'sms.bounced': CommonData & Recipient & Failure
  'sms.dropped': CommonData & Recipient & Failure
  'sms.failed': CommonData & Failure
  'sms.undeliverable': CommonData & Failure
  'sms.replied': CommonData & Reply

  'slack.drafted': CommonData
  'slack.attempted': CommonData & Failure
  'slack.sent': CommonData & Recipient & Content
  'slack.clicked': CommonData & Recipient & Link
  'slack.converted': CommonData & Recipient
  'slack.failed': CommonData & Failure
  'slack.undeliverable': CommonData & Failure

  'webhook.drafted': CommonData
  'webhook.attempted': CommonData & Failure
  'webhook.sent': CommonData & Recipient & Content
  'webhook.clicked': CommonData & Recipient & Link
  'webhook.converted': CommonData & Recipient
  'webhook.failed': CommonData & Failure
  'webhook.undeliverable': CommonData & Failure

  'whatsapp.drafted': CommonData
  'whatsapp.attempted': CommonData & Failure
  'whatsapp.sent': CommonData & Recipient & Content
  'whatsapp.delivered': CommonData & Recipient
  'whatsapp.opened': CommonData & Recipient
  'whatsapp.clicked': CommonData & Recipient & Link
  'whatsapp.converted': CommonData & Recipient
  'whatsapp.bounced': CommonData & Recipient & Failure
  'whatsapp.dropped': CommonData & Recipient & Failure
  'whatsapp.failed': CommonData & Failure
  'whatsapp.undeliverable': CommonData & Failure
  'whatsapp.replied': CommonData & Reply
}

/** Why an authentic webhook was not understood. The `quarantine` attribute of its message. */
export const QUARANTINE_REASONS = [
  'not_json', // the body is not JSON
  'not_an_object', // it is JSON, but no object
  'too_complex', // more values than are worth the memory to parse them
  'no_event_id', // `event_id` is neither text nor a whole number, or empty: nothing to de-duplicate by
  'too_large', // understood, but does not fit a Pub/Sub message even without `data.content`
] as const
export type QuarantineReason = (typeof QUARANTINE_REASONS)[number]

/** Reads the body of an authentic webhook. Never throws. */
export function parseWebhookEvent(body: Buffer): WebhookEvent | Exclude<QuarantineReason, 'too_large'> {
  if (isTooComplex(body)) return 'too_complex'
  let json: unknown
  try {
    json = JSON.parse(body.toString('utf8'))
  } catch {
    return 'not_json'
  }
  if (!isRecord(json)) return 'not_an_object'
  const event_id = typeof json.event_id === 'number' ? exactEventId(body) : eventIdOf(json.event_id)
  if (event_id === undefined) return 'no_event_id'
  return json.object_type === undefined && typeof json.object_type_type === 'string'
    ? { ...json, event_id, object_type: json.object_type_type }
    : { ...json, event_id }
}

/** The digits of an id that may have more of them than a number of JavaScript holds. */
function exactEventId(body: Buffer): string | undefined {
  const json = parseJson(body.toString('utf8'))
  return isRecord(json) ? eventIdOf(json.event_id) : undefined
}
