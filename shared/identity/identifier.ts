import { createHash } from 'node:crypto'
import { mailboxOf } from './mailbox.ts'

/** How a person may be named, as Customer.io calls it. */
export const IDENTIFIER_KINDS = ['id', 'email', 'cio_id', 'phone', 'anonymous_id'] as const
export type IdentifierKind = (typeof IDENTIFIER_KINDS)[number]

/** One name of a person in the one form in which names are compared. Made by {@link identifierOf} only. */
export interface Identifier {
  readonly kind: IdentifierKind
  readonly value: string
}

/**
 * A name of a person as Customer.io compares it: an id, `cio_id` or `anonymous_id` to the letter, where a number equals its
 * digits; an e-mail address by its mailbox, without regard to case; a phone number in E.164.
 *
 * @returns undefined for what names nobody: null, an empty text, an object
 */
export function identifierOf(kind: IdentifierKind, value: unknown): Identifier | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return undefined
  const text = String(value)
  if (text === '') return undefined
  switch (kind) {
    case 'email':
      // What is no single mailbox is still what Customer.io was given, and compared without regard to case.
      return { kind, value: mailboxOf(text) ?? text.toLowerCase() }
    case 'phone':
      return { kind, value: phoneOf(text) ?? text }
    default:
      return { kind, value: text }
  }
}

/** The names in an object such as `{"id": "u1"}`, in the order of the kinds. What is no name is left out. */
export function identifiersOf(names: unknown): Identifier[] {
  if (typeof names !== 'object' || names === null) return []
  const found: Identifier[] = []
  for (const kind of IDENTIFIER_KINDS) {
    const identifier = identifierOf(kind, Reflect.get(names, kind))
    if (identifier !== undefined) found.push(identifier)
  }
  return found
}

/** `id:u1`, `email:jane@example.com`: equal exactly when two names are the same. */
export function keyOf({ kind, value }: Identifier): string {
  return `${kind}:${value}`
}

/**
 * One name for whom or what an operation is about: a person (`id:u1`) or an object (`object:1:acme`). Empty when the
 * identifiers name nothing, which the contract excludes.
 *
 * The same person under two identifiers has two names: only Customer.io knows that they are one.
 */
export function subjectKey(identifiers: object): string {
  const [person] = identifiersOf(identifiers)
  if (person !== undefined) return keyOf(person)
  const object = new Map(Object.entries(identifiers))
  if (object.has('object_id')) return `object:${object.get('object_type_id')}:${object.get('object_id')}`
  return object.has('cio_object_id') ? `cio_object_id:${object.get('cio_object_id')}` : ''
}

/** What {@link subjectKey} gives, or where that is longer than `maxBytes` of UTF-8, its SHA-256 as `sha256:…`. */
export function boundedSubjectKey(identifiers: object, maxBytes: number): string {
  const key = subjectKey(identifiers)
  if (Buffer.byteLength(key) <= maxBytes) return key
  return `sha256:${createHash('sha256').update(key).digest('hex')}`
}

/**
 * A phone number in E.164, however it is written: `+1 (415) 555-2671`, `0014155552671`, `tel:+1-415-555-2671`,
 * `+49 (0)30 123456`. Undefined
 * without a country code, since it could be anybody's.
 */
export function phoneOf(text: string): string | undefined {
  const digits = text
    // Directory programs put marks of direction around a number that is copied.
    .replaceAll(/\p{Cf}/gu, '')
    .trim()
    .replace(/^(?:tel|sms|whatsapp):/i, '')
    // `+49 (0)30 …`: the zero is for calls from within the country.
    .replace(/^((?:\+|00)\d{1,3}\s?)\(0\)/, '$1')
    .replaceAll(/[\s().\-/\u2010-\u2015]/g, '')
    .replace(/^00/, '+')
  return /^\+[1-9]\d{1,14}$/.test(digits) ? digits : undefined
}

/** Whether two texts are one phone number. Customer.io may show it without its plus sign. */
export function isSamePhone(one: string, other: string): boolean {
  return (phoneOf(one) ?? phoneOf(`+${one}`) ?? one) === (phoneOf(other) ?? phoneOf(`+${other}`) ?? other)
}
