import { hash } from 'node:crypto'
import type { TrackMessage } from '../contract/index.ts'
import { identifiersOf } from '../identity/index.ts'

const CROCKFORD = Buffer.from('0123456789ABCDEFGHJKMNPQRSTVWXYZ')
const ULID_BYTES = 16
const BITS_A_CHARACTER = 5
const ULID_CHARACTERS = 26

/** Each part of what is hashed stands with its length before it, so that no two lists of parts give the same bytes. */
function measured(part: string): string {
  return `${Buffer.byteLength(part)}:${part}`
}

const PURPOSE = measured('customerio event')

/** Used within one call only. */
const ulid = Buffer.alloc(ULID_CHARACTERS)

/**
 * The first 128 bits of a digest in Latin-1, in Crockford's base 32: 130 bits with two leading zeros, so the first character is
 * at most 7. Made of bytes: a text that grows by one character at a time keeps all of its steps.
 */
function ulidOf(digest: string): string {
  let length = 0
  let value = 0
  let bits = 2
  for (let index = 0; index < ULID_BYTES; index++) {
    value = (value << 8) | digest.charCodeAt(index)
    bits += 8
    while (bits >= BITS_A_CHARACTER) {
      bits -= BITS_A_CHARACTER
      ulid[length++] = CROCKFORD[(value >> bits) & 31] ?? 0
    }
    value &= (1 << bits) - 1
  }
  return ulid.toString('latin1')
}

/**
 * The id of an event whose publisher gave none: a ULID of 128 bits of SHA-256, without a time in it, so that a
 * redelivery, a second publish with the same key and a replay all give the same id and Customer.io takes the event
 * once. It ignores the time within a ULID, and takes derived ones. The person counts as `shared/identity` compares persons:
 * an address in another spelling gives the same id.
 *
 * @param key as given by `messageKey`
 */
export function deriveEventId(key: string, identifiers: TrackMessage['identifiers'], eventName: string): string {
  let text = PURPOSE + measured(key)
  for (const { kind, value } of identifiersOf(identifiers)) text += measured(kind) + measured(value)
  return ulidOf(hash('sha256', text + measured(eventName), 'binary'))
}
