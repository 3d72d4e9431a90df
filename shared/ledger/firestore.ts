import { FieldValue, type Firestore, Timestamp } from '@google-cloud/firestore'
import * as z from 'zod'
import { UnreadableRecordError } from './ledger-error.ts'
import type { NewSendRecord, SendLedger, SendRecordChange, StoredRecord, Written } from './record.ts'
import { MOST_RECORDS_OF_A_PERSON, SEND_STATES } from './record.ts'

const timestamp = z.instanceof(Timestamp)

/** A document, by the names that the operators and the TTL policy see. */
const documentSchema = z.object({
  state: z.enum(SEND_STATES),
  owner: z.string(),
  lease_ms: z.number(),
  content_hash: z.string(),
  person_hash: z.string().nullable(),
  channel: z.string(),
  template: z.string().nullable(),
  claimed_at: timestamp,
  delivery_id: z.string().nullable(),
  expires_at: timestamp,
})

const FIELD_NAMES = {
  state: 'state',
  owner: 'owner',
  leaseMs: 'lease_ms',
  contentHash: 'content_hash',
  personHash: 'person_hash',
  channel: 'channel',
  template: 'template',
  claimedAtMs: 'claimed_at',
  deliveryId: 'delivery_id',
  expiresAtMs: 'expires_at',
} as const satisfies Record<keyof NewSendRecord, keyof z.infer<typeof documentSchema>>

/** gRPC's numbers, as the client puts them into `code`. */
const NOT_FOUND = 5
const ALREADY_EXISTS = 6
const FAILED_PRECONDITION = 9

/** Documents of one delete; Firestore takes 500. */
const ERASE_BATCH = 50

export interface FirestoreSendLedgerOptions {
  /** Of the named database; the caller ends it. */
  readonly firestore: Firestore
  /** `ledger.collection` of pipeline.yaml. */
  readonly collection: string
}

/**
 * The ledger in Firestore: one document per key, one conditional write per change, no transaction. Each query has one
 * equality filter, which a single-field index serves: there is no index to create.
 */
export function createFirestoreSendLedger(options: FirestoreSendLedgerOptions): SendLedger {
  const { firestore } = options
  const collection = firestore.collection(options.collection)

  return {
    create: (id, record) => written(collection.doc(id).create(toDocument(record))),
    update: (id, version, change) =>
      written(collection.doc(id).update(toDocument(change), { lastUpdateTime: timestampOf(version) })),
    read: async (id) => toRecord(await collection.doc(id).get()),
    async others(personHashes, exceptId) {
      const queries = personHashes.map((hash) =>
        collection
          .where('person_hash', '==', hash)
          .limit(MOST_RECORDS_OF_A_PERSON + 1)
          .get(),
      )
      const ofPersons = await Promise.all(queries)
      if (ofPersons.some(({ size }) => size > MOST_RECORDS_OF_A_PERSON)) return undefined
      const docs = ofPersons.flatMap((found) => found.docs)
      return docs.flatMap((snapshot) => (snapshot.id === exceptId ? [] : (toRecord(snapshot) ?? [])))
    },
    async held(deliveryIds) {
      const holders = deliveryIds.map(async (id) => {
        const { empty } = await collection.where('delivery_id', '==', id).limit(1).get()
        return empty ? [] : [id]
      })
      return new Set((await Promise.all(holders)).flat())
    },
    async erase(personHash) {
      let erased = 0
      for (;;) {
        const { docs } = await collection.where('person_hash', '==', personHash).limit(ERASE_BATCH).get()
        if (docs.length === 0) return erased
        const batch = firestore.batch()
        for (const { ref } of docs) batch.delete(ref)
        await batch.commit()
        erased += docs.length
      }
    },
  }
}

async function written(write: Promise<{ readonly writeTime: Timestamp }>): Promise<Written> {
  try {
    return { kind: 'written', version: versionOf((await write).writeTime) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === ALREADY_EXISTS || code === FAILED_PRECONDITION || code === NOT_FOUND) return { kind: 'other' }
    throw error
  }
}

function toDocument(record: SendRecordChange): Record<string, unknown> {
  const document: Record<string, unknown> = {}
  for (const [name, value] of Object.entries({
    ...record,
    ...(record.claimedAtMs === undefined ? {} : { claimedAtMs: FieldValue.serverTimestamp() }),
    ...(record.expiresAtMs === undefined ? {} : { expiresAtMs: Timestamp.fromMillis(record.expiresAtMs) }),
  })) {
    document[FIELD_NAMES[name as keyof NewSendRecord]] = value
  }
  return document
}

/** Throws when the document is not of this ledger's making: better no send than a second one. */
function toRecord(snapshot: FirebaseFirestore.DocumentSnapshot): StoredRecord | undefined {
  const { id, updateTime, readTime } = snapshot
  if (updateTime === undefined) return undefined
  const parsed = documentSchema.safeParse(snapshot.data())
  if (!parsed.success) throw new UnreadableRecordError(`document ${id}: ${z.prettifyError(parsed.error)}`)
  const document = parsed.data
  return {
    id,
    version: versionOf(updateTime),
    updatedAtMs: updateTime.toMillis(),
    readAtMs: readTime.toMillis(),
    state: document.state,
    owner: document.owner,
    leaseMs: document.lease_ms,
    contentHash: document.content_hash,
    personHash: document.person_hash,
    channel: document.channel,
    template: document.template,
    claimedAtMs: document.claimed_at.toMillis(),
    deliveryId: document.delivery_id,
    expiresAtMs: document.expires_at.toMillis(),
  }
}

/** An update time with all its digits: two writes can fall into one millisecond. */
function versionOf(updateTime: Timestamp): string {
  return `${updateTime.seconds}:${updateTime.nanoseconds}`
}

function timestampOf(version: string): Timestamp {
  const [seconds, nanoseconds] = version.split(':').map(Number)
  return new Timestamp(seconds ?? Number.NaN, nanoseconds ?? Number.NaN)
}
