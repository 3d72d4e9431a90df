import type { Context } from '../context.ts'

/** The send ledger's records of a person. They name nobody but by hashes; who is asked for is known here. */
export async function recordsOf({ connection }: Context, hashes: readonly string[]): Promise<readonly unknown[]> {
  const firestore = await connection.firestore()
  const collection = firestore.collection(connection.topology.ledger.collection)
  const found = await Promise.all(hashes.map((hash) => collection.where('person_hash', '==', hash).get()))
  return found.flatMap(({ docs }) => docs.map((document) => ({ id: document.id, ...document.data() })))
}
