import { createHash } from 'node:crypto'
import type { TrackMessage } from '../contract/index.ts'

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ULID_CHARACTERS = 26

/** Each part with its length before it, so that no two lists of parts give the same bytes. */
function hash(parts: readonly string[]): Buffer {
  const sha256 = createHash('sha256')
  for (const part of parts) sha256.update(`${Buffer.byteLength(part, 'utf8')}:`).update(part, 'utf8')
  return sha256.digest()
}

/** The first 128 bits in Crockford's base 32: 130 bits with two leading zeros, so the first character is at most 7. */
function ulidOf(digest: Buffer): string {
  let rest = BigInt(`0x${digest.toString('hex', 0, 16)}`)
  let ulid = ''
  for (let i = 0; i < ULID_CHARACTERS; i++) {
    ulid = CROCKFORD.charAt(Number(rest & 31n)) + ulid
    rest >>= 5n
  }
  return ulid
}

/**
 * The id of an event whose publisher gave none: a ULID of 128 bits of SHA-256, without a time in it, so that a
 * redelivery, a second publish with the same key and a replay all give the same id and Customer.io takes the event
 * once. It ignores the time within a ULID, and takes derived ones.
 *
 * @param key as given by `messageKey`
 */
export function deriveEventId(key: string, identifiers: TrackMessage['identifiers'], eventName: string): string {
  const who = Object.entries(identifiers).flat().map(String)
  return ulidOf(hash(['customerio event', key, ...who, eventName]))
}
