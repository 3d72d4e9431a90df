import { FieldValue, type Firestore, Timestamp } from '@google-cloud/firestore'
import * as z from 'zod'
import { codeOf } from '../errors/index.ts'
import type { PersonHash, RecordHashes } from './hashes.ts'
import { UnreadableRecordError } from './ledger-error.ts'
import type { NewSendRecord, SendLedger, SendRecordChange, StoredRecord, Written } from './record.ts'
import { MOST_RECORDS_OF_A_PERSON, SEND_STATES } from './record.ts'

const timestamp = z.instanceof(Timestamp)

/** A document, by the names that the operators and the TTL policy see. */
const documentSchema = z.object({
  state: z.enum(SEND_STATES),
  owner: z.string(),
  lease_ms: z.number(),
  channel: z.string(),
  template: z.string().nullable(),
  claimed_at: timestamp,
  delivery_id: z.string().nullable(),
  expires_at: timestamp,
})

/** Version 1, which a version before this one reads. */
const plainHashes = z.object({ content_hash: z.string(), person_hash: z.string().nullable() })
/**
 * Version 2. It has no `content_hash` on purpose: an instance of the version before this one cannot read such a record, and
 * answers 503 until one that can gets the message. If it compared the hashes it would refuse the message as changed.
 */
const keyedHashes = z.object({
  hash_version: z.literal(2),
  hash_key: z.string(),
  content_hmac: z.string(),
  persons: z.array(z.string()),
})

const FIELD_NAMES = {
  state: 'state',
  owner: 'owner',
  leaseMs: 'lease_ms',
  channel: 'channel',
  template: 'template',
  claimedAtMs: 'claimed_at',
  deliveryId: 'delivery_id',
  expiresAtMs: 'expires_at',
} as const satisfies Record<Exclude<keyof NewSendRecord, 'hashes'>, keyof z.infer<typeof documentSchema>>

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
 * filter, which a single-field index serves: there is no index to create.
 */
export function createFirestoreSendLedger(options: FirestoreSendLedgerOptions): SendLedger {
  const { firestore } = options
  const collection = firestore.collection(options.collection)

  return {
    create: (id, record) => written(collection.doc(id).create({ ...toDocument(record), ...toFields(record.hashes) })),
    update: (id, version, change) =>
      written(
        collection
          .doc(id)
          .update(
            { ...toDocument(change), ...(change.hashes !== undefined && { ...NO_HASHES, ...toFields(change.hashes) }) },
            { lastUpdateTime: timestampOf(version) },
          ),
      ),
    read: async (id) => toRecord(await collection.doc(id).get()),
    async others(persons, exceptId) {
      const queries = persons.map((person) =>
        naming(person)
          .limit(MOST_RECORDS_OF_A_PERSON + 1)
          .get(),
      )
      const ofPersons = await Promise.all(queries)
      if (ofPersons.some(({ size }) => size > MOST_RECORDS_OF_A_PERSON)) return undefined
      // One record names a person by several identifiers.
      const docs = new Map(ofPersons.flatMap((found) => found.docs.map((snapshot) => [snapshot.id, snapshot])))
      docs.delete(exceptId)
      return [...docs.values()].flatMap((snapshot) => toRecord(snapshot) ?? [])
    },
    async held(deliveryIds) {
      const holders = deliveryIds.map(async (id) => {
        const { empty } = await collection.where('delivery_id', '==', id).limit(1).get()
        return empty ? [] : [id]
      })
      return new Set((await Promise.all(holders)).flat())
    },
    async erase(person) {
      let erased = 0
      const hashes = new Set(person.map(({ hash }) => hash))
      for (const each of person) {
        for (;;) {
          const { docs } = await naming(each).limit(ERASE_BATCH).get()
          if (docs.length === 0) break
          const batch = firestore.batch()
          for (const snapshot of docs) {
            const { persons } = personsSchema.parse(snapshot.data())
            const others = persons.filter((hash) => !hashes.has(hash))
            if (others.length === 0) batch.delete(snapshot.ref)
            else batch.update(snapshot.ref, { persons: others }, { lastUpdateTime: snapshot.updateTime })
          }
          // Somebody else may write meanwhile: what was not changed is found again.
          const wrote = await batch.commit().then(() => true, unlessOvertaken)
          if (wrote) erased += docs.length
        }
      }
      return erased
    },
  }

  function naming({ version, hash }: PersonHash) {
    return version === 1
      ? collection.where('person_hash', '==', hash)
      : collection.where('persons', 'array-contains', hash)
  }
}

