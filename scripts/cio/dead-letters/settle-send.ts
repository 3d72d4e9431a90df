import { randomUUID } from 'node:crypto'
import { createFirestoreSendLedger, isOpen, type SendLedger, settle } from '../../../shared/ledger/index.ts'
import type { Context } from '../context.ts'
import { type DeadLetter, FORWARDED, factsOf, replayOf, UNKNOWN } from './dead-letter.ts'
import { recordIdOf, type Sources } from './evidence.ts'
import { tellRecord } from './record.ts'
import type { DeadLetterSubscription } from './subscription.ts'

/** Whose dead letters can be settled. What was not sent by decision is not uncertain. */
export const SETTLED_SOURCE = 'transactional'

/** `sent`: nothing more happens. `resend`: whoever already got the message gets it twice. */
export type Decision = 'sent' | 'resend'

export interface Settled {
  readonly id: string
  readonly settled: Decision | 'skipped'
  readonly note: string
}

/** Who is asked before somebody decides about a send. */
export async function sourcesOfEvidence({
  connection,
  now,
}: Pick<Context, 'connection' | 'now'>): Promise<Sources & { readonly ledger: SendLedger }> {
  const firestore = await connection.firestore()
  const ledger = createFirestoreSendLedger({ firestore, collection: connection.topology.ledger.collection })
  return { ledger, customerIo: () => connection.customerIo().service(), now }
}

/**
 * Not only what is called uncertain: a message that ran out of attempts, or that Pub/Sub forwarded, can have an open record
 * too, and was perhaps sent.
 */
export async function mayHaveBeenSent(ledger: Pick<SendLedger, 'read'>, deadLetter: DeadLetter): Promise<boolean> {
  const { reason } = factsOf(deadLetter)
  if (reason === 'uncertain') return true
  if (reason !== 'exhausted' && reason !== FORWARDED && reason !== UNKNOWN) return false
  const id = recordIdOf(deadLetter)
  const record = id === undefined ? undefined : await ledger.read(id)
  return record !== undefined && isOpen(record)
}

/**
 * Carries out a decision: ledger first, then the message, then the dead letter, then the record. Cut off anywhere, settling it
 * again comes to the same.
 */
export async function settleSend(
  context: Pick<Context, 'connection' | 'output' | 'now' | 'done'>,
  ledger: SendLedger,
  subscription: DeadLetterSubscription,
  deadLetter: DeadLetter,
  decision: Decision,
): Promise<Settled> {
  const settled = await carryOut(context, ledger, subscription, deadLetter, decision)
  if (settled.settled === 'skipped') return settled
  context.done.add(1, 'send', 'settled')
  await tellRecord(context, settled.settled === 'sent' ? 'settled_sent' : 'settled_not_sent', [deadLetter])
  return settled
}

async function carryOut(
  { connection }: Pick<Context, 'connection'>,
  ledger: SendLedger,
  subscription: DeadLetterSubscription,
  deadLetter: DeadLetter,
  decision: Decision,
): Promise<Settled> {
  const id = recordIdOf(deadLetter)
  if (id === undefined) return { id: deadLetter.id, settled: 'skipped', note: 'its key is not valid' }
  const settlement = await settle(ledger, id, decision === 'sent' ? 'sent' : 'not_sent', randomUUID())
  if (settlement.kind === 'busy') return { id: deadLetter.id, settled: 'skipped', note: 'it is being sent right now' }
  const wasSent = settlement.kind === 'decided' && settlement.state === 'sent'
  if (decision === 'resend' && !wasSent) {
    const topic = (await connection.pubsub()).topic(deadLetter.source.deployedTopic)
    await topic.publishMessage({ ...replayOf(deadLetter) })
  }
  await subscription.acknowledge([deadLetter])
  if (wasSent)
    return { id: deadLetter.id, settled: 'sent', note: 'the ledger knows that it was sent; nothing more is to happen' }
  return decision === 'sent'
    ? { id: deadLetter.id, settled: 'sent', note: 'noted as sent' }
    : { id: deadLetter.id, settled: 'resend', note: `published again to ${deadLetter.source.deployedTopic}` }
}
