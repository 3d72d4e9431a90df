import type { TopicName } from '../contract/index.ts'
import type { Identifier } from './identifier.ts'
import { type HashKey, hashOfPerson } from './keyed-hash.ts'
import { type NamedPerson, personsIn } from './persons.ts'

/**
 * Whom the record of a message is about: whom it changes or happened to, and whom it is sent to. That of a broadcast is about
 * nobody, since it may go to ten thousand.
 */
export function recordedPersons(topic: TopicName, message: object): readonly NamedPerson[] {
  return personsIn(topic, message).filter(({ role }) => role === 'subject' || role === 'recipient')
}

/** One hash per name, in the order of the names, none twice. */
export function hashesOfPersons(key: HashKey, persons: readonly Identifier[]): readonly string[] {
  const hashes = persons.map((person) => hashOfPerson(key, person))
  return hashes.length <= 1 ? hashes : [...new Set(hashes)]
}
