import { eventIdOf } from '../../../shared/consent/index.ts'
import { isTopicName, parseMessage, TOPIC_SCHEMAS } from '../../../shared/contract/index.ts'
import {
  type Identifier,
  identifierOf,
  keyOf,
  mailboxOf,
  mayName,
  type NamedPerson,
  ownershipOf,
  personsIn,
  personsInWebhook,
  phoneOf,
} from '../../../shared/identity/index.ts'
import { isRecord } from '../../../shared/json/index.ts'
import { jsonOf } from './body.ts'

/** Somebody who is looked for. */
export interface Sought {
  isMeant(name: Identifier): boolean
  /** Their names, for bodies that keep no contract; empty where only hashes are known. */
  readonly names: readonly Identifier[]
  /** Their hashes, by which the record of messages knows them; absent where nobody asks for its lines. */
  readonly hashes?: readonly string[]
}

/**
 * What a message has to do with somebody.
 *
 * own      it is about them, or sent to them alone
 * shared   it names them, and belongs to others as well
 * perhaps  it keeps no contract, and one of their names stands in its text
 */
export type Relation = 'own' | 'shared' | 'perhaps' | 'none'

export function soughtBy(names: readonly Identifier[]): Sought {
  const keys = new Set(names.map(keyOf))
  return { names, isMeant: (name) => keys.has(keyOf(name)) }
}

/** Whoever has this name, which may be an id of any kind, an address or a phone number. */
export function soughtAs(name: string): Sought {
  return soughtBy(
    [
      ...(['id', 'cio_id', 'anonymous_id'] as const).map((kind) => identifierOf(kind, name)),
      mailboxOf(name) === undefined ? undefined : identifierOf('email', name),
      phoneOf(name) === undefined ? undefined : identifierOf('phone', name),
    ].filter((identifier) => identifier !== undefined),
  )
}

/** @param topic that the message was published to */
export function relationOf(topic: string, data: Buffer, sought: Sought): Relation {
  const persons = personsOf(topic, data)
  if (persons !== undefined) return ownershipOf(persons, sought.isMeant)
  const hashes = sought.hashes ?? []
  const recorded = isTopicName(topic) ? undefined : recordedIn(data)
  if (recorded !== undefined) return relationByHashes(recorded, hashes)
  const text = data.toString('utf8')
  return mayName(text, sought.names) || hashes.some((hash) => text.includes(hash)) ? 'perhaps' : 'none'
}

/** The hashes of those whom a line of the record names. */
function recordedIn(data: Buffer): readonly unknown[] | undefined {
  const line = jsonOf(data)?.jsonPayload
  return isRecord(line) && Array.isArray(line.persons) ? line.persons : undefined
}

/** Like the rows of the record: they are about the first of the persons that they name. */
function relationByHashes(recorded: readonly unknown[], hashes: readonly unknown[]): Relation {
  if (hashes.includes(recorded[0])) return 'own'
  return recorded.some((hash) => hashes.includes(hash)) ? 'shared' : 'none'
}

/** Undefined when the body keeps no contract, so that nothing in it certainly names a person. */
function personsOf(topic: string, data: Buffer): readonly NamedPerson[] | undefined {
  if (isTopicName(topic)) {
    const parsed = parseMessage(TOPIC_SCHEMAS[topic], data)
    return parsed.ok ? personsIn(topic, parsed.value) : undefined
  }
  const webhook = jsonOf(data)
  return webhook !== undefined && isWebhook(webhook) ? personsInWebhook(webhook) : undefined
}

/** As the warehouse takes one: with an id, of whatever type. */
function isWebhook({ event_id, data }: Readonly<Record<string, unknown>>): boolean {
  return eventIdOf(event_id) !== undefined && isRecord(data)
}
