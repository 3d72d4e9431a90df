import { messageKey } from '../../../shared/idempotency/index.ts'
import { type HashRing, hashOfMessageKey, hashOfPerson, type Identifier } from '../../../shared/identity/index.ts'
import type { DeadLettersSought } from './dead-letters.ts'
import type { Entry } from './entry.ts'
import { journeysOf } from './journey.ts'
import type { LedgerQuestion } from './ledger.ts'
import type { RecordTies, TraceRows } from './rows.ts'

/** What a trace begins with. */
export interface Sought {
  readonly messageIds: readonly string[]
  /** As the ledger knows them: `messageKey`. */
  readonly keys: readonly string[]
  readonly deliveryIds: readonly string[]
  /** Every name of the person, if it is about one. */
  readonly names: readonly Identifier[]
  /** The keys that the record hashes keys and persons with; needed for keys and names. */
  readonly ring: HashRing | undefined
  /** Most messages, and most deliveries, of a person. */
  readonly limit: number
}

/** The stores, each as it is asked. */
export interface Stores {
  readonly rows: Pick<TraceRows, 'outcomes' | 'messagesOf' | 'events' | 'deliveriesOf'>
  readonly remembered: (question: LedgerQuestion) => Promise<readonly Entry[]>
  /** @param topic of the dead letters; all when it is not known */
  readonly deadLetters: (sought: DeadLettersSought, topic: string | undefined) => Promise<readonly Entry[]>
  /** How a webhook's row is found by a name without the name standing in the query. */
  readonly hashesInRows: (names: readonly Identifier[]) => readonly string[]
  /** Who looks through dead letters for somebody. */
  readonly soughtBy: (names: readonly Identifier[]) => DeadLettersSought['person']
}

/** Each round can find the ids of one more replay. */
const MOST_ROUNDS = 4

/**
 * Asks every store, each about what the ones before have told: the record, then the dead letters where the record does not
 * say that all is well, then the ledger, then the webhooks.
 */
export async function gather(stores: Stores, sought: Sought): Promise<readonly Entry[]> {
  const { names, ring, limit } = sought
  const isPerson = names.length > 0
  const hashes = names.flatMap((name) => (ring ?? []).map((key) => hashOfPerson(key, name)))
  const [messageIds, deliveryIds] = await Promise.all([
    stores.rows.messagesOf(hashes, limit),
    isPerson ? stores.rows.deliveriesOf(stores.hashesInRows(names), limit) : [],
  ])
  const known = new Known({
    ...sought,
    messageIds: [...sought.messageIds, ...messageIds],
    deliveryIds: [...sought.deliveryIds, ...deliveryIds],
  })
  await askTheRecord(stores, known)
  if (isPerson || !isWell(known.entries)) {
    const ids = new Set([...known.messageIds, ...known.keys])
    known.add(await stores.deadLetters({ ids, person: stores.soughtBy(names) }, topicOf(known.entries, isPerson)))
    // A dead letter that somebody forwarded, or whose line is lost, was not in the record by what was asked.
    await askTheRecord(stores, known)
  }
  const ids = [...known.messageIds].map((messageId) => messageKey({ messageId }))
  const keys = [...known.keys, ...ids.flatMap((keyed) => (keyed.ok ? [keyed.key] : []))]
  known.add(await stores.remembered({ keys, deliveryIds: [...known.deliveryIds], names, ring }))
  await askTheRecord(stores, known)
  known.add(await stores.rows.events([...known.deliveryIds]))
  return known.entries
}

async function askTheRecord({ rows }: Stores, known: Known): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const ties = known.notYetAsked()
    if (ties === undefined) return
    known.add(await rows.outcomes(ties))
  }
}

/** Nothing that was dead-lettered can be among what Customer.io accepted. */
function isWell(entries: readonly Entry[]): boolean {
  const journeys = journeysOf(entries)
  return journeys.length > 0 && journeys.every(({ ending }) => ending.state === 'accepted')
}

function topicOf(entries: readonly Entry[], isPerson: boolean): string | undefined {
  return isPerson ? undefined : entries.find(({ topic }) => topic !== undefined)?.topic
}

/** What is known so far, and by which ties more can be asked for. */
class Known {
  readonly messageIds: Set<string>
  readonly keys: Set<string>
  readonly deliveryIds: Set<string>
  readonly #entries: Entry[] = []
  readonly #keyHashes = new Set<string>()
  /** The key that each of its hashes is of. */
  readonly #keyOf = new Map<string, string>()
  readonly #ring: HashRing | undefined
  readonly #asked = new Set<string>()

  constructor({ messageIds, keys, deliveryIds, ring }: Sought) {
    this.#ring = ring
    this.messageIds = new Set(messageIds)
    this.keys = new Set()
    this.deliveryIds = new Set(deliveryIds)
    for (const key of keys) this.#addKey(key)
  }

  /** Entries with what they are tied by; one that was hashed with an older key of the ring is tied to the key itself. */
  get entries(): readonly Entry[] {
    return this.#entries.map((entry) => ({ ...entry, key: entry.key ?? this.#keyOf.get(entry.keyHash ?? '') }))
  }

  add(entries: readonly Entry[]): void {
    this.#entries.push(...entries)
    for (const { messageIds = [], key, keyHash, deliveryId } of entries) {
      for (const id of messageIds) this.messageIds.add(id)
      if (key !== undefined) this.#addKey(key)
      if (keyHash !== undefined) this.#keyHashes.add(keyHash)
      if (deliveryId !== undefined) this.deliveryIds.add(deliveryId)
    }
  }

  /** Ties that the record was not asked about; undefined when there are none. */
  notYetAsked(): RecordTies | undefined {
    const fresh = (kind: string, ids: Iterable<string>) => [...ids].filter((id) => !this.#asked.has(`${kind} ${id}`))
    const ties = {
      messageIds: fresh('message', this.messageIds),
      keyHashes: fresh('key', this.#keyHashes),
      deliveryIds: fresh('delivery', this.deliveryIds),
    }
    for (const id of ties.messageIds) this.#asked.add(`message ${id}`)
    for (const id of ties.keyHashes) this.#asked.add(`key ${id}`)
    for (const id of ties.deliveryIds) this.#asked.add(`delivery ${id}`)
    return Object.values(ties).every((ids) => ids.length === 0) ? undefined : ties
  }

  #addKey(key: string): void {
    this.keys.add(key)
    for (const hashKey of this.#ring ?? []) {
      const hash = hashOfMessageKey(hashKey, key)
      this.#keyHashes.add(hash)
      this.#keyOf.set(hash, key)
    }
  }
}
