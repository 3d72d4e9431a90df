import { arrivalOf, type DatedEvent, type Event, parseEvent, type QuarantineReason } from '../consent/index.ts'
import { eventRow } from './event-row.ts'
import { type Novelty, noveltiesOf } from './novelties.ts'
import { insertIdOf, MAX_ROW_BYTES, type Row, rowBytes } from './row.ts'
import { subscriptionRows } from './subscription-rows.ts'
import { withoutUndefined } from './values.ts'

/** A message of the topic `webhook-events`. */
export interface WebhookEventMessage {
  /** The webhook's body as it was signed. */
  readonly data: Buffer
  readonly attributes: Readonly<Record<string, string>>
  readonly messageId: string
  /** RFC 3339. */
  readonly publishTime: string
}

/** One event as rows. It is safe when all of them are. */
export interface DecodedEvent {
  readonly rows: readonly Row[]
  /** The event as a row of the quarantine, for when BigQuery refuses one of `rows`; undefined when it is too large for that. */
  readonly quarantineRow: (error: string) => Row | undefined
  readonly novelties: readonly Novelty[]
  /** Of all rows together. */
  readonly bytes: number
  readonly eventId: string | undefined
}

export type Decoded =
  | { readonly ok: true; readonly value: DecodedEvent }
  /** No row of BigQuery can hold it. */
  | { readonly ok: false; readonly reason: 'refused'; readonly error: string }

/**
 * Turns a webhook into the rows it becomes: one in `webhook_events`, one in `subscription_changes` for each subscription
 * that it changes, and one in `webhook_quarantine` for what of it cannot be understood. Pure; never throws.
 *
 * An opt-out counts even when its time cannot be read: it is noted as of its arrival, beside the row in the quarantine.
 * What the webhook function did not understand (attribute `quarantine`) goes to the quarantine as it is. An event too
 * large for a row loses its `data.content`, the body of the message that was sent.
 */
export function decodeWebhookEvent(message: WebhookEventMessage, nowMs: number): Decoded {
  const receivedAt = arrivalOf(message.attributes.received_at, message.publishTime, nowMs)
  const { quarantine, truncated } = message.attributes
  if (quarantine !== undefined) {
    const { event_id, object_type, metric } = message.attributes
    const about = { eventId: event_id, objectType: object_type, metric }
    return quarantined(message, receivedAt, about, quarantine, 'the webhook function did not understand it')
  }
  const parsed = parseEvent(message.data, nowMs)
  if (!parsed.ok) {
    const { object_type, metric } = message.attributes
    const about = { eventId: parsed.eventId, objectType: object_type, metric }
    const optOuts = parsed.undated === undefined ? [] : subscriptionRows(parsed.undated, receivedAt).rows
    return quarantined(message, receivedAt, about, parsed.reason, parsed.error, optOuts)
  }
  const { event } = parsed
  const row = fittingRow(event, receivedAt, truncated)
  if (row === undefined) return quarantined(message, receivedAt, event, 'too_deep', 'nested too deep')
  if (rowBytes(row) > MAX_ROW_BYTES) return quarantined(message, receivedAt, event, 'too_large', 'no row can hold it')

  const subscriptions = subscriptionRows(event, receivedAt)
  const rows = [row, ...subscriptions.rows]
  const channels = subscriptions.rows.flatMap(({ json }) => (typeof json.channel === 'string' ? [json.channel] : []))
  if (subscriptions.lost !== undefined) {
    const { reason, error } = subscriptions.lost
    const kept = quarantineRow(message, receivedAt, event, reason, error)
    if (kept === undefined) return tooLarge
    rows.push(kept)
  }
  return {
    ok: true,
    value: {
      rows,
      quarantineRow: (error) => quarantineRow(message, receivedAt, event, 'row_refused', error),
      novelties: noveltiesOf(event, channels),
      bytes: bytesOf(rows),
      eventId: event.eventId,
    },
  }
}

const tooLarge: Decoded = { ok: false, reason: 'refused', error: 'larger than a row of BigQuery can be' }

function fittingRow(event: DatedEvent, receivedAt: string, truncated: string | undefined): Row | undefined {
  const row = eventRow(event, truncated === undefined ? { receivedAt } : { receivedAt, truncated })
  if (row === undefined || rowBytes(row) <= MAX_ROW_BYTES || event.fields.content === undefined) return row
  const { content: _, ...fields } = event.fields
  return eventRow({ ...event, data: fields, fields }, { receivedAt, truncated: 'data.content' })
}

type About = Partial<Pick<Event, 'eventId' | 'objectType' | 'metric'>>

function quarantined(
  message: WebhookEventMessage,
  receivedAt: string,
  about: { readonly [K in keyof About]: About[K] | undefined },
  reason: string,
  error: string,
  optOuts: readonly Row[] = [],
): Decoded {
  const row = quarantineRow(message, receivedAt, about, reason, error)
  if (row === undefined) return tooLarge
  const rows = [row, ...optOuts]
  // There is no other place for what is there already.
  const value = { rows, quarantineRow: () => undefined, novelties: [], bytes: bytesOf(rows), eventId: about.eventId }
  return { ok: true, value }
}

function quarantineRow(
  message: WebhookEventMessage,
  receivedAt: string,
  about: { readonly [K in keyof About]: About[K] | undefined },
  reason: QuarantineReason | string,
  error: string,
): Row | undefined {
  const { signature_timestamp, traceparent, truncated } = message.attributes
  const row: Row = {
    table: 'webhook_quarantine',
    insertId: insertIdOf(about.eventId ?? message.messageId, reason),
    json: withoutUndefined({
      received_at: receivedAt,
      reason,
      error,
      event_id: about.eventId,
      object_type: about.objectType,
      metric: about.metric,
      message_id: message.messageId,
      signature_timestamp,
      traceparent,
      truncated,
      body: message.data.toString('base64'),
    }),
  }
  return rowBytes(row) <= MAX_ROW_BYTES ? row : undefined
}

function bytesOf(rows: readonly Row[]): number {
  return rows.reduce((bytes, row) => bytes + rowBytes(row), 0)
}
