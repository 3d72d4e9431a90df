import { createHash } from 'node:crypto'
import { domainToUnicode } from 'node:url'
import {
  type HashKey,
  type HashRing,
  hashesOfPersons,
  hashOfContent,
  hashOfPerson,
  type Identifier,
} from '../identity/index.ts'

/** SHA-256 in lower-case hex: the id of a key's record. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * What a record keeps of content and persons.
 *
 * Version 1 is SHA-256, from before there was a key; it is compared in that way until the last such record has expired.
 * Version 2 is HMAC-SHA-256 with the key of that id.
 */
export type RecordHashes =
  | { readonly version: 1; readonly content: string; readonly person: string | null }
  | { readonly version: 2; readonly key: string; readonly content: string; readonly persons: readonly string[] }

/** A person as records of one version have them. */
export interface PersonHash {
  readonly version: RecordHashes['version']
  readonly hash: string
}

/** What the ledger needs of a message, without its text and its persons. */
export interface MessageHashes {
  /** For the message's own record. */
  readonly own: RecordHashes
  /** The content as that record keeps its own; undefined when the ring no longer has its key. */
  contentAs(record: RecordHashes): string | undefined
}

/** What a message is hashed from. */
export interface Hashed {
  /** As it was published, in one form: a new default in the contract changes nothing in it. */
  readonly published: string
  /** As version 1 hashed it: the parsed message. */
  readonly parsed: string
  /** Everybody whom the message names. */
  readonly persons: readonly Identifier[]
}

export function messageHashes(ring: HashRing, { published, parsed, persons }: Hashed): MessageHashes {
  const [current] = ring
  return {
    own: {
      version: 2,
      key: current.id,
      content: hashOfContent(current, published),
      persons: hashesOfPersons(current, persons),
    },
    contentAs(record) {
      if (record.version === 1) return hashOf(parsed)
      const key = ring.find(({ id }) => id === record.key)
      return key && hashOfContent(key, published)
    },
  }
}

/** A person by every hash that a record may have of them: with each key of the ring, and as version 1. */
export function personHashes(ring: readonly HashKey[], person: Identifier): readonly PersonHash[] {
  return [
    ...ring.map((key): PersonHash => ({ version: 2, hash: hashOfPerson(key, person) })),
    ...plainForms(person).map(
      ([kind, value]): PersonHash => ({ version: 1, hash: hashOf(JSON.stringify([[kind, value]])) }),
    ),
  ]
}

/** Version 1 knew an address in lower case, and its domain as it was written. */
function plainForms({ kind, value }: Identifier): readonly (readonly [string, string])[] {
  const at = value.lastIndexOf('@')
  const other = kind === 'email' ? `${value.slice(0, at)}@${domainToUnicode(value.slice(at + 1))}` : value
  return [...new Set([value, other])].map((form) => [kind, form] as const)
}
