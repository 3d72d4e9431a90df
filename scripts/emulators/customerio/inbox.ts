import type { ItemError } from './answers.ts'
import type { Ignored } from './workspace/people.ts'

/** One thing that was received: an operation, a send, a broadcast trigger, a metric. */
export interface InboxEntry {
  /** 1, 2, 3 … in order of arrival. */
  readonly seq: number
  /** `identify`, `event`, `object.identify`, `send.email`, `broadcast` … */
  readonly kind: string
  /** The name of the endpoint: `v2/batch`, `v2/entity`, `v1/identify`, `send/email` … */
  readonly endpoint: string
  readonly receivedAtMs: number
  readonly body: unknown
  /** `applied`, why it changed nothing, or `refused` with the error that was answered. */
  readonly result: 'applied' | Ignored | 'refused'
  readonly error?: ItemError
}

export interface InboxQuery {
  /** Only these kinds; `send` stands for every `send.*`. */
  readonly kinds?: readonly string[]
  /** Only entries whose JSON contains this text: an id, a name, a key. */
  readonly containing?: string
  /** Only entries after this `seq`. */
  readonly after?: number
  /** At most so many; 100 by default. */
  readonly limit?: number
}

const PAGE = 100

/** Everything that was received, in order. */
export class Inbox {
  readonly #entries: InboxEntry[] = []
  #seq = 0

  add(entry: Omit<InboxEntry, 'seq'>): void {
    this.#entries.push({ seq: ++this.#seq, ...entry })
  }

  /** A page of entries, and the `after` that gives the next one; null at the end. */
  list(query: InboxQuery = {}): { entries: InboxEntry[]; next: number | null } {
    const limit = query.limit ?? PAGE
    const found: InboxEntry[] = []
    const firstSeq = this.#entries[0]?.seq ?? 1
    const start = Math.max(0, (query.after ?? 0) - firstSeq + 1)
    for (let at = start; at < this.#entries.length; at++) {
      const entry = this.#entries[at]
      if (entry === undefined || !matches(entry, query)) continue
      if (found.length === limit) return { entries: found, next: found.at(-1)?.seq ?? null }
      found.push(entry)
    }
    return { entries: found, next: null }
  }

  /** All entries of these kinds; all there are without an argument. */
  of(...kinds: string[]): InboxEntry[] {
    return this.#entries.filter((entry) => matches(entry, kinds.length === 0 ? {} : { kinds }))
  }

  get size(): number {
    return this.#entries.length
  }

  clear(): void {
    this.#entries.length = 0
  }
}

function matches(entry: InboxEntry, query: InboxQuery): boolean {
  if (query.kinds && !query.kinds.some((kind) => entry.kind === kind || entry.kind.startsWith(`${kind}.`))) return false
  return query.containing === undefined || JSON.stringify(entry.body).includes(query.containing)
}
