import type { ItemError } from '../answers.ts'
import { bytesOf, isObject, type JsonObject } from '../json.ts'
import {
  ATTRIBUTE_NAME_BYTES,
  ATTRIBUTE_VALUE_BYTES,
  ATTRIBUTES_PER_PERSON,
  EVENT_NAME_BYTES,
  PERSON_ID_BYTES,
} from '../limits.ts'

export const IDENTIFIER_KINDS = ['id', 'email', 'cio_id', 'phone', 'anonymous_id'] as const
export type IdentifierKind = (typeof IDENTIFIER_KINDS)[number]

/** Who is meant: a kind of identifier and its value. */
export interface Identifier {
  readonly kind: IdentifierKind
  readonly value: string
}

/** The format `email` of Customer.io's documents, as far as it needs no list of domains. */
export function isEmailAddress(text: string): boolean {
  return /^[^\s@]+@[^\s@]+$/.test(text)
}

/** Which object is meant, as one string. */
export type ObjectKey = string

export interface Relationship {
  /** The other end: an object from a person's side, a person from an object's side. */
  readonly to: ObjectKey | Identifier
  readonly attributes: JsonObject
}

interface WithTime {
  /** Unix seconds. */
  readonly timestamp?: number
}

export type EventAction = 'event' | 'page' | 'screen'

/** One accepted operation of Track v1 or v2. */
export type Operation = WithTime &
  (
    | {
        readonly type: 'person'
        readonly action: 'identify'
        readonly who: Identifier
        readonly attributes: JsonObject
        readonly relationships: readonly Relationship[]
      }
    | { readonly type: 'person'; readonly action: 'delete' | 'suppress' | 'unsuppress'; readonly who: Identifier }
    | {
        readonly type: 'person'
        readonly action: EventAction
        readonly who: Identifier
        readonly name: string
        readonly id?: string
        readonly attributes: JsonObject
      }
    | {
        readonly type: 'person'
        readonly action: 'add_relationships' | 'delete_relationships'
        readonly who: Identifier
        readonly relationships: readonly Relationship[]
      }
    | {
        readonly type: 'person'
        readonly action: 'add_device'
        readonly who: Identifier
        readonly token: string
        readonly device: JsonObject
      }
    | { readonly type: 'person'; readonly action: 'delete_device'; readonly who: Identifier; readonly token: string }
    | { readonly type: 'person'; readonly action: 'merge'; readonly who: Identifier; readonly secondary: Identifier }
    | {
        readonly type: 'object'
        readonly action: 'identify' | 'identify_anonymous' | 'delete' | 'add_relationships' | 'delete_relationships'
        readonly object: ObjectKey
        readonly attributes: JsonObject
        readonly relationships: readonly Relationship[]
      }
    | { readonly type: 'delivery'; readonly action: 'event'; readonly attributes: JsonObject }
  )

export type ParsedOperation =
  | { readonly ok: true; readonly operation: Operation }
  | { readonly ok: false; readonly error: ItemError }

/** Thrown and caught within this file alone: the first rule that an operation breaks. */
class Refusal extends Error {
  readonly item: ItemError
  constructor(reason: 'required' | 'invalid', field: string, message: string) {
    super(message)
    this.item = { reason, field, message }
  }
}

const PERSON_ACTIONS = new Set([
  'identify',
  'delete',
  'event',
  'screen',
  'page',
  'add_relationships',
  'delete_relationships',
  'add_device',
  'delete_device',
  'merge',
  'suppress',
  'unsuppress',
])
const OBJECT_ACTIONS = new Set([
  'identify',
  'identify_anonymous',
  'delete',
  'add_relationships',
  'delete_relationships',
])

/** Judges one v2 operation by the documented rules; the error has Customer.io's shape. Never throws for what was sent. */
export function parseOperation(raw: unknown): ParsedOperation {
  try {
    return { ok: true, operation: operationOf(raw) }
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, error: error.item }
    throw error
  }
}

