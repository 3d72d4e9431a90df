import { createFirestoreSendLedger } from '../../../shared/ledger/index.ts'
import type { Context } from '../context.ts'
import { type Removed, tellRecordOfErasure } from '../dead-letters/record.ts'
import type { Sought } from '../dead-letters/whose.ts'
import { sortDeadLetters } from './dead-letters.ts'
import type { Stores } from './erase-report.ts'
import type { Unfinished } from './journal.ts'
import { hashesOfRecord } from './ledger.ts'
import { hashTables, PersonRecord } from './record.ts'
import { type Erased, PersonRows, personTables } from './warehouse.ts'

/** Dead letters and quarantined rows that somebody has looked at, by their ids. */
export interface Decisions {
  /** They are deleted too. */
  readonly also?: readonly string[]
  /** They stay. */
  readonly keep?: readonly string[]
}

/** Erases from our own stores, and tells the record what was removed even if it does not come to its end. */
export async function eraseStores(
  context: Context,
  entry: Unfinished,
  sought: Sought,
  decisions: Decisions,
): Promise<Stores> {
  const removed = { messages: new Map<string, RemovedMessage>(), stores: new Set<string>() }
  try {
    return await eraseEach(context, entry, sought, decisions, removed)
  } finally {
    await tellRecordOfErasure(context, { messages: [...removed.messages.values()], stores: [...removed.stores] })
  }
}

type RemovedMessage = Removed['messages'][number]
interface Removing {
  /** By their ids: a dead letter's message has lines in the record too. */
  readonly messages: Map<string, RemovedMessage>
  readonly stores: Set<string>
}

/** Erases what is the person's alone, and names what somebody has to decide about. */
async function eraseEach(
  context: Context,
  entry: Unfinished,
  sought: Sought,
  { also = [], keep = [] }: Decisions,
  removed: Removing,
): Promise<Stores> {
  const { connection, done } = context
  const { topology } = connection
  const undecided: Record<string, readonly string[]> = {}
  const decide = (name: string, ids: readonly string[]): readonly string[] => {
    undecided[name] = [...new Set(ids)].filter((id) => !also.includes(id) && !keep.includes(id))
    return ids.filter((id) => also.includes(id))
  }
  // Dead letters first: a replay must not bring back what is deleted next.
  const asked: Sought = { ...sought, hashes: hashesOfRecord(entry.ledger) }
  const deadLetters = await sortDeadLetters(context, asked, async (source, sorted, subscription) => {
    const { own, shared, perhaps, unseen } = sorted
    const toDecide = new Set([...(entry.undecided[source.name] ?? []), ...[...shared, ...perhaps].map(({ id }) => id)])
    const others = sorted.all.filter(({ id }) => toDecide.has(id) && own.every((each) => each.id !== id))
    const chosen = new Set(
      decide(
        source.name,
        others.map(({ id }) => id),
      ),
    )
    const deleted = [...own, ...others.filter(({ id }) => chosen.has(id))]
    await subscription.acknowledge(deleted)
    done.add(deleted.length, 'dead letter', `of ${source.name} deleted`)
    const isRecord = source.deployedTopic === topology.record.topic
    for (const { id } of deleted) {
      if (isRecord) removed.stores.add('message_outcomes')
      else removed.messages.set(id, { topic: source.topic, message_id: id })
    }
    return { deleted: deleted.length, unseen }
  })
  const records = createFirestoreSendLedger({
    firestore: await connection.firestore(),
    collection: topology.ledger.collection,
  })
  const ledger = await records.erase(entry.ledger)
  done.add(ledger, 'send record', 'deleted')
  if (ledger > 0) removed.stores.add('send_ledger')
  const rows = new PersonRows(await connection.bigquery(), topology.bigquery.dataset)
  const tables = personTables(topology.bigquery)
  const found = await rows.find(tables, sought)
  const warehouse: Record<string, Erased> = {}
  for (const table of tables) {
    const { own = [], perhaps = [] } = found[table.name] ?? {}
    const chosen = decide(table.name, [...perhaps, ...(entry.undecided[table.name] ?? [])])
    const keys = [...new Set([...own, ...chosen, ...(entry.rows[table.name] ?? [])])]
    const erased = await rows.erase(table, keys)
    done.add(erased.deleted, 'row', `of ${table.name} deleted`)
    if (erased.deleted > 0) removed.stores.add(table.name)
    warehouse[table.name] = erased
  }
  const record = new PersonRecord(await connection.bigquery(), topology.bigquery.dataset, entry.ledger)
  for (const table of hashTables(topology.bigquery)) {
    const { rows: deleted, messages } = await record.erase(table)
    done.add(deleted, 'row', `of ${table.name} deleted`)
    if (deleted > 0) removed.stores.add(table.name)
    for (const message of messages) removed.messages.set(message.message_id, message)
    warehouse[table.name] = { deleted, left: [] }
  }
  return { warehouse, ledger, deadLetters, undecided }
}
