import type { TopicName } from '../contract/index.ts'
import { isRecord } from '../json/index.ts'
import { type Identifier, type IdentifierKind, identifierOf, identifiersOf, keyOf, phoneOf } from './identifier.ts'
import { mailboxesOf } from './mailbox.ts'

/**
 * What a message has to do with a person whom it names:
 *
 * subject    whom it is about: it changes them, or happened to them, or is sent in their name
 * recipient  an address that it is sent to
 * audience   one of those whom a broadcast goes to
 * mention    named in passing: a relationship, a reply address, a condition of an audience
 */
export type Role = 'subject' | 'recipient' | 'audience' | 'mention'

/** A person as a message names them. */
export interface NamedPerson extends Identifier {
  readonly role: Role
}

/**
 * How the value of a field names persons; `contact` is an address list or a phone number, `shown_contact` one as Customer.io
 * shows it: the number perhaps without its plus sign.
 */
type Reading = IdentifierKind | 'identifiers' | 'contact' | 'shown_contact' | 'filter'

interface NamingField {
  /** `a.b` is b within a; `[]` is each entry of a list. */
  readonly path: string
  readonly as: Reading
  readonly role: Role
  /** Only in messages of this type. */
  readonly type?: 'person'
}

/** Attributes of a person that are identifiers at Customer.io: they give the person another name. */
const NAMING_ATTRIBUTES = (['id', 'email', 'cio_id', 'phone', 'anonymous_id'] as const).map(
  (kind): NamingField => ({ path: `attributes.${kind}`, as: kind, role: 'subject', type: 'person' }),
)

/**
 * The fields of the contract that name persons. A test walks the contract's schemas and fails when they have a field that
 * stands neither here nor on its list of fields that name nobody.
 */
export const NAMING_FIELDS: Readonly<Record<TopicName, readonly NamingField[]>> = {
  identify: [
    { path: 'identifiers', as: 'identifiers', role: 'subject' },
    { path: 'primary', as: 'identifiers', role: 'subject' },
    { path: 'secondary', as: 'identifiers', role: 'subject' },
    { path: 'cio_relationships[].identifiers', as: 'identifiers', role: 'mention' },
    { path: 'anonymous_id', as: 'anonymous_id', role: 'mention' },
    ...NAMING_ATTRIBUTES,
  ],
  track: [
    { path: 'identifiers', as: 'identifiers', role: 'subject' },
    // Reserved by Customer.io: they take the place of the campaign's own.
    { path: 'attributes.recipient', as: 'contact', role: 'recipient' },
    { path: 'attributes.from_address', as: 'contact', role: 'mention' },
    { path: 'attributes.reply_to', as: 'contact', role: 'mention' },
  ],
  transactional: [
    { path: 'identifiers', as: 'identifiers', role: 'subject' },
    { path: 'to', as: 'contact', role: 'recipient' },
    { path: 'cc', as: 'contact', role: 'recipient' },
    { path: 'bcc', as: 'contact', role: 'recipient' },
    { path: 'from', as: 'contact', role: 'mention' },
    { path: 'reply_to', as: 'contact', role: 'mention' },
    { path: 'ids[]', as: 'id', role: 'audience' },
    { path: 'emails[]', as: 'email', role: 'audience' },
    { path: 'per_user_data[].id', as: 'id', role: 'audience' },
    { path: 'per_user_data[].email', as: 'email', role: 'audience' },
    { path: 'recipients', as: 'filter', role: 'mention' },
  ],
}

const MESSAGE_FIELDS: Readonly<Record<TopicName, readonly PreparedField[]>> = {
  identify: prepared(NAMING_FIELDS.identify),
  track: prepared(NAMING_FIELDS.track),
  transactional: prepared(NAMING_FIELDS.transactional),
}

/** Of the reporting webhooks: https://docs.customer.io/integrations/data-out/connections/webhooks/ */
const WEBHOOK_FIELDS = prepared([
  { path: 'data.identifiers', as: 'identifiers', role: 'subject' },
  { path: 'data.identifiers.phone', as: 'shown_contact', role: 'subject' },
  { path: 'data.customer_id', as: 'id', role: 'subject' },
  { path: 'data.email_address', as: 'email', role: 'subject' },
  { path: 'data.recipient', as: 'shown_contact', role: 'recipient' },
])

