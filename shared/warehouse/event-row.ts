import { type DatedEvent, type Event, type PersonNamed, personNamed } from '../consent/index.ts'
import { flag, isObject, text } from '../json/index.ts'
import { PROBE_OBJECT_TYPE } from '../webhooks/index.ts'
import { insertIdOf, type Row } from './row.ts'
import { integer, jsonText, withoutUndefined } from './values.ts'

/** The columns of who is named. */
export function personColumns(person: PersonNamed | undefined): Record<string, string | undefined> {
  return { person_id: person?.id, person_email: person?.email, person_cio_id: person?.cioId }
}

/** Which message an event is about, and what sent it. */
export function messageColumns({ fields }: Event): Record<string, unknown> {
  return {
    delivery_id: text(fields.delivery_id),
    campaign_id: integer(fields.campaign_id),
    campaign_name: text(fields.campaign_name),
    broadcast_id: integer(fields.broadcast_id),
    broadcast_name: text(fields.broadcast_name),
    newsletter_id: integer(fields.newsletter_id),
    transactional_message_id: integer(fields.transactional_message_id),
    action_id: integer(fields.action_id),
    recipient: text(fields.recipient),
    failure_message: text(fields.failure_message),
  }
}

/**
 * The row of `webhook_events`, or undefined when the event's data is nested too deep to be written. The row of a probe names
 * no person, delivery or message, whatever its data says, so that no view counts it.
 */
export function eventRow(
  event: DatedEvent,
  about: { readonly receivedAt: string; readonly truncated?: string },
): Row | undefined {
  const { others } = event
  const data = jsonText(event.data ?? {})
  const otherFields = Object.keys(others).length === 0 ? undefined : jsonText(others)
  if (data === undefined || (otherFields === undefined && Object.keys(others).length > 0)) return undefined
  return {
    table: 'webhook_events',
    insertId: insertIdOf(event.eventId),
    json: withoutUndefined({
      event_id: event.eventId,
      timestamp: event.timestamp,
      received_at: about.receivedAt,
      object_type: event.objectType,
      metric: event.metric,
      ...(event.objectType === PROBE_OBJECT_TYPE ? {} : columnsOf(event)),
      data,
      other_fields: otherFields,
      truncated: about.truncated,
    }),
  }
}

/** The columns of what Customer.io documents of an event's data. */
function columnsOf(event: Event): Record<string, unknown> {
  const { fields } = event
  return {
    ...personColumns(personNamed(event)),
    person_phone: isObject(fields.identifiers) ? text(fields.identifiers.phone) : undefined,
    ...messageColumns(event),
    campaign_tags: texts(fields.campaign_tags),
    broadcast_tags: texts(fields.broadcast_tags),
    trigger_id: integer(fields.trigger_id),
    trigger_event_id: text(fields.trigger_event_id),
    parent_action_id: integer(fields.parent_action_id),
    template_id: integer(fields.template_id),
    journey_id: text(fields.journey_id),
    content_id: integer(fields.content_id),
    recipients: devices(fields.recipients),
    replied_to: text(fields.to),
    inbound_event_id: text(fields.inbound_event_id),
    app_id: integer(fields.app_id),
    related_delivery_ids: texts(fields.related_delivery_ids),
    subject: text(fields.subject),
    href: text(fields.href),
    link_id: integer(fields.link_id),
    tracked_response: text(fields.tracked_response),
    proxied: flag(fields.proxied),
    prefetched: flag(fields.prefetched),
    synthetic: flag(fields.synthetic),
    machine: flag(fields.machine),
  }
}

function texts(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.flatMap((each) => text(each) ?? []) : undefined
}

function devices(recipients: unknown): Record<string, unknown>[] | undefined {
  if (!Array.isArray(recipients)) return undefined
  return recipients.filter(isObject).map((device) =>
    withoutUndefined({
      device_id: text(device.device_id),
      device_platform: text(device.device_platform),
      failure_message: text(device.failure_message),
    }),
  )
}
