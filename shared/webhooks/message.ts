import { cutBytes, PUBSUB_LIMITS } from '../delivery/index.ts'
import { isRecord } from '../json/index.ts'
import { formatTraceparent, parseTraceparent } from '../trace/index.ts'
import { parseWebhookEvent, type QuarantineReason, type WebhookEvent } from './event.ts'

/**
 * The contract of the topic `webhook-events`. `data` is the webhook's body, byte for byte as it was signed, unless
 * `truncated` says otherwise; the attributes are for filters, so that a subscriber gets only what it asks for.
 */
export interface WebhookAttributes {
  readonly object_type?: string
  readonly metric?: string
  readonly event_id?: string
  /** Why the body was not understood; absent on an event that was. */
  readonly quarantine?: QuarantineReason
  /**
   * `data.content`: the event was too large for Pub/Sub, and is JSON written again without that field.
   * `body`: not even that was enough (or it is no JSON), and `data` is the beginning of the body.
   */
  readonly truncated?: 'data.content' | 'body'
  /** Unix seconds, as Customer.io signed them. */
  readonly signature_timestamp: string
  /** ISO 8601. */
  readonly received_at: string
  /** W3C trace context of the request. */
  readonly traceparent?: string
}

export interface WebhookMessage {
  readonly data: Buffer
  readonly attributes: WebhookAttributes
}

export interface ReceivedWebhook {
  readonly body: Buffer
  readonly signatureTimestamp: string
  readonly receivedAtMs: number
  /** The request's header; left out of the message when it is no valid trace context. */
  readonly traceparent?: string | undefined
}

/** Body bytes that a publish request takes, the rest being for attributes and encoding: at most 7 × 1,100 and 1,024. */
export const MAX_DATA_BYTES = PUBSUB_LIMITS.messageBytes - 16_384

/**
 * Makes the message of an authentic webhook. Everything that Customer.io signed becomes a message, whatever it is.
 *
 * @returns the message and, when the body was understood, the event. Never throws.
 */
export function webhookMessageOf(webhook: ReceivedWebhook): {
  readonly message: WebhookMessage
  readonly event?: WebhookEvent
} {
  const { body } = webhook
  const trace = parseTraceparent(webhook.traceparent)
  const parsed = parseWebhookEvent(body)
  const about = {
    signature_timestamp: webhook.signatureTimestamp,
    received_at: new Date(webhook.receivedAtMs).toISOString(),
    ...(trace !== undefined && { traceparent: formatTraceparent(trace) }),
  }
  if (typeof parsed === 'string') return { message: quarantined(body, { ...about, quarantine: parsed }) }

  const event = parsed
  const attributes = {
    ...about,
    ...attribute('object_type', event.object_type),
    ...attribute('metric', event.metric),
    ...attribute('event_id', event.event_id),
  }
  if (body.length <= MAX_DATA_BYTES) return { message: { data: body, attributes }, event }

  const shortened = withoutContent(event)
  if (shortened !== undefined && shortened.length <= MAX_DATA_BYTES) {
    return { message: { data: shortened, attributes: { ...attributes, truncated: 'data.content' } }, event }
  }
  return { message: quarantined(body, { ...attributes, quarantine: 'too_large' }), event }
}

function quarantined(body: Buffer, attributes: WebhookAttributes): WebhookMessage {
  if (body.length <= MAX_DATA_BYTES) return { data: body, attributes }
  return { data: body.subarray(0, MAX_DATA_BYTES), attributes: { ...attributes, truncated: 'body' } }
}

function attribute(name: string, value: unknown): Record<string, string> {
  if (typeof value !== 'string' || value === '') return {}
  return { [name]: cutBytes(value, PUBSUB_LIMITS.attributeValueBytes) }
}

function withoutContent(event: WebhookEvent): Buffer | undefined {
  if (!isRecord(event.data)) return undefined
  const { content: _, ...data } = event.data
  try {
    return Buffer.from(JSON.stringify({ ...event, data }))
  } catch {
    // JSON can be nested deeper than JSON.stringify follows.
    return undefined
  }
}
