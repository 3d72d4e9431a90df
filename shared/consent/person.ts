import { mailboxesOf, mailboxOf as singleMailboxOf } from '../identity/index.ts'
import { isObject, text } from '../json/index.ts'
import type { Event } from './event.ts'

/** Whom a webhook is about, as far as it says. */
export interface PersonNamed {
  /** The id that the sender gave: `identifiers.id`, else the deprecated `customer_id`. */
  readonly id: string | undefined
  readonly email: string | undefined
  readonly cioId: string | undefined
}

/** Who is named. Numbers count as the text of their digits. */
export function personNamed({ fields }: Pick<Event, 'fields'>): PersonNamed {
  const identifiers = isObject(fields.identifiers) ? fields.identifiers : {}
  return {
    id: text(identifiers.id) ?? text(fields.customer_id),
    email: text(identifiers.email) ?? text(fields.email_address),
    cioId: text(identifiers.cio_id),
  }
}

/** Who is named; an e-mail event that names nobody is about whoever has the address that it went to. */
export function personConcerned(event: Pick<Event, 'fields' | 'objectType'>): PersonNamed | undefined {
  const person = personNamed(event)
  if (person.id !== undefined || person.email !== undefined || person.cioId !== undefined) return person
  const recipient = event.objectType === 'email' ? text(event.fields.recipient) : undefined
  return recipient === undefined ? undefined : { ...person, email: recipient }
}

/** The mailbox of an address, in the one form in which mailboxes are compared; what is none, in lower case. */
export function mailboxOf(address: string): string {
  return singleMailboxOf(address) ?? address.toLowerCase()
}

/** The mailboxes that a message went to, as its webhooks show them: one, or a list. */
export function recipientsOf(recipient: string): readonly string[] {
  const mailboxes = mailboxesOf(recipient)
  return mailboxes.length === 0 ? [mailboxOf(recipient)] : mailboxes
}
