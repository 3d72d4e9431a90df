import type { Clock } from '../clock/index.ts'
import type { Log } from '../logging/index.ts'
import { createSecret, type SecretSource } from '../secrets/index.ts'
import { HASH_KEY_CHARACTERS, type HashRing, parseHashRing } from './keyed-hash.ts'

/** The keys of the secret `PERSON_HASH_KEYS`, which can be rotated while the process runs. */
export interface HashKeys {
  /**
   * The ring, at most a minute old. Undefined while there is no key: nobody is hashed then, since whoever knew a built-in key
   * could find out whom a record is about. Never throws. May wait for a read of the secret: ask before other work, and take
   * the answer after it.
   */
  current(): Promise<HashRing | undefined>
  /** Whether the ring that was used is out of date, by a fresh read of the secret. For a record whose key it lacks. */
  isOutdated(used: HashRing): Promise<boolean>
}

interface HashKeysOptions extends SecretSource {
  readonly log: Pick<Log, 'warning' | 'error'>
  readonly clock: Clock
  /** From the disk by default. */
  readonly readFile?: (path: string) => Promise<string>
}

/** A secret is read once a second at most, so this is long enough for a read that begins now. */
const WAIT_FOR_READ_MS = 1_000

/** What an operator is told when there is no key. */
export const NO_HASH_KEYS =
  `PERSON_HASH_KEYS needs keys of ${HASH_KEY_CHARACTERS} characters or more ` +
  '(`cio-gcp secrets set PERSON_HASH_KEYS --generate`)'

/** Reads the keys at once, and logs one ERROR when there is none. */
export function createHashKeys(options: HashKeysOptions): HashKeys {
  const secret = createSecret(options)
  let parsed: { readonly text: string; readonly ring: HashRing | undefined } = { text: '', ring: undefined }
  const current = async () => {
    const text = (await secret.current()) ?? ''
    if (text !== parsed.text) parsed = { text, ring: parseHashRing(text) }
    return parsed.ring
  }
  void current().then((ring) => {
    if (ring !== undefined) return
    const message = `nothing can be recorded of persons: ${NO_HASH_KEYS}`
    options.log.error(message, { event: 'secret', reason: 'no_key', secret: secret.name })
  })
  return {
    current,
    async isOutdated(used) {
      if ((await current()) !== used) return true
      await secret.refresh(WAIT_FOR_READ_MS)
      return (await current()) !== used
    },
  }
}
