import { FieldValue, type Firestore, Timestamp } from '@google-cloud/firestore'
import type { DocumentStore, FieldChange, StoredDocument, StoreTime, WrittenFields } from './documents.ts'

/** Documents through Google's client: for the command line, and the judge of `documents-direct.ts`. */
export function documentsOfClient(firestore: Firestore, collectionName: string): DocumentStore {
  const collection = firestore.collection(collectionName)
  return {
    async commit(writes) {
      const batch = firestore.batch()
      for (const write of writes) {
        const document = collection.doc(write.id)
        if (write.kind === 'create') batch.create(document, written(write.fields))
        else if (write.kind === 'delete') batch.delete(document)
        else batch.update(document, written(write.fields), { lastUpdateTime: timestampOf(write.ifUpdatedAt) })
      }
      return (await batch.commit()).map(({ writeTime }) => timeOf(writeTime))
    },
    get: async (id) => stored(await collection.doc(id).get()),
    async find({ field, op, value, limit }) {
      const found = await collection
        .where(field, op === 'equals' ? '==' : 'array-contains', value)
        .limit(limit)
        .get()
      return found.docs.flatMap((snapshot) => stored(snapshot) ?? [])
    },
  }
}

function stored(snapshot: FirebaseFirestore.DocumentSnapshot): StoredDocument | undefined {
  const { id, updateTime, readTime } = snapshot
  if (updateTime === undefined) return undefined
  const fields = Object.entries(snapshot.data() ?? {}).map(([name, value]) => [
    name,
    value instanceof Timestamp ? timeOf(value) : value,
  ])
  return { id, fields: Object.fromEntries(fields), updatedAt: timeOf(updateTime), readAt: timeOf(readTime) }
}

function written(fields: WrittenFields): Record<string, unknown> {
  return Object.fromEntries(fields.map(([name, change]) => [name, writtenValue(change)]))
}

function writtenValue(change: FieldChange): unknown {
  if (change === 'request_time') return FieldValue.serverTimestamp()
  if (change === 'removed') return FieldValue.delete()
  const { to } = change
  return typeof to === 'object' && to !== null && 'nanos' in to ? timestampOf(to) : to
}

function timeOf({ seconds, nanoseconds }: Timestamp): StoreTime {
  return { seconds, nanos: nanoseconds }
}

function timestampOf({ seconds, nanos }: StoreTime): Timestamp {
  return new Timestamp(seconds, nanos)
}