function operationOf(raw: unknown): Operation {
  if (!isObject(raw)) throw new Refusal('invalid', '', 'operation must be an object')
  switch (raw.type) {
    case 'person':
      return personOperation(raw)
    case 'object':
      return objectOperation(raw)
    case 'delivery':
      if (raw.action !== 'event') throw new Refusal('invalid', 'action', 'unknown action for type delivery')
      return { type: 'delivery', action: 'event', attributes: objectAt(raw, 'attributes') }
    case undefined:
      throw new Refusal('required', 'type', 'type is required')
    default:
      throw new Refusal('invalid', 'type', 'type must be person, object or delivery')
  }
}

function personOperation(raw: JsonObject): Operation {
  const action = actionOf(raw, PERSON_ACTIONS)
  const type = 'person'
  if (action === 'merge') {
    return { type, action, who: identifierAt(raw, 'primary'), secondary: identifierAt(raw, 'secondary') }
  }
  const who = identifierAt(raw, 'identifiers')
  const timestamp = timestampOf(raw)
  switch (action) {
    case 'identify':
      return { type, action, who, attributes: attributesOf(raw), relationships: relationshipsOf(raw), ...timestamp }
    case 'event':
    case 'page':
    case 'screen':
      return {
        type,
        action,
        who,
        name: nameOf(raw),
        ...eventIdOf(raw),
        attributes: objectAt(raw, 'attributes'),
        ...timestamp,
      }
    case 'add_relationships':
    case 'delete_relationships':
      if (!Array.isArray(raw.cio_relationships)) {
        throw new Refusal('required', 'cio_relationships', 'cio_relationships is required')
      }
      return { type, action, who, relationships: relationshipsOf(raw) }
    case 'add_device': {
      const device = objectAt(raw, 'device')
      if (device.platform !== 'ios' && device.platform !== 'android') {
        throw new Refusal('invalid', 'device.platform', 'platform must be ios or android')
      }
      return { type, action, who, token: tokenOf(device), device }
    }
    case 'delete_device':
      return { type, action, who, token: tokenOf(objectAt(raw, 'device')) }
    case 'delete':
    case 'suppress':
    case 'unsuppress':
      return { type, action, who }
    default:
      throw new Refusal('invalid', 'action', `unknown action ${action}`)
  }
}

function objectOperation(raw: JsonObject): Operation {
  const action = actionOf(raw, OBJECT_ACTIONS)
  const object = objectKeyOf(raw.identifiers)
  const rest = { object, attributes: attributesOf(raw), relationships: relationshipsOf(raw), ...timestampOf(raw) }
  switch (action) {
    case 'identify':
    case 'identify_anonymous':
    case 'delete':
    case 'add_relationships':
    case 'delete_relationships':
      return { type: 'object', action, ...rest }
    default:
      throw new Refusal('invalid', 'action', `unknown action ${action}`)
  }
}

function actionOf(raw: JsonObject, allowed: ReadonlySet<string>): string {
  if (raw.action === undefined) throw new Refusal('required', 'action', 'action is required')
  if (typeof raw.action !== 'string' || !allowed.has(raw.action)) {
    throw new Refusal('invalid', 'action', `unknown action for type ${String(raw.type)}`)
  }
  return raw.action
}

/** Exactly one identifier: a string, or a number where an application uses numeric ids. */
function identifierAt(raw: JsonObject, field: string): Identifier {
  const identifiers = raw[field]
  if (identifiers === undefined) throw new Refusal('required', field, `${field} is required`)
  if (!isObject(identifiers)) throw new Refusal('invalid', field, `${field} must be an object`)
  const given = Object.keys(identifiers)
  if (given.length !== 1) throw new Refusal('invalid', field, `${field} must contain exactly one identifier`)
  const kind = IDENTIFIER_KINDS.find((candidate) => candidate === given[0])
  if (kind === undefined) throw new Refusal('invalid', field, `unknown identifier ${String(given[0])}`)
  const value = identifiers[kind]
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw new Refusal('invalid', `${field}.${kind}`, 'identifier must be a string')
  }
  const text = String(value)
  if (text === '') throw new Refusal('required', `${field}.${kind}`, 'identifier must not be empty')
  if (bytesOf(text) > PERSON_ID_BYTES) {
    throw new Refusal('invalid', `${field}.${kind}`, `identifier cannot be longer than ${PERSON_ID_BYTES} bytes`)
  }
  if (kind === 'email' && !isEmailAddress(text)) {
    throw new Refusal('invalid', `${field}.email`, 'identifier must be an email address')
  }
  return { kind, value: text }
}

