import type { Reports } from './reports.ts'
import { type CataloguedEvent, cataloguedEvents, PERSON_OF, sampleValue } from './samples/index.ts'
import type { Identifier } from './track/operations.ts'
import type { Person } from './workspace/people.ts'
import type { Send } from './workspace/sends.ts'
import type { Workspace } from './workspace/workspace.ts'

/** A webhook to be sent, whether or not anything happened. */
export interface TriggerOrder {
  /** `email.bounced`, or with what made Customer.io send the message: `email.bounced.campaign`. */
  readonly event: string
  readonly person: Identifier
  /** The message that it is about: by default the newest of this channel to this person, or one that nobody sent. */
  readonly deliveryId?: string | undefined
}

/** What was sent. */
export interface Triggered {
  /** `<channel or customer>.<metric>.<origin>` */
  readonly event: string
  /** Null for an event without a message. */
  readonly deliveryId: string | null
}

/** What was ordered cannot be sent; the message says what can. */
export class TriggerError extends Error {
  override readonly name = 'TriggerError'
}

/** `email.bounced` of `email.bounced.campaign`. */
const shortName = ({ name }: CataloguedEvent) => name.split('.').slice(0, 2).join('.')

/** The events that can be triggered, by their short names. */
export function triggerableEvents(): readonly string[] {
  return [...new Set(cataloguedEvents().map(shortName))]
}

/**
 * Sends a webhook as Customer.io would: about a message of this person, if there is one, and else about one that only the
 * webhook knows. Nothing changes in the workspace.
 *
 * @throws {TriggerError} when Customer.io documents no such event, or there is no such message
 */
export function trigger(
  { workspace, reports, nowMs }: { readonly workspace: Workspace; readonly reports: Reports; readonly nowMs: number },
  { event: name, person: who, deliveryId }: TriggerOrder,
): Triggered {
  const matching = cataloguedEvents().filter((event) => event.name === name || shortName(event) === name)
  const [first] = matching
  if (first === undefined) {
    throw new TriggerError(`Customer.io has no webhook event ${name}; it has: ${triggerableEvents().join(', ')}`)
  }
  const person = workspace.people.find(who)
  const isTheirs = (send: Send) =>
    (send.who.kind === who.kind && send.who.value === who.value) ||
    (person !== undefined && workspace.people.find(send.who) === person)
  const send = workspace.sends.findLast(
    (one) =>
      one.channel === first.objectType && isTheirs(one) && (deliveryId === undefined || one.deliveryId === deliveryId),
  )
  if (deliveryId !== undefined && send === undefined) {
    throw new TriggerError(`Customer.io sent this person no ${first.objectType} with the delivery id ${deliveryId}`)
  }
  const transactional = matching.find(({ origin }) => origin === 'transactional')
  if (send !== undefined && transactional !== undefined) {
    reports.message(send, transactional.metric, nowMs, detailsOf(transactional))
    return { event: transactional.name, deliveryId: send.deliveryId }
  }
  const data = sampleOf(first, person?.identifiers ?? { [who.kind]: who.value })
  reports.tell(first.objectType, first.metric, nowMs, data)
  return { event: first.name, deliveryId: typeof data.delivery_id === 'string' ? data.delivery_id : null }
}

/** Fields that say whom and what an event is about, rather than what happened. */
const ABOUT = new Set([
  ...['customer_id', 'identifiers', 'delivery_id', 'transactional_message_id'],
  ...['recipient', 'recipients', 'subject', 'content', 'headers', 'to'],
])

/** What happened, in sample values: the answer of a mail server, the link that was clicked. */
function detailsOf(event: CataloguedEvent): Record<string, unknown> {
  const own = event.fields.filter((field) => !ABOUT.has(field))
  return Object.fromEntries(own.map((field) => [field, sampleValue(field, event)]))
}

/** The documented sample of an event, about this person instead of the sample's own. */
function sampleOf(event: CataloguedEvent, identifiers: Person['identifiers']): Record<string, unknown> {
  const sample = PERSON_OF[event.origin]
  const { id = null, email = null, phone = null, cio_id } = identifiers
  const named = new Map<unknown, unknown>([
    [sample.id, id],
    [sample.email, email],
    [sample.phone, phone],
  ])
  return Object.fromEntries(
    event.fields.map((field) => {
      if (field === 'identifiers') return [field, { id, email, ...(cio_id !== undefined && { cio_id }) }]
      const value = sampleValue(field, event)
      return [field, named.has(value) ? named.get(value) : value]
    }),
  )
}