const personsSchema = z.object({ persons: z.array(z.string()).default([]) })

function unlessOvertaken(error: unknown): false {
  const code = codeOf(error)
  if (code === FAILED_PRECONDITION || code === NOT_FOUND) return false
  throw error
}

async function written(write: Promise<{ readonly writeTime: Timestamp }>): Promise<Written> {
  try {
    return { kind: 'written', version: versionOf((await write).writeTime) }
  } catch (error) {
    const code = codeOf(error)
    if (code === ALREADY_EXISTS || code === FAILED_PRECONDITION || code === NOT_FOUND) return { kind: 'other' }
    throw error
  }
}

/** The fields of both versions, for a record that changes from one to the other. */
const NO_HASHES = {
  content_hash: FieldValue.delete(),
  person_hash: FieldValue.delete(),
  hash_version: FieldValue.delete(),
  hash_key: FieldValue.delete(),
  content_hmac: FieldValue.delete(),
  persons: FieldValue.delete(),
}

function toFields(hashes: RecordHashes): Record<string, unknown> {
  if (hashes.version === 1) return { content_hash: hashes.content, person_hash: hashes.person }
  const { version, key, content, persons } = hashes
  return { hash_version: version, hash_key: key, content_hmac: content, persons: [...persons] }
}

function hashesOf(document: unknown): z.ZodSafeParseResult<RecordHashes> {
  return z
    .union([
      keyedHashes.transform(
        ({ hash_version: version, hash_key: key, content_hmac: content, persons }): RecordHashes => ({
          version,
          key,
          content,
          persons,
        }),
      ),
      plainHashes.transform(
        ({ content_hash: content, person_hash: person }): RecordHashes => ({ version: 1, content, person }),
      ),
    ])
    .safeParse(document)
}

function toDocument({ hashes: _, ...record }: SendRecordChange): Record<string, unknown> {
  const document: Record<string, unknown> = {}
  for (const [name, value] of Object.entries({
    ...record,
    ...(record.claimedAtMs === undefined ? {} : { claimedAtMs: FieldValue.serverTimestamp() }),
    ...(record.expiresAtMs === undefined ? {} : { expiresAtMs: Timestamp.fromMillis(record.expiresAtMs) }),
  })) {
    document[FIELD_NAMES[name as keyof typeof FIELD_NAMES]] = value
  }
  return document
}

/** Throws when the document is not of this ledger's making: better no send than a second one. */
function toRecord(snapshot: FirebaseFirestore.DocumentSnapshot): StoredRecord | undefined {
  const { id, updateTime, readTime } = snapshot
  if (updateTime === undefined) return undefined
  const parsed = documentSchema.safeParse(snapshot.data())
  if (!parsed.success) throw new UnreadableRecordError(`document ${id}: ${z.prettifyError(parsed.error)}`)
  const hashes = hashesOf(snapshot.data())
  if (!hashes.success) throw new UnreadableRecordError(`document ${id}: ${z.prettifyError(hashes.error)}`)
  const document = parsed.data
  return {
    id,
    version: versionOf(updateTime),
    updatedAtMs: updateTime.toMillis(),
    readAtMs: readTime.toMillis(),
    state: document.state,
    owner: document.owner,
    leaseMs: document.lease_ms,
    hashes: hashes.data,
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
