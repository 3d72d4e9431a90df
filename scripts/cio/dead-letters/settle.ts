import { randomUUID } from 'node:crypto'
import {
  createFirestoreSendLedger,
  isOpen,
  type SendLedger,
  settle as settleRecord,
} from '../../../shared/ledger/index.ts'
import type { Context } from '../context.ts'
import { CommandError, usageError } from '../errors.ts'
import { count } from '../output.ts'
import { type DeadLetter, FORWARDED, factsOf, replayOf, UNKNOWN } from './dead-letter.ts'
import { describeEvidence, type Evidence, evidenceOf, recordIdOf, type Sources } from './evidence.ts'
import { type Filter, idsNotFound, matches, notFoundError } from './filter.ts'
import { byAge } from './peek.ts'
import { tellRecord } from './record.ts'
import { sourcesOf } from './source.ts'
import { type DeadLetterSubscription, openSubscription } from './subscription.ts'

type Decision = 'sent' | 'resend'

interface Settled {
  readonly id: string
  readonly settled: Decision | 'skipped'
  readonly note: string
}

const SOURCE = 'transactional'

/** Shows the sends of which nobody knows whether they happened, and does what a person decides about each. */
export async function settle(
  context: Context,
  filter: Filter,
  options: { readonly sent: boolean; readonly resend: boolean },
): Promise<void> {
  const { output, prompts, connection } = context
  if (options.sent && options.resend) throw usageError('--sent or --resend, not both')
  const given: Decision | undefined = options.sent ? 'sent' : options.resend ? 'resend' : undefined
  const [source] = sourcesOf(connection.topology, [SOURCE])
  if (source === undefined) return
  const subscription = await openSubscription(context, source)
  try {
    const ledger = createFirestoreSendLedger({
      firestore: await connection.firestore(),
      collection: connection.topology.ledger.collection,
    })
    const deadLetters: DeadLetter[] = []
    const ids = new Set<string>()
    for await (const page of subscription.pulls()) {
      for (const deadLetter of page) {
        if (matches(deadLetter, filter, context.now())) ids.add(deadLetter.id).add(deadLetter.messageId)
        else continue
        if (await mayHaveBeenSent(ledger, deadLetter)) {
          deadLetters.push(deadLetter)
        }
      }
    }
    const missing = idsNotFound(filter, ids)
    if (missing.length > 0) throw notFoundError(missing)
    deadLetters.sort(byAge)
    const sources: Sources = { ledger, customerIo: () => connection.customerIo().service(), now: context.now }
    const known: Evidence[] = []
    for (const deadLetter of deadLetters) known.push(await evidenceOf(sources, deadLetter))
    const ask = given === undefined && prompts.interactive && !output.json
    if (given === undefined && !ask) {
      output.result(known, () => (known.length === 0 ? 'no uncertain sends' : known.map(describeEvidence).join('\n\n')))
      return
    }
    if (given !== undefined && deadLetters.length > 0) {
      for (const each of known) output.note(`${describeEvidence(each)}\n`)
      await prompts.confirm(
        given === 'sent'
          ? `Note ${count(deadLetters.length, 'message')} as sent? Nobody will send them again.`
          : `Send ${count(deadLetters.length, 'message')} now? What did go out arrives twice.`,
      )
    }
    const settled: Settled[] = []
    for (const [index, deadLetter] of deadLetters.entries()) {
      context.signal.throwIfAborted()
      const about = known[index]
      const decision = given ?? (about === undefined ? 'skip' : await asked(context, about))
      const result: Settled =
        decision === 'skip'
          ? { id: deadLetter.id, settled: 'skipped', note: 'left as it is' }
          : await carryOut(context, ledger, subscription, deadLetter, decision)
      settled.push(result)
      if (result.settled === 'skipped') continue
      context.done.add(1, 'send', 'settled')
      await tellRecord(context, result.settled === 'sent' ? 'settled_sent' : 'settled_not_sent', [deadLetter])
    }
    output.result(settled, () =>
      settled.length === 0 ? 'no uncertain sends' : settled.map(({ id, note }) => `${id}: ${note}`).join('\n'),
    )
    const busy = given === undefined ? 0 : settled.filter((each) => each.settled === 'skipped').length
    if (busy > 0)
      throw new CommandError(`${count(busy, 'send')} could not be settled`, { hint: 'Try again in a minute.' })
  } finally {
    await subscription[Symbol.asyncDispose]()
  }
}

/**
 * Not only what is called uncertain: a message that ran out of attempts, or that Pub/Sub forwarded, can have an open record
 * too, and was perhaps sent.
 */
async function mayHaveBeenSent(ledger: SendLedger, deadLetter: DeadLetter): Promise<boolean> {
  const { reason } = factsOf(deadLetter)
  if (reason === 'uncertain') return true
  if (reason !== 'exhausted' && reason !== FORWARDED && reason !== UNKNOWN) return false
  const id = recordIdOf(deadLetter)
  const record = id === undefined ? undefined : await ledger.read(id)
  return record !== undefined && isOpen(record)
}

async function asked({ prompts, output }: Context, known: Evidence): Promise<Decision | 'skip'> {
  output.note(describeEvidence(known))
  return prompts.choose('Was it sent?', [
    { value: 'skip', name: 'leave it for now' },
    { value: 'sent', name: 'it was sent: nothing more is to happen' },
    { value: 'resend', name: 'it was not sent: send it now' },
  ])
}

/** Ledger first, then the message, then the dead letter: cut off anywhere, settling it again comes to the same. */
async function carryOut(
  { connection }: Context,
  ledger: SendLedger,
  subscription: DeadLetterSubscription,
  deadLetter: DeadLetter,
  decision: Decision,
): Promise<Settled> {
  const id = recordIdOf(deadLetter)
  if (id === undefined) return { id: deadLetter.id, settled: 'skipped', note: 'its key is not valid' }
  const settlement = await settleRecord(ledger, id, decision === 'sent' ? 'sent' : 'not_sent', randomUUID())
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
