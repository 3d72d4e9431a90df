import { z } from 'zod'
import type { Context } from '../context.ts'

/** The send ledger's records of a person. They name nobody but by hashes; who is asked for is known here. */
export async function recordsOf(
  { connection }: Pick<Context, 'connection'>,
  hashes: readonly LedgerHash[],
): Promise<readonly { readonly id: string }[]> {
  const firestore = await connection.firestore()
  const collection = firestore.collection(connection.topology.ledger.collection)
  const found = await Promise.all(
    hashes.map(({ version, hash }) =>
      (version === 1
        ? collection.where('person_hash', '==', hash)
        : collection.where('persons', 'array-contains', hash)
      ).get(),
    ),
  )
  const records = found.flatMap(({ docs }) => docs.map((document) => ({ ...document.data(), id: document.id })))
  return [...new Map(records.map((record) => [record.id, record])).values()]
}

/** A person by a hash of the send ledger, as a journal keeps it; a text is one of version 1. */
export const ledgerHashSchema = z.union([
  z.string().transform((hash) => ({ version: 1 as const, hash })),
  z.strictObject({ version: z.union([z.literal(1), z.literal(2)]), hash: z.string() }),
])
export type LedgerHash = z.infer<typeof ledgerHashSchema>

/** Of these, the hashes by which the record of messages knows the person: a journal's find rows that came after it, too. */
export function hashesOfRecord(hashes: readonly LedgerHash[]): readonly string[] {
  return hashes.flatMap(({ version, hash }) => (version === 2 ? [hash] : []))
}
