import { withTimeout } from '../clock/index.ts'
import type { NotSent, Outcome } from '../outcome/index.ts'
import { decide } from './decide.ts'
import { hashOf } from './hashes.ts'
import { complete, type MessageToSend, type SendOnceOptions, whyNot } from './options.ts'
import { ledgerFailed, noteSent, notListed, whatBecameOf } from './what-became.ts'

/**
 * What becomes of a message that is not to be sent. Nothing is claimed: without a record of its key, or with one that says
 * that nothing went out, it is `notSent`. With an open record an earlier delivery may have sent it, so the look-up decides
 * first, by the rules of `sendOnce`. Never throws: trouble with the ledger is a `retry`.
 */
export async function withhold(
  sendOnceOptions: SendOnceOptions,
  message: MessageToSend,
  notSent: NotSent,
): Promise<Outcome> {
  const options = complete(sendOnceOptions)
  const { ledger, clock, claimTimeoutMs, listDelayMs, onNotFound, newToken, onLedgerError } = options
  try {
    const record = await withTimeout(clock, claimTimeoutMs, ledger.read(hashOf(message.key)))
    if (record === undefined) return notSent
    const { contentAs } = message.hashes
    const action = decide(record, { contentAs, notAskable: whyNot(message) }, listDelayMs)
    if (action.kind === 'claim') return notSent
    if (action.kind === 'answer') return action.outcome
    const resolution = await whatBecameOf(options, message, record, action.window)
    switch (resolution.kind) {
      case 'answer':
        return resolution.outcome
      case 'sent':
        return await noteSent(options, record, resolution.deliveryId, newToken())
      case 'not_sent':
        return onNotFound === 'dead_letter' ? notListed(resolution.compared) : notSent
    }
  } catch (error) {
    onLedgerError(error, 'before_the_call')
    return ledgerFailed(error)
  }
}