/** The persons whom a message names that keeps its topic's contract. Nothing is guessed from the names of other fields. */
export function personsIn(topic: TopicName, message: object): NamedPerson[] {
  return personsAt(MESSAGE_FIELDS[topic], message)
}

/** The persons whom the JSON of a reporting webhook names. */
export function personsInWebhook(webhook: object): NamedPerson[] {
  return personsAt(WEBHOOK_FIELDS, webhook)
}

/** Whose a message is, for somebody who is known by these {@link keyOf} names. */
export type Ownership =
  /** About this person alone, or sent to them alone: it goes with them. */
  | 'own'
  /** It names them, and belongs to others as well. */
  | 'shared'
  | 'none'

export function ownershipOf(persons: readonly NamedPerson[], isMeant: (person: Identifier) => boolean): Ownership {
  const meant = new Set(persons.filter(isMeant))
  if (meant.size === 0) return 'none'
  if ([...meant].some(({ role }) => role === 'subject')) return 'own'
  const reached = persons.filter(({ role }) => role === 'recipient' || role === 'audience')
  return reached.length > 0 && reached.every((person) => meant.has(person)) ? 'own' : 'shared'
}

function personsAt(fields: readonly PreparedField[], message: object): NamedPerson[] {
  const type: unknown = Reflect.get(message, 'type') ?? 'person'
  const found: NamedPerson[] = []
  for (const field of fields) {
    if (field.type !== undefined && field.type !== type) continue
    for (const value of valuesAt(message, field.steps)) {
      for (const { kind, value: name } of read(field.as, value)) found.push({ kind, value: name, role: field.role })
    }
  }
  if (found.length <= 1) return found
  return [...new Map(found.map((person) => [`${person.role} ${keyOf(person)}`, person])).values()]
}

/** One part of a path, and whether the entries of the list there are meant. */
interface Step {
  readonly name: string
  readonly each: boolean
}

interface PreparedField extends NamingField {
  readonly steps: readonly Step[]
}

/** Paths are read once: every message that is recorded asks for them. */
function prepared(fields: readonly NamingField[]): readonly PreparedField[] {
  return fields.map((field) => ({
    ...field,
    steps: field.path.split('.').map((step) => ({ name: step.replace('[]', ''), each: step.endsWith('[]') })),
  }))
}

/** What stands at the end of a path whose first `taken` steps have led to the value. Most fields are absent from most messages. */
function valuesAt(value: unknown, steps: readonly Step[], taken = 0): readonly unknown[] {
  if (value === undefined) return NOTHING
  const step = steps[taken]
  if (step === undefined) return [value]
  if (!isRecord(value)) return NOTHING
  const next = value[step.name]
  if (!step.each) return valuesAt(next, steps, taken + 1)
  return Array.isArray(next) ? next.flatMap((entry) => valuesAt(entry, steps, taken + 1)) : NOTHING
}

const NOTHING: readonly never[] = []

function read(as: Reading, value: unknown): Identifier[] {
  switch (as) {
    case 'identifiers':
      return identifiersOf(value)
    case 'contact':
      return typeof value === 'string' ? contactsOf(value) : []
    case 'shown_contact':
      return typeof value === 'string' ? contactsOf(value.replace(/^[1-9]\d{6,14}$/, '+$&')) : []
    case 'filter':
      return conditionsOf(value)
    default:
      return [identifierOf(as, value) ?? []].flat()
  }
}

function contactsOf(text: string): Identifier[] {
  const phone = phoneOf(text)
  const emails = mailboxesOf(text).map((value): Identifier => ({ kind: 'email', value }))
  return phone === undefined ? emails : [...emails, { kind: 'phone', value: phone }]
}

/** `{and: [{attribute: {field: 'email', operator: 'eq', value: 'ann@example.com'}}]}` names Ann, however deep it stands. */
function conditionsOf(filter: unknown): Identifier[] {
  const found: Identifier[] = []
  const open: unknown[] = [filter]
  while (open.length > 0) {
    const node = open.pop()
    if (Array.isArray(node)) open.push(...node)
    if (!isRecord(node)) continue
    open.push(node.and, node.or, node.not)
    if (!isRecord(node.attribute)) continue
    const { field, value } = node.attribute
    const kind = (['id', 'email', 'cio_id', 'phone'] as const).find((name) => name === field)
    const identifier = kind && identifierOf(kind, value)
    if (identifier !== undefined) found.push(identifier)
  }
  return found
}
