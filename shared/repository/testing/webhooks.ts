import type { PubSubMessage } from '../webhook.ts'

let events = 0

/** A message of `webhook-events`, in the shape of the vendor's samples. */
export function webhookOf(
  id: string,
  metric: string,
  timestamp: number,
  fields: { object_type?: string; [field: string]: unknown } = {},
): PubSubMessage {
  const { object_type = 'customer', ...data } = fields
  const person = { customer_id: id, email_address: null, identifiers: { id, email: null, cio_id: 'd9c106000001' } }
  const event = { event_id: `event-${++events}`, object_type, metric, timestamp, data: { ...person, ...data } }
  return { data: Buffer.from(JSON.stringify(event)), attributes: { object_type, metric, event_id: event.event_id } }
}

/** Somebody used the link of a message. */
export function clickWebhook(id: string, metric: string, timestamp: number): PubSubMessage {
  return webhookOf(id, metric, timestamp, { object_type: 'email', delivery_id: 'ZAIAAVTJVG0QcCok0' })
}

/** Somebody changed topics on a page of Customer.io. Its content is JSON inside a string. */
export function topicsWebhook(
  id: string,
  topics: Readonly<Record<string, unknown>>,
  timestamp: number,
  fields: { [field: string]: unknown } = {},
): PubSubMessage {
  const content = JSON.stringify({ topics })
  return webhookOf(id, 'cio_subscription_preferences_changed', timestamp, { content, ...fields })
}
