/** Words of 32 bits of an entry: a ULID in five of at most 30 bits, 64 bits of a hash, and whether it counts. */
const WORDS = 8
const ULID_WORDS = 5
const CHARACTERS_A_WORD = 6
const STATE = 7
const EMPTY = 0
const KEPT = 1
const DELETED = 2

/** By character code; also in lower case, which is the same ULID. */
const VALUES = new Uint8Array(128)
for (const [value, character] of [...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'].entries()) {
  VALUES[character.charCodeAt(0)] = value
  VALUES[character.toLowerCase().charCodeAt(0)] = value
}

/** A ULID with a hash of what came under it. */
export type Entry = Uint32Array

/**
 * @param ulid upper and lower case are the same
 * @param hashes of the content, 32 bits each
 */
export function entryOf(ulid: string, ...hashes: readonly [number, number]): Entry {
  const entry = new Uint32Array(WORDS)
  for (let at = 0; at < ulid.length; at++) {
    const word = Math.floor(at / CHARACTERS_A_WORD)
    entry[word] = ((entry[word] ?? 0) << 5) | (VALUES[ulid.charCodeAt(at)] ?? 0)
  }
  entry.set(hashes, ULID_WORDS)
  entry[STATE] = KEPT
  return entry
}

/**
 * Entries by ULID, in memory that is taken once and never grows: as texts in a `Map`, tens of thousands of them would be
 * copied and looked through at each collection of garbage. Open addressing with linear probing; at most half of the slots
 * are taken.
 */
export class ContentTable {
  readonly #words: Uint32Array
  readonly #slots: number
  readonly #most: number
  #size = 0

  /** @param most entries; whoever adds more has to clear it before */
  constructor(most: number) {
    this.#most = most
    this.#slots = 2 ** Math.ceil(Math.log2(2 * most))
    this.#words = new Uint32Array(this.#slots * WORDS)
  }

  get isFull(): boolean {
    return this.#size >= this.#most
  }

  /** Whether there is one of this ULID, and whether with the same hash. */
  look(entry: Entry): 'none' | 'same' | 'other' {
    const at = this.#find(entry)
    if (this.#words[at + STATE] !== KEPT) return 'none'
    return this.#hasSame(at, entry, ULID_WORDS, STATE) ? 'same' : 'other'
  }

  /** Takes the place of one of the same ULID. */
  add(entry: Entry): void {
    const at = this.#find(entry)
    if (this.#words[at + STATE] === EMPTY) this.#size++
    this.#words.set(entry, at)
  }

  delete(entry: Entry): void {
    const at = this.#find(entry)
    // Not empty: those that were put behind it must still be found.
    if (this.#words[at + STATE] === KEPT) this.#words[at + STATE] = DELETED
  }

  clear(): void {
    this.#words.fill(EMPTY)
    this.#size = 0
  }

  /** Where the entry of this ULID begins, or where it would be put. */
  #find(entry: Entry): number {
    let slot = hashOf(entry) & (this.#slots - 1)
    while (this.#words[slot * WORDS + STATE] !== EMPTY && !this.#hasSame(slot * WORDS, entry, 0, ULID_WORDS))
      slot = (slot + 1) & (this.#slots - 1)
    return slot * WORDS
  }

  #hasSame(at: number, entry: Entry, from: number, to: number): boolean {
    for (let word = from; word < to; word++) if (this.#words[at + word] !== entry[word]) return false
    return true
  }
}

/** Of the ULID: those of one sender may differ in a few bits alone. The factors are those of xxHash. */
function hashOf([a = 0, b = 0, c = 0, d = 0, e = 0]: Entry): number {
  let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77) ^ Math.imul(c, 0xc2b2ae3d)
  hash ^= Math.imul(d, 0x27d4eb2f) ^ Math.imul(e, 0x165667b1)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77)
  return hash ^ (hash >>> 13)
}
