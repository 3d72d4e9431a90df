import type { HashRing, Identifier } from '../../../shared/identity/index.ts'
import { createFirestoreSendLedger, hashOf, personHashes, type StoredRecord } from '../../../shared/ledger/index.ts'
import type { Context } from '../context.ts'
import { recordsOf } from '../person/ledger.ts'
import type { Entry } from './entry.ts'

/** By what records of the send ledger are looked for. */
export interface LedgerQuestion {
  /** As `messageKey` makes them. */
  readonly keys: readonly string[]
  readonly deliveryIds: readonly string[]
  readonly names: readonly Identifier[]
  /** For the names. */
  readonly ring: HashRing | undefined
}

const TOPIC = 'transactional'

/** What the send ledger remembers. Each record is read by itself, so that one has the times of the store. */
export async function remembered(
  context: Pick<Context, 'connection'>,
  question: LedgerQuestion,
): Promise<readonly Entry[]> {
  const { connection } = context
  const firestore = await connection.firestore()
  const { collection: name } = connection.topology.ledger
  const ledger = createFirestoreSendLedger({ firestore, collection: name })
  const keyOf = new Map(question.keys.map((key) => [hashOf(key), key]))
  const holding = await Promise.all(
    question.deliveryIds.map((id) => firestore.collection(name).where('delivery_id', '==', id).limit(1).get()),
  )
  const { ring } = question
  const hashes = ring === undefined ? [] : question.names.flatMap((each) => [...personHashes(ring, each)])
  const ofPersons = hashes.length === 0 ? [] : await recordsOf(context, hashes)
  const ids = new Set([
    ...keyOf.keys(),
    ...holding.flatMap(({ docs }) => docs.map(({ id }) => id)),
    ...ofPersons.map(({ id }) => id),
  ])
  const records = await Promise.all([...ids].map((id) => ledger.read(id)))
  return records.flatMap((record) => (record === undefined ? [] : entriesOf(record, keyOf.get(record.id))))
}

/** @param key of the record, where it is known; a record has its hash only */
function entriesOf(record: StoredRecord, key: string | undefined): readonly Entry[] {
  const { state, deliveryId, channel, template, claimedAtMs, updatedAtMs } = record
  const about = {
    topic: TOPIC,
    channel,
    template: template ?? undefined,
    deliveryId: deliveryId ?? undefined,
    key,
  }
  // Both times are the store's, and one write can have both.
  const claimed: Entry = {
    atMs: Math.min(claimedAtMs, updatedAtMs),
    ...about,
    fact: { kind: 'remembered', state: 'claimed' },
  }
  return state === 'claimed'
    ? [claimed]
    : [claimed, { atMs: updatedAtMs, ...about, fact: { kind: 'remembered', state } }]
}
