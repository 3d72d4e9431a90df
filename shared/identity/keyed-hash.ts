import { hmacSha256 } from './hmac.ts'
import { type Identifier, keyOf } from './identifier.ts'

/** A key that hashes are made with. */
export interface HashKey {
  /** Names the key where its hashes are kept, and tells nothing of it. */
  readonly id: string
  readonly secret: string
}

/** The keys of the secret `PERSON_HASH_KEYS`: hashes are made with the first, and compared with all. */
export type HashRing = readonly [HashKey, ...HashKey[]]

/** So that nobody finds a key by trying: 32 characters of base64 are 192 bits. */
export const HASH_KEY_CHARACTERS = 32
const KEY_ID_DIGITS = 8

/** One key per line, the current one first. Undefined when there is none, or one that is too short. */
export function parseHashRing(text: string): HashRing | undefined {
  const secrets = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (secrets.some((secret) => secret.length < HASH_KEY_CHARACTERS)) return undefined
  const [first, ...others] = [...new Set(secrets)].map((secret): HashKey => ({ id: keyIdOf(secret), secret }))
  return first === undefined ? undefined : [first, ...others]
}

function keyIdOf(secret: string): string {
  return keyedHash(secret, 'key id', '').slice(0, KEY_ID_DIGITS)
}

/** HMAC-SHA-256 of a person's name in lower-case hex. Equal for every spelling of the name. */
export function hashOfPerson({ secret }: HashKey, person: Identifier): string {
  return keyedHash(secret, 'person', keyOf(person))
}

/** HMAC-SHA-256 of a message's content. */
export function hashOfContent({ secret }: HashKey, content: string): string {
  return keyedHash(secret, 'content', content)
}

/** HMAC-SHA-256 of a message's idempotency key, which a publisher may make of anything. */
export function hashOfMessageKey({ secret }: HashKey, key: string): string {
  return keyedHash(secret, 'message key', key)
}

/** The purpose keeps hashes of different things apart. */
function keyedHash(secret: string, purpose: 'person' | 'content' | 'message key' | 'key id', text: string): string {
  return hmacSha256(secret, `${purpose}\n${text}`)
}