function objectKeyOf(identifiers: unknown): ObjectKey {
  if (!isObject(identifiers)) throw new Refusal('required', 'identifiers', 'identifiers is required')
  const { object_type_id: typeId, object_id: objectId, cio_object_id: cioObjectId } = identifiers
  const keys = Object.keys(identifiers).length
  if (isId(cioObjectId) && keys === 1) return `cio_object:${cioObjectId}`
  if (isId(typeId) && isId(objectId) && keys === 2) return `${typeId}:${objectId}`
  throw new Refusal('invalid', 'identifiers', 'identifiers must contain object_type_id and object_id, or cio_object_id')
}

/** A text, or a number where an application uses numeric ids. */
function isId(value: unknown): value is string | number {
  return typeof value === 'number' || (typeof value === 'string' && value !== '')
}

function attributesOf(raw: JsonObject): JsonObject {
  const attributes = objectAt(raw, 'attributes')
  const names = Object.keys(attributes)
  if (names.length > ATTRIBUTES_PER_PERSON) {
    throw new Refusal('invalid', 'attributes', `cannot have more than ${ATTRIBUTES_PER_PERSON} attributes`)
  }
  for (const name of names) {
    if (bytesOf(name) > ATTRIBUTE_NAME_BYTES) {
      throw new Refusal('invalid', 'attributes', `property name cannot be longer than ${ATTRIBUTE_NAME_BYTES} bytes`)
    }
    const value = attributes[name]
    const text =
      typeof value === 'string' ? value : typeof value === 'object' && value !== null ? JSON.stringify(value) : ''
    if (bytesOf(text) > ATTRIBUTE_VALUE_BYTES) {
      throw new Refusal(
        'invalid',
        `attributes.${name}`,
        `property value cannot be longer than ${ATTRIBUTE_VALUE_BYTES} bytes`,
      )
    }
  }
  return attributes
}

function relationshipsOf(raw: JsonObject): Relationship[] {
  const field = 'cio_relationships'
  if (raw[field] === undefined) return []
  if (!Array.isArray(raw[field])) throw new Refusal('invalid', field, `${field} must be an array`)
  return raw[field].map((entry: unknown) => {
    if (!isObject(entry)) throw new Refusal('invalid', field, `${field} must hold objects`)
    const to = raw.type === 'object' ? identifierAt(entry, 'identifiers') : objectKeyOf(entry.identifiers)
    return { to, attributes: objectAt(entry, 'relationship_attributes') }
  })
}

function nameOf(raw: JsonObject): string {
  if (raw.name === undefined || raw.name === '') throw new Refusal('required', 'name', 'name is required')
  if (typeof raw.name !== 'string') throw new Refusal('invalid', 'name', 'name must be a string')
  // Senders put a page's whole address there. Customer.io keeps no page's name.
  if (raw.action !== 'page' && bytesOf(raw.name) > EVENT_NAME_BYTES) {
    throw new Refusal('invalid', 'name', `event name cannot be longer than ${EVENT_NAME_BYTES} bytes`)
  }
  return raw.name
}

function eventIdOf(raw: JsonObject): { id?: string } {
  if (raw.id === undefined) return {}
  if (typeof raw.id !== 'string') throw new Refusal('invalid', 'id', 'id must be a string')
  return { id: raw.id }
}

/** Unix seconds. Milliseconds pass, as they do at Customer.io, and lie 50,000 years ahead. */
function timestampOf(raw: JsonObject): WithTime {
  if (raw.timestamp === undefined) return {}
  if (typeof raw.timestamp !== 'number' || !Number.isInteger(raw.timestamp)) {
    throw new Refusal('invalid', 'timestamp', 'timestamp must be an integer of unix seconds')
  }
  return { timestamp: raw.timestamp }
}

function tokenOf(device: JsonObject): string {
  if (typeof device.token !== 'string' || device.token === '') {
    throw new Refusal('required', 'device.token', 'device token is required')
  }
  return device.token
}

function objectAt(raw: JsonObject, field: string): JsonObject {
  const value = raw[field]
  if (value === undefined || value === null) return {}
  if (!isObject(value)) throw new Refusal('invalid', field, `${field} must be an object`)
  return value
}
