import { type IdentifyMessage, isLiquid, type TrackMessage, type TransactionalMessage } from '../contract/index.ts'
import { identifiersOf, mailboxesOf, personsIn } from '../identity/index.ts'
import { type Email, headersFor, recipientsInHeaders, textsIn } from './fields.ts'
import { listOf, type RecipientList } from './list.ts'
import type { RecipientRules } from './rules.ts'

/** What the guard says of a message. */
export type Guarded<M> =
  | { readonly ok: true; readonly value: M; readonly note?: 'redirected' }
  /** `error` names the field and the fix, and no address. */
  | { readonly ok: false; readonly error: string; readonly isDropped?: boolean }

/** What stands in each topic's messages. */
export interface GuardedMessages {
  readonly identify: IdentifyMessage
  readonly track: TrackMessage
  readonly transactional: TransactionalMessage
}

export type Guard = {
  readonly [Topic in keyof GuardedMessages]: (message: GuardedMessages[Topic]) => Guarded<GuardedMessages[Topic]>
}

/**
 * Holds messages to people and addresses that are not on the list of this environment. Pure. It guards against accidents,
 * such as production's users in staging, and is no security boundary: whoever may publish may set the attribute `released`.
 */
export function createGuard(rules: 'anyone' | RecipientRules): Guard {
  if (rules === 'anyone') return { identify: allowed, track: allowed, transactional: allowed }
  const list = listOf(rules)
  const isDropped = rules.otherwise === 'drop'
  const unlessStranger = <M>(field: string | undefined, message: M): Guarded<M> =>
    field === undefined ? allowed(message) : stopped(field, isDropped)
  return {
    identify: (message) => unlessStranger(strangerInOperation(list, message), message),
    track: (message) => unlessStranger(strangerInEvent(list, message), message),
    transactional(message) {
      const field = strangerInSend(list, message)
      if (field === undefined) return allowed(message)
      const redirected = rules.otherwise === 'redirect' ? redirect(list, rules.redirect_to, message) : undefined
      if (redirected !== undefined) return { ok: true, value: redirected, note: 'redirected' }
      return stopped(field, isDropped)
    },
  }
}

function allowed<M>(value: M): Guarded<M> {
  return { ok: true, value }
}

function stopped(field: string, isDropped: boolean): Extract<Guarded<never>, { ok: false }> {
  const error = `${field}: not on the list of recipients of this environment; add it there, or \`dlq replay --release\` sends this one`
  return { ok: false, error, ...(isDropped && { isDropped }) }
}

/** Operations that take away: they make nobody a recipient. */
const TAKES_AWAY: ReadonlySet<string> = new Set(['delete', 'suppress', 'delete_device'])

/**
 * The field by which an operation makes somebody known to Customer.io who is not on the list: campaigns mail the address in
 * the profile. A person is on the list by any of their names, such as the address in the attributes of an id; every address
 * that the operation gives them has to be on it.
 */
function strangerInOperation(list: RecipientList, message: IdentifyMessage): string | undefined {
  if (TAKES_AWAY.has(message.action)) return undefined
  if (message.action === 'merge') {
    if (!isOnList(list, message.primary)) return 'primary'
    return isOnList(list, message.secondary) ? undefined : 'secondary'
  }
  const persons = personsIn('identify', message)
  if (persons.some((person) => person.role === 'mention' && !list.allowsPerson(person))) return 'cio_relationships'
  if (message.type === 'object') return undefined
  const names = persons.filter(({ role }) => role === 'subject')
  // A visitor's id is no name of theirs that anybody can write to.
  if (!names.some((name) => name.kind !== 'anonymous_id' && list.allowsPerson(name))) return 'identifiers'
  const addresses = names.filter(({ kind }) => kind === 'email' || kind === 'phone')
  if (!addresses.every((address) => list.allowsPerson(address))) return 'attributes'
  // A list in place of a text names people all the same.
  const { email, phone } = ('attributes' in message && message.attributes) || {}
  return unless(
    textsIn([email, phone]).every((text) => text === '' || list.allowsContact(text)),
    'attributes',
  )
}

/** The field by which an event goes to somebody who is not on the list: its person, or the address that replaces theirs. */
function strangerInEvent(list: RecipientList, message: TrackMessage): string | undefined {
  if (!isOnList(list, message.identifiers)) return 'identifiers'
  const recipient = message.attributes?.recipient
  if (recipient === undefined || recipient === null || recipient === '') return undefined
  return unless(
    textsIn(recipient).every((text) => reaches(list, true, text)),
    'attributes.recipient',
  )
}

