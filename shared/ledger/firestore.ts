import type { Firestore } from '@google-cloud/firestore'
import * as z from 'zod'
import { codeOf } from '../errors/index.ts'
import type {
  DocumentStore,
  DocumentWrite,
  FieldChange,
  FieldValue,
  StoredDocument,
  StoreTime,
  WrittenFields,
} from './documents.ts'
import { documentsOfClient } from './documents-client.ts'
import { createDirectDocuments, type DirectDocumentsOptions } from './documents-direct.ts'
import type { PersonHash, RecordHashes } from './hashes.ts'
import { UnreadableRecordError } from './ledger-error.ts'
import type { NewSendRecord, SendLedger, SendRecordChange, StoredRecord, Written } from './record.ts'
import { MOST_RECORDS_OF_A_PERSON, SEND_STATES } from './record.ts'

const timestamp = z.object({ seconds: z.number(), nanos: z.number() })

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
  settled_at: timestamp.optional(),
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
  settledAtMs: 'settled_at',
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

/** The ledger as the function uses it: without Google's client, which would take more than half of its start. */
export function createSendLedger(options: DirectDocumentsOptions): SendLedger {
  return ledgerIn(createDirectDocuments(options))
}

/** The ledger by Google's client, for whoever signs in as a person. */
export function createFirestoreSendLedger({ firestore, collection }: FirestoreSendLedgerOptions): SendLedger {
  return ledgerIn(documentsOfClient(firestore, collection))
}

/**
 * The ledger in Firestore: one document per key, one conditional write per change, no transaction. Each query has one
 * filter, which a single-field index serves: there is no index to create.
 */
function ledgerIn(documents: DocumentStore): SendLedger {
  return {
    create: (id, record) =>
      written(documents.commit([{ kind: 'create', id, fields: [...toDocument(record), ...toFields(record.hashes)] }])),
    update(id, version, change) {
      const hashes = change.hashes === undefined ? [] : toFields(change.hashes)
      const replaced =
        change.hashes === undefined ? [] : NO_HASHES.filter(([name]) => !hashes.some(([own]) => own === name))
      const fields = [...toDocument(change), ...replaced, ...hashes]
      return written(documents.commit([{ kind: 'update', id, fields, ifUpdatedAt: timeOf(version) }]))
    },
    read: async (id) => toRecord(await documents.get(id)),
    async others(persons, exceptId) {
      const queries = persons.map((person) =>
        documents.find({ ...naming(person), limit: MOST_RECORDS_OF_A_PERSON + 1 }),
      )
      const ofPersons = await Promise.all(queries)
      if (ofPersons.some(({ length }) => length > MOST_RECORDS_OF_A_PERSON)) return undefined
      // One record names a person by several identifiers.
      const found = new Map(ofPersons.flat().map((document) => [document.id, document]))
      found.delete(exceptId)
      return [...found.values()].flatMap((document) => toRecord(document) ?? [])
    },
    async held(deliveryIds) {
      const holders = deliveryIds.map(async (id) => {
        const found = await documents.find({ field: 'delivery_id', op: 'equals', value: id, limit: 1 })
        return found.length === 0 ? [] : [id]
      })
      return new Set((await Promise.all(holders)).flat())
    },
    async erase(person) {
      let erased = 0
      const hashes = new Set(person.map(({ hash }) => hash))
      for (const each of person) {
        for (;;) {
          const found = await documents.find({ ...naming(each), limit: ERASE_BATCH })
          if (found.length === 0) break
          const writes = found.map(({ id, fields, updatedAt }): DocumentWrite => {
            const others = personsSchema.parse(fields).persons.filter((hash) => !hashes.has(hash))
            if (others.length === 0) return { kind: 'delete', id }
            return { kind: 'update', id, fields: [['persons', { to: others }]], ifUpdatedAt: updatedAt }
          })
          // Somebody else may write meanwhile: what was not changed is found again.
          const wrote = await documents.commit(writes).then(() => true, unlessOvertaken)
          if (wrote) erased += found.length
        }
      }
      return erased
    },
  }
}

function naming({ version, hash }: PersonHash) {
  return version === 1
    ? ({ field: 'person_hash', op: 'equals', value: hash } as const)
    : ({ field: 'persons', op: 'contains', value: hash } as const)
}

