import { isLiquid, type TransactionalMessage } from '../contract/index.ts'
import {
  type CustomerIOService,
  type FoundDelivery,
  PERSON_IDENTIFIERS,
  type PersonIdentifier,
} from '../customerio/index.ts'
import {
  type Identifier,
  identifierOf,
  identifiersOf,
  isSamePhone,
  keyOf,
  mailboxesOf,
  shareMailbox,
} from '../identity/index.ts'
import type { CallOutcome, Delivered } from '../outcome/index.ts'
import type { Window } from './decide.ts'
import { type Comparison, type Delivery, isTemplateNumber } from './resolve.ts'

export type SendMessage = Exclude<TransactionalMessage, { channel: 'broadcast' }>

export interface DeliveriesFound {
  readonly kind: 'found'
  readonly deliveries: readonly Delivery[]
  /** The person, by every identifier that Customer.io shows: another message may have named them by another one. */
  readonly persons: readonly Identifier[]
  /** What the deliveries were compared by, in words for the operator. */
  readonly compared: string
}

/** What asking for a message's deliveries came to. `not_askable`: to ask again would not help. */
export type LookUpAnswer =
  | DeliveriesFound
  | { readonly kind: 'not_askable'; readonly why: string }
  | Exclude<CallOutcome, Delivered>

type Service = Pick<CustomerIOService, 'findDeliveries'>

/**
 * Why the deliveries of a message cannot be asked for; `undefined` when they can.
 *
 * @param publishedAtMs when it was published first
 */
export function whyNotAskable(message: TransactionalMessage, publishedAtMs: number): string | undefined {
  if (message.channel === 'broadcast') return 'Customer.io lists no deliveries by the trigger of a broadcast'
  if (message.queue_draft === true) return 'it is queued as a draft, which Customer.io lists at another time'
  if (message.send_at !== undefined && message.send_at * 1_000 > publishedAtMs) {
    return 'it is scheduled (`send_at`), and Customer.io may list it only then'
  }
  return undefined
}

/**
 * Customer.io's deliveries that may be those of this message within a time: by its person, and where Customer.io does not
 * know the person by this identifier, by the number of its template.
 */
export async function findDeliveries(service: Service, message: SendMessage, window: Window): Promise<LookUpAnswer> {
  const created = { createdFrom: Math.floor(window.fromMs / 1_000), createdUntil: Math.ceil(window.untilMs / 1_000) }
  const [identifier, value] = personOf(message)
  let why = 'Customer.io has no list for an id of dots'
  if (isPathSegment(value)) {
    const found = await service.findDeliveries({ ...created, person: { identifier, value } })
    if (!('kind' in found)) return compared(message, await withTemplate(service, message, created, found), 'person')
    if (found.kind === 'too_many') return { kind: 'not_askable', why: found.error }
    if (found.kind !== 'refused') return found
    why = `Customer.io does not list messages by this ${identifier} (${found.httpStatus})`
  }
  const template = templateOf(message)
  if (!isTemplateNumber(template)) {
    return { kind: 'not_askable', why: `${why}, nor by a template without a number` }
  }
  const found = await service.findDeliveries({ ...created, transactionalMessageId: Number(template) })
  if (!('kind' in found)) return compared(message, ofTemplate(found, Number(template)), 'template')
  if (found.kind === 'too_many') return { kind: 'not_askable', why: `${why}, and ${found.error}` }
  if (found.kind === 'refused')
    return { kind: 'not_askable', why: `${why}, nor by this template (${found.httpStatus})` }
  return found
}

type Created = { readonly createdFrom: number; readonly createdUntil: number }

/**
 * Deliveries of a person, with the template of those that Customer.io lists under the message's template too: it is not
 * documented that a delivery names its template. One that is missing there may be late, so nothing follows from that.
 */
async function withTemplate(
  service: Service,
  message: SendMessage,
  created: Created,
  listed: readonly FoundDelivery[],
): Promise<readonly FoundDelivery[]> {
  const template = templateOf(message)
  const isOpen = listed.some((one) => one.transactional && one.transactionalMessageId === undefined)
  if (!isOpen || !isTemplateNumber(template)) return listed
  const found = await service.findDeliveries({ ...created, transactionalMessageId: Number(template) })
  if ('kind' in found) return listed
  const ids = new Set(found.map(({ deliveryId }) => deliveryId))
  return listed.map((one) => (ids.has(one.deliveryId) ? { ...one, transactionalMessageId: Number(template) } : one))
}

function ofTemplate(listed: readonly FoundDelivery[], template: number): readonly FoundDelivery[] {
  return listed.map((one) => ({ ...one, transactionalMessageId: one.transactionalMessageId ?? template }))
}

/** The template as the ledger keeps it: a number, a trigger name, or nothing for a message that brings its own body. */
export function templateOf(message: SendMessage): string {
  return String(message.transactional_message_id ?? '')
}