/** The field by which a send goes to somebody who is not on the list, or to an address that nobody can see here. */
function strangerInSend(list: RecipientList, message: TransactionalMessage): string | undefined {
  if (message.channel === 'broadcast') return strangerInAudience(list, message)
  const isKnown = isOnList(list, message.identifiers)
  // An address as the name is an address that Customer.io keeps.
  if ('email' in message.identifiers && !isKnown) return 'identifiers'
  switch (message.channel) {
    case 'email': {
      const { to, cc, bcc, headers } = message
      const named = { to: [to], cc: [cc], bcc: [bcc], headers: recipientsInHeaders(headers) }
      for (const [field, texts] of Object.entries(named))
        if (!texts.every((text) => reaches(list, isKnown, text))) return field
      return undefined
    }
    case 'sms':
    case 'whatsapp':
      return message.to === undefined
        ? unless(isKnown, 'identifiers')
        : unless(reaches(list, isKnown, message.to), 'to')
    case 'push': {
      const { to, custom_device: device } = message
      if (device !== undefined && !list.allowsName('device', device.token)) return 'custom_device'
      if (to === undefined || to === 'all' || to === 'last_used') return unless(isKnown, 'identifiers')
      return unless(isLiquid(to) ? reaches(list, isKnown, to) : list.allowsName('device', to), 'to')
    }
    case 'in_app':
      return unless(isKnown, 'identifiers')
    case 'inbox_message': {
      if (!isKnown) return 'identifiers'
      const { to } = message
      if (to === undefined || isLiquid(to)) return unless(list.allowsAllIn(to ?? ''), 'to')
      return unless(list.allowsContact(to) || list.allowsName('id', to), 'to')
    }
  }
}

type Broadcast = Extract<TransactionalMessage, { channel: 'broadcast' }>

/** People who are named one by one have to be on the list; an audience that nobody can see here, by the broadcast's id. */
function strangerInAudience(list: RecipientList, message: Broadcast): string | undefined {
  const { ids, emails, per_user_data, recipients } = message
  const areNamedOnList = personsIn('transactional', message).every((person) => list.allowsPerson(person))
  for (const [field, people] of Object.entries({ ids, emails, per_user_data })) {
    if (people !== undefined) return unless(areNamedOnList, field)
  }
  if (!list.allowsName('broadcast', String(message.broadcast_id))) return 'broadcast_id'
  return unless(areNamedOnList && textsIn(recipients).every(list.allowsAllIn), 'recipients')
}

/**
 * Whether a field with addresses reaches nobody but people on the list. Of Liquid nobody knows here what it becomes: it is
 * taken for the person's own address, so the person has to be on the list, and so does every address that stands in it.
 */
function reaches(list: RecipientList, isKnown: boolean, text: string | undefined): boolean {
  if (text === undefined) return true
  return isLiquid(text) ? isKnown && list.allowsAllIn(text) : list.allowsContact(text)
}

function isOnList(list: RecipientList, identifiers: object): boolean {
  return identifiersOf(identifiers).some((name) => list.allowsPerson(name))
}

const unless = (holds: boolean, field: string) => (holds ? undefined : field)

type Send = Exclude<TransactionalMessage, Broadcast>

/**
 * The send with the environment's own address in place of the recipients; undefined for what has no address to replace (push,
 * in-app and inbox messages, broadcasts) or where the rules name none for its channel.
 */
function redirect(
  list: RecipientList,
  target: RecipientRules['redirect_to'],
  message: TransactionalMessage,
): TransactionalMessage | undefined {
  if (message.channel === 'broadcast') return undefined
  const identifiers = identifiersFor(list, target, message)
  if (identifiers === undefined) return undefined
  if (message.channel === 'email' && target?.email !== undefined) {
    const { cc: _cc, bcc: _bcc, fake_bcc: _fake, ...rest } = message
    return { ...rest, identifiers, to: target.email, headers: headersFor(message.headers, intendedOf(message)) }
  }
  const isByPhone = message.channel === 'sms' || message.channel === 'whatsapp'
  return isByPhone && target?.phone !== undefined ? { ...message, identifiers, to: target.phone } : undefined
}

/** An address that names the person stays at Customer.io as a profile of its own, so it is replaced as well. */
function identifiersFor(
  list: RecipientList,
  target: RecipientRules['redirect_to'],
  { identifiers }: Send,
): Send['identifiers'] | undefined {
  if (!('email' in identifiers) || isOnList(list, identifiers)) return identifiers
  return target?.email === undefined ? undefined : { email: target.email }
}

/** A header's line is at most 998 characters long: RFC 5322, 2.1.1. */
const HEADER_CHARACTERS = 900

function intendedOf({ to, cc, bcc }: Email): string {
  const all = [to, cc, bcc].flatMap((list) => (list === undefined ? [] : isLiquid(list) ? [list] : mailboxesOf(list)))
  let text = ''
  for (const each of all) {
    const longer = text === '' ? each : `${text}, ${each}`
    // Liquid that is cut in the middle would be refused.
    if (longer.length <= HEADER_CHARACTERS) text = longer
  }
  return text
}
