import { TimeoutError, withTimeout } from '../clock/index.ts'
import { keyOf } from '../identity/index.ts'
import type { Outcome, Retry } from '../outcome/index.ts'
import { sentBefore, uncertain, type Window } from './decide.ts'
import { change } from './hold.ts'
import { describeLedgerError } from './ledger-error.ts'
import type { CompleteOptions, MessageToSend } from './options.ts'
import { MOST_RECORDS_OF_A_PERSON, type StoredRecord } from './record.ts'
import { createdWithin, type Resolution, resolve } from './resolve.ts'

/** Each costs a query. So many deliveries of one template to one person within minutes tell nothing of one message. */
const MOST_CANDIDATES = 20

/**
 * Asks Customer.io what became of a send whose record is open. A look-up that takes too long is asked again; whatever else
 * goes wrong in it is thrown, as trouble of the ledger's.
 */
export async function whatBecameOf(
  options: CompleteOptions,
  message: MessageToSend,
  record: StoredRecord,
  window: Window,
): Promise<Resolution> {
  const { clock, lookUpTimeoutMs } = options
  return await withTimeout(clock, lookUpTimeoutMs, ask(options, message, record, window)).catch(unlessTooLate)
}

/** The records are read after the deliveries, and who holds these last. */
async function ask(
  { ledger, listDelayMs }: CompleteOptions,
  { lookUp, persons, hashesOf }: MessageToSend,
  record: StoredRecord,
  window: Window,
): Promise<Resolution> {
  if ('notAskable' in lookUp) return answerWith(uncertain(lookUp.notAskable))
  const found = await lookUp(window)
  switch (found.kind) {
    case 'retry':
      return answerWith(found)
    case 'uncertain':
      return answerWith({ ...found, kind: 'retry', cause: 'transient' })
    case 'refused':
      return answerWith(uncertain(`Customer.io refuses to be asked about it: ${found.error}`))
    case 'not_askable':
      return answerWith(uncertain(found.why))
  }
  const candidates = createdWithin(window, found.deliveries)
  if (candidates.length === 0) return { kind: 'not_sent', compared: found.compared }
  if (candidates.length > MOST_CANDIDATES) {
    return answerWith(uncertain(`more than ${MOST_CANDIDATES} deliveries may be its own. Compared: ${found.compared}`))
  }
  const everybody = new Map([...persons, ...found.persons].map((person) => [keyOf(person), person]))
  const others = await ledger.others([...everybody.values()].flatMap(hashesOf), record.id)
  if (others === undefined) {
    return answerWith(uncertain(`the person has more than ${MOST_RECORDS_OF_A_PERSON} messages`))
  }
  const held = await ledger.held(candidates.map(({ id }) => id))
  return resolve(record, window, found, others, held, listDelayMs)
}

/** Writes down that a look-up found the send. */
export async function noteSent(
  { clock, claimTimeoutMs, ledger }: CompleteOptions,
  record: StoredRecord,
  deliveryId: string,
  token: string,
): Promise<Outcome> {
  const noting = change(ledger, record, { owner: token, state: 'sent', deliveryId })
  const noted = await withTimeout(clock, claimTimeoutMs, noting)
  return noted === undefined ? OVERTAKEN : sentBefore(deliveryId)
}

/** Customer.io lists none, which proves nothing. */
export function notListed(compared: string): Outcome {
  return uncertain(`Customer.io lists no delivery of it. Compared: ${compared}`)
}

export function ledgerFailed(error: unknown): Retry {
  const words = `the send ledger cannot be used: ${describeLedgerError(error)}`
  return { kind: 'retry', cause: 'transient', reason: 'ledger', error: words }
}

export const busy = (error: string): Retry => ({ kind: 'retry', cause: 'busy', error })
export const OVERTAKEN = busy('another delivery of the same key was faster')

function answerWith(outcome: Outcome): Resolution {
  return { kind: 'answer', outcome }
}

function unlessTooLate(error: unknown): Resolution {
  if (!(error instanceof TimeoutError)) throw error
  const words = `asking what became of it: ${error.message}`
  return answerWith({ kind: 'retry', cause: 'transient', reason: 'no_answer', error: words })
}