function personOf({ identifiers }: SendMessage): readonly [PersonIdentifier, string] {
  for (const identifier of PERSON_IDENTIFIERS) {
    const value: unknown = Reflect.get(identifiers, identifier)
    if (typeof value === 'string') return [identifier, value]
  }
  throw new TypeError('a message names one person')
}

/** `.` and `..` would lead to another list, that of everybody; half a surrogate pair cannot be in an address at all. */
function isPathSegment(value: string): boolean {
  return value.trim() !== '' && value !== '.' && value !== '..' && value.isWellFormed()
}

function compared(
  message: SendMessage,
  listed: readonly FoundDelivery[],
  listedBy: 'person' | 'template',
): DeliveriesFound {
  const deliveries: Delivery[] = []
  const persons = new Map<string, Identifier>()
  for (const delivery of listed) {
    if (!delivery.transactional || !mayBeOfChannel(message.channel, delivery.type)) continue
    const template = compareTemplates(message, delivery)
    const recipient = compareRecipients(message, delivery)
    const person = listedBy === 'person' ? 'same' : comparePersons(message, delivery, recipient)
    if (person === 'other' || template === 'other') continue
    deliveries.push({ id: delivery.deliveryId, createdAtMs: delivery.created * 1_000, person, template, recipient })
    for (const name of identifiersOf(delivery.person)) persons.set(keyOf(name), name)
  }
  const [identifier] = personOf(message)
  const words = [`person (by ${identifier})`, 'channel', 'time', templateWords(message), recipientWords(message)]
  return { kind: 'found', deliveries, persons: [...persons.values()], compared: words.join(', ') }
}

/** Customer.io's names for the channels that its lists show; one that is not known here may be any. */
const CHANNEL_OF_TYPE: Readonly<Record<string, string>> = {
  email: 'email',
  push: 'push',
  sms: 'sms',
  twilio: 'sms',
  whatsapp: 'whatsapp',
  in_app: 'in-app or inbox',
  inbox: 'in-app or inbox',
  inbox_message: 'in-app or inbox',
  webhook: 'webhook',
  slack: 'slack',
}

function mayBeOfChannel(channel: SendMessage['channel'], type: string | undefined): boolean {
  const shown = CHANNEL_OF_TYPE[type ?? '']
  return shown === undefined || shown === CHANNEL_OF_TYPE[channel]
}

/** Within a list of everybody's deliveries. Where Customer.io shows the person by other identifiers, the recipient tells. */
function comparePersons(message: SendMessage, { person }: FoundDelivery, recipient: Comparison): Comparison {
  const [identifier, value] = personOf(message)
  const shown = person[identifier]
  if (shown === undefined) return recipient === 'other' && Object.keys(person).length > 0 ? 'other' : 'unknown'
  return isSameName(identifier, shown, value) ? 'same' : 'other'
}

function compareTemplates(message: SendMessage, { transactionalMessageId }: FoundDelivery): Comparison {
  const template = templateOf(message)
  if (transactionalMessageId === undefined || !isTemplateNumber(template)) return 'unknown'
  return String(transactionalMessageId) === template ? 'same' : 'other'
}

function templateWords(message: SendMessage): string {
  const template = templateOf(message)
  if (isTemplateNumber(template)) return `template ${template}`
  return template === ''
    ? 'not the template (it brings its own body)'
    : 'not the template (a trigger name, and Customer.io lists numbers)'
}

function compareRecipients(message: SendMessage, { recipient }: FoundDelivery): Comparison {
  const to = comparableRecipient(message)
  if (to === undefined || recipient === undefined) return 'unknown'
  const same = message.channel === 'email' ? shareMailbox(to, recipient) : isSamePhone(to, recipient)
  return same ? 'same' : 'other'
}

function recipientWords(message: SendMessage): string {
  if (comparableRecipient(message) !== undefined) return 'recipient'
  if (!isAddressed(message)) return `not the recipient (of ${message.channel} there is none)`
  return message.to === undefined ? 'not the recipient (none is given)' : 'not the recipient (Liquid fills it in)'
}

/** A push goes to devices and an in-app message to nowhere in particular: there the person is all that can be compared. */
function isAddressed(message: SendMessage): message is Extract<SendMessage, { channel: 'email' | 'sms' | 'whatsapp' }> {
  return message.channel === 'email' || message.channel === 'sms' || message.channel === 'whatsapp'
}

function comparableRecipient(message: SendMessage): string | undefined {
  if (!isAddressed(message) || message.to === undefined || isLiquid(message.to)) return undefined
  return message.channel !== 'email' || mailboxesOf(message.to).length > 0 ? message.to : undefined
}

function isSameName(kind: PersonIdentifier, one: string, other: string): boolean {
  const [first, second] = [identifierOf(kind, one), identifierOf(kind, other)]
  return first !== undefined && second !== undefined && keyOf(first) === keyOf(second)
}
