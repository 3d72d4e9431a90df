/** Who is meant: the one place that compares persons. */

export { createHashKeys, type HashKeys, NO_HASH_KEYS } from './hash-keys.ts'
export {
  boundedSubjectKey,
  type Identifier,
  type IdentifierKind,
  identifierOf,
  identifiersOf,
  isSamePhone,
  keyOf,
  phoneOf,
  subjectKey,
} from './identifier.ts'
export {
  HASH_KEY_CHARACTERS,
  type HashKey,
  type HashRing,
  hashOfContent,
  hashOfMessageKey,
  hashOfPerson,
  parseHashRing,
} from './keyed-hash.ts'
export { mailboxesOf, mailboxOf, shareMailbox } from './mailbox.ts'
export { type NamedPerson, type Ownership, ownershipOf, personsIn, personsInWebhook } from './persons.ts'
export { hashesOfPersons, recordedPersons } from './record.ts'
export { mayName } from './text.ts'
