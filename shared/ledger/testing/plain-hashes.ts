import type { Identifier } from '../../identity/index.ts'
import type { MessageHashes, PersonHash } from '../hashes.ts'
import type { MessageToSend } from '../options.ts'

/** What a message tells the ledger, with contents and persons that hash to themselves. */
export function plainlyHashed(
  content: string,
  ...people: readonly string[]
): Pick<MessageToSend, 'hashes' | 'persons' | 'hashesOf'> {
  const hashes: MessageHashes = {
    own: { version: 2, key: 'key', content, persons: people },
    contentAs: () => content,
  }
  return { hashes, persons: people.map(plainPerson), hashesOf: ({ value }) => [plainHash(value)] }
}

export function plainPerson(value: string): Identifier {
  return { kind: 'id', value }
}

export function plainHash(hash: string): PersonHash {
  return { version: 2, hash }
}
