import { holdEndMs } from './decide.ts'
import { change } from './hold.ts'
import type { SendLedger, SendState } from './record.ts'

/** What came of a person's word on an uncertain send. */
export type Settlement =
  /** It stands in the ledger now. */
  | { readonly kind: 'settled' }
  /** The ledger has no record of it (any more): there is nothing to write. */
  | { readonly kind: 'no_record' }
  /** It is being sent right now, or another delivery has just changed it: ask again in a minute. */
  | { readonly kind: 'busy' }
  /** It was never uncertain, or is not so any more; nothing was changed. */
  | { readonly kind: 'decided'; readonly state: SendState; readonly deliveryId: string | null }

/**
 * Writes what a person decided about a send of which nobody knows whether it happened: `sent` answers every later
 * delivery of the key without a call, `not_sent` lets the next one send. Fenced like every other write, so that it never
 * undoes what a delivery found out meanwhile.
 *
 * @param id the SHA-256 of the key: `hashOf`
 * @param token a new one each time; `randomUUID`
 */
export async function settle(
  ledger: SendLedger,
  id: string,
  decision: 'sent' | 'not_sent',
  token: string,
): Promise<Settlement> {
  const record = await ledger.read(id)
  if (record === undefined || record.expiresAtMs <= record.readAtMs) return { kind: 'no_record' }
  const { state, deliveryId } = record
  if (state !== 'claimed' && state !== 'uncertain') return { kind: 'decided', state, deliveryId }
  if (holdEndMs(record) > record.readAtMs) return { kind: 'busy' }
  const settled = await change(ledger, record, {
    owner: token,
    state: decision === 'sent' ? 'sent' : 'released',
    settledAtMs: 'request_time',
  })
  return settled === undefined ? { kind: 'busy' } : { kind: 'settled' }
}