const personsSchema = z.object({ persons: z.array(z.string()).default([]) })

function unlessOvertaken(error: unknown): false {
  const code = codeOf(error)
  if (code === FAILED_PRECONDITION || code === NOT_FOUND) return false
  throw error
}

async function written(write: Promise<readonly StoreTime[]>): Promise<Written> {
  try {
    const [time] = await write
    if (time === undefined) throw new Error('Firestore wrote, and told no time')
    return { kind: 'written', version: versionOf(time) }
  } catch (error) {
    const code = codeOf(error)
    if (code === ALREADY_EXISTS || code === FAILED_PRECONDITION || code === NOT_FOUND) return { kind: 'other' }
    throw error
  }
}

const fieldsFrom = (values: Readonly<Record<string, FieldValue>>): WrittenFields =>
  Object.entries(values).map(([name, to]) => [name, { to }])

/** The fields of both versions, for a record that changes from one to the other. */
const NO_HASHES: WrittenFields = [
  ['content_hash', 'removed'],
  ['person_hash', 'removed'],
  ['hash_version', 'removed'],
  ['hash_key', 'removed'],
  ['content_hmac', 'removed'],
  ['persons', 'removed'],
]

function toFields(hashes: RecordHashes): WrittenFields {
  if (hashes.version === 1) return fieldsFrom({ content_hash: hashes.content, person_hash: hashes.person })
  const { version, key, content, persons } = hashes
  return fieldsFrom({ hash_version: version, hash_key: key, content_hmac: content, persons })
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

function toDocument({ hashes: _, claimedAtMs, settledAtMs, expiresAtMs, ...record }: SendRecordChange): WrittenFields {
  const values = { ...record, ...(expiresAtMs !== undefined && { expiresAtMs: timeOfMillis(expiresAtMs) }) }
  const fields: [string, FieldChange][] = Object.entries(values).flatMap(([name, to]) =>
    to === undefined ? [] : [[FIELD_NAMES[name as keyof typeof FIELD_NAMES], { to }]],
  )
  if (claimedAtMs !== undefined) fields.push([FIELD_NAMES.claimedAtMs, claimedAtMs])
  if (settledAtMs !== undefined) fields.push([FIELD_NAMES.settledAtMs, settledAtMs])
  return fields
}

/** Throws when the document is not of this ledger's making: better no send than a second one. */
function toRecord(stored: StoredDocument | undefined): StoredRecord | undefined {
  if (stored === undefined) return undefined
  const { id, fields, updatedAt, readAt } = stored
  const parsed = documentSchema.safeParse(fields)
  if (!parsed.success) throw new UnreadableRecordError(`document ${id}: ${z.prettifyError(parsed.error)}`)
  const hashes = hashesOf(fields)
  if (!hashes.success) throw new UnreadableRecordError(`document ${id}: ${z.prettifyError(hashes.error)}`)
  const document = parsed.data
  return {
    id,
    version: versionOf(updatedAt),
    updatedAtMs: millisOf(updatedAt),
    readAtMs: millisOf(readAt),
    state: document.state,
    owner: document.owner,
    leaseMs: document.lease_ms,
    hashes: hashes.data,
    channel: document.channel,
    template: document.template,
    claimedAtMs: millisOf(document.claimed_at),
    deliveryId: document.delivery_id,
    expiresAtMs: millisOf(document.expires_at),
    ...(document.settled_at !== undefined && { settledAtMs: millisOf(document.settled_at) }),
  }
}

function millisOf({ seconds, nanos }: StoreTime): number {
  return seconds * 1_000 + Math.floor(nanos / 1_000_000)
}

function timeOfMillis(ms: number): StoreTime {
  const seconds = Math.floor(ms / 1_000)
  return { seconds, nanos: Math.floor(ms - seconds * 1_000) * 1_000_000 }
}

/** An update time with all its digits. */
function versionOf({ seconds, nanos }: StoreTime): string {
  return `${seconds}:${nanos}`
}

function timeOf(version: string): StoreTime {
  const [seconds, nanos] = version.split(':').map(Number)
  return { seconds: seconds ?? Number.NaN, nanos: nanos ?? Number.NaN }
}
