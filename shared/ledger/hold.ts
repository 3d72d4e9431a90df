import type { NewSendRecord, SendLedger, SendRecordChange, StoredRecord } from './record.ts'

/** A record and the version that our next write rests on. */
export interface Hold {
  readonly id: string
  readonly version: string
}

/** Makes a record ours, or gives the one that is there; neither when it went away in between: come again. */
export async function claim(
  ledger: SendLedger,
  id: string,
  record: NewSendRecord,
): Promise<{ readonly hold?: Hold; readonly found?: StoredRecord }> {
  const created = await ledger.create(id, record)
  if (created.kind === 'written') return { hold: { id, version: created.version } }
  const found = await ledger.read(id)
  // The client repeats a commit whose answer was lost, and then meets its own first try.
  if (found?.owner === record.owner) return { hold: found }
  return found === undefined ? {} : { found }
}

/** Writes over what was read or written last, unless somebody else has written since: `undefined` then. */
export async function change(ledger: SendLedger, before: Hold, to: SendRecordChange): Promise<Hold | undefined> {
  const updated = await ledger.update(before.id, before.version, to)
  if (updated.kind === 'written') return { id: before.id, version: updated.version }
  const found = await ledger.read(before.id)
  return found?.owner === to.owner && found.state === to.state ? found : undefined
}
