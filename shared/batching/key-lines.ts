/** What stands in the lines of its keys. */
export interface Keyed {
  readonly keys: readonly string[]
  /** Of its keys, those in whose line it is not the first. Kept by {@link KeyLines}. */
  blockedBy: number
}

/** One line per key. Who is first in the lines of all its keys is free; every other waits for those before it. */
export class KeyLines<E extends Keyed> {
  readonly #lines = new Map<string, Set<E>>()
  #blocked = 0

  /** How many wait for others. */
  get blocked(): number {
    return this.#blocked
  }

  /** How many stand in the longest line of these keys. */
  longest(keys: readonly string[]): number {
    return keys.reduce((longest, key) => Math.max(longest, this.#lines.get(key)?.size ?? 0), 0)
  }

  /** Puts an entry at the end of its lines. Its keys must differ from each other. */
  add(entry: E): void {
    for (const key of entry.keys) {
      const line = this.#lines.get(key)
      if (line !== undefined) entry.blockedBy++
      if (line !== undefined) line.add(entry)
      else this.#lines.set(key, new Set([entry]))
    }
    if (entry.blockedBy > 0) this.#blocked++
  }

  /** Takes an entry out, wherever it stands, and tells which others are free now. */
  remove(entry: E): E[] {
    if (entry.blockedBy > 0) this.#blocked--
    const freed: E[] = []
    for (const key of entry.keys) {
      const line = this.#lines.get(key)
      const wasFirst = first(line) === entry
      line?.delete(entry)
      const next = first(line)
      if (next === undefined) this.#lines.delete(key)
      if (next === undefined || !wasFirst) continue
      next.blockedBy--
      if (next.blockedBy > 0) continue
      this.#blocked--
      freed.push(next)
    }
    return freed
  }
}

function first<E>(line: ReadonlySet<E> | undefined): E | undefined {
  return line?.values().next().value
}
