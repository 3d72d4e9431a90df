import { type HashKey, parseHashRing } from '../../../shared/identity/index.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { EraseJournal } from '../person/journal.ts'

export const HASH_KEYS = 'PERSON_HASH_KEYS'

/** The new key in front. The one before stays, for functions that still use it, and so does every key that is needed. */
export async function ringAfterRotation(context: Context, given: string, stored: string): Promise<string> {
  const [before, ...older] = parseHashRing(stored) ?? []
  if (before === undefined) return given
  const kept: HashKey[] = [before]
  for (const key of older) if (await isNeeded(context, key)) kept.push(key)
  return [given, ...kept.map(({ secret }) => secret).filter((secret) => secret !== given)].join('\n')
}

/** Throws when a new value would take away a key that records or unfinished erasures were made with. */
export async function throwIfNeededKeyIsDropped(context: Context, value: string, stored: string): Promise<void> {
  const left = new Set((parseHashRing(value) ?? []).map(({ id }) => id))
  for (const [index, key] of (parseHashRing(stored) ?? []).entries()) {
    if (left.has(key.id)) continue
    // Functions may be writing with the current one this very moment.
    if (index > 0 && !(await isNeeded(context, key))) continue
    throw new CommandError(`key ${key.id} of ${HASH_KEYS} is still needed; nothing was changed`, {
      hint: 'Use `secrets rotate`, which keeps what is needed. The last record made with a key expires after 45 days.',
    })
  }
}

/** Whether something is left that was made with the key: a record of the ledger, or an unfinished erasure. */
async function isNeeded(context: Context, { id }: HashKey): Promise<boolean> {
  const { connection } = context
  if (new EraseJournal(connection.stateDirectory).unfinished().length > 0) return true
  const records = (await connection.firestore()).collection(connection.topology.ledger.collection)
  const { empty } = await records.where('hash_key', '==', id).limit(1).get()
  return !empty
}

/** Key ids of records that no key of the ring has made: such a record keeps its message waiting. */
export async function lostKeys({ connection }: Context, stored: string): Promise<readonly string[]> {
  const ids = (parseHashRing(stored) ?? []).map(({ id }) => id)
  if (ids.length === 0) return []
  const records = (await connection.firestore()).collection(connection.topology.ledger.collection)
  // Firestore takes ten values at most; the newest keys have made most records.
  const { docs } = await records.where('hash_key', 'not-in', ids.slice(0, 10)).limit(50).get()
  const found = docs.map((document) => String(document.get('hash_key')))
  return [...new Set(found)].filter((id) => !ids.includes(id))
}
