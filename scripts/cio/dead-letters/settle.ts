import { randomUUID } from 'node:crypto'
import { messageKey } from '../../../shared/idempotency/index.ts'
import {
  askableTemplate,
  createFirestoreSendLedger,
  findDeliveries,
  hashOf,
  type SendLedger,
  type SendMessage,
  type StoredRecord,
  settle as settleRecord,
} from '../../../shared/ledger/index.ts'
import type { Context } from '../context.ts'
import { CommandError, usageError } from '../errors.ts'
import { count, printable } from '../output.ts'
import { check } from '../publish/messages.ts'
import { type DeadLetter, factsOf, replayOf } from './dead-letter.ts'
import { type Filter, matches } from './filter.ts'
import { byAge } from './peek.ts'
import { sourcesOf } from './source.ts'
import { type DeadLetterSubscription, openSubscription } from './subscription.ts'

type Decision = 'sent' | 'resend'

/** What there is to go by. `deliveries` is undefined when Customer.io cannot be asked about this message. */
interface Known {
  readonly id: string
  readonly channel: string
  readonly to: string
  readonly template: string | null
  readonly publishedAt: string
  readonly error: string
  readonly ledger: { readonly state: string; readonly claimedAt: string } | undefined
  readonly deliveries:
    | readonly { readonly id: string; readonly createdAt: string; readonly ofAnother: boolean }[]
    | undefined
}

interface Settled {
  readonly id: string
  readonly settled: Decision | 'skipped'
  readonly note: string
}

const SOURCE = 'transactional'
/** Around the time of the claim, for a delivery to count as this message's. */
const BEFORE_MS = 5_000
const AFTER_MS = 65_000

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
  await using subscription = await openSubscription(context, source)
  const deadLetters: DeadLetter[] = []
  for await (const page of subscription.pulls()) {
    deadLetters.push(
      ...page.filter((deadLetter) => isUncertain(deadLetter) && matches(deadLetter, filter, context.now())),
    )
  }
  deadLetters.sort(byAge)
  const ledger = createFirestoreSendLedger({
    firestore: await connection.firestore(),
    collection: connection.topology.ledger.collection,
  })
  const known: Known[] = []
  for (const deadLetter of deadLetters) known.push(await whatIsKnown(context, ledger, deadLetter))
  const ask = given === undefined && prompts.interactive && !output.json
  if (given === undefined && !ask) {
    output.result(known, () => (known.length === 0 ? 'no uncertain sends' : known.map(describe).join('\n\n')))
    return
  }
  if (given !== undefined && deadLetters.length > 0) {
    for (const each of known) output.note(`${describe(each)}\n`)
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
    settled.push(
      decision === 'skip'
        ? { id: deadLetter.id, settled: 'skipped', note: 'left as it is' }
        : await carryOut(context, ledger, subscription, deadLetter, decision),
    )
  }
  output.result(settled, () =>
    settled.length === 0 ? 'no uncertain sends' : settled.map(({ id, note }) => `${id}: ${note}`).join('\n'),
  )
  const busy = given === undefined ? 0 : settled.filter((each) => each.settled === 'skipped').length
  if (busy > 0)
    throw new CommandError(`${count(busy, 'send')} could not be settled`, { hint: 'Try again in a minute.' })
}

function isUncertain(deadLetter: DeadLetter): boolean {
  return factsOf(deadLetter).reason === 'uncertain'
}

function recordId(deadLetter: DeadLetter): string | undefined {
  const key = messageKey({
    idempotencyKey: deadLetter.attributes.idempotency_key,
    sourceMessageId: deadLetter.attributes.source_message_id,
    messageId: deadLetter.id,
  })
  return key.ok ? hashOf(key.key) : undefined
}

async function whatIsKnown(context: Context, ledger: SendLedger, deadLetter: DeadLetter): Promise<Known> {
  const id = recordId(deadLetter)
  const record = id === undefined ? undefined : await ledger.read(id)
  const checked = check(SOURCE, deadLetter.data, context.now)
  const message = checked.ok && checked.valid.topic === SOURCE ? checked.valid.message : undefined
  const identifiers = message !== undefined && 'identifiers' in message ? message.identifiers : {}
  const facts = factsOf(deadLetter)
  return {
    id: deadLetter.id,
    channel: message?.channel ?? 'unknown',
    to:
      Object.entries(identifiers)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ') || 'a segment',
    template: record?.template ?? null,
    publishedAt: new Date(facts.publishedAtMs).toISOString(),
    error: facts.error,
    ledger: record && { state: record.state, claimedAt: new Date(record.claimedAtMs).toISOString() },
    deliveries:
      message === undefined || message.channel === 'broadcast' || record === undefined
        ? undefined
        : await deliveriesOf(context, ledger, message, record),
  }
}

/** What Customer.io lists of this template to this person around that time. */
async function deliveriesOf(
  { connection, output }: Context,
  ledger: SendLedger,
  message: SendMessage,
  record: StoredRecord,
): Promise<Known['deliveries']> {
  const template = askableTemplate(message)
  if (template === undefined) return undefined
  const found = await findDeliveries(await connection.customerIo().service(), message, template, {
    fromMs: record.claimedAtMs - BEFORE_MS,
    untilMs: record.updatedAtMs + record.leaseMs + AFTER_MS,
  })
  if (found.kind !== 'found') {
    output.warn(`Customer.io could not be asked: ${found.error}`)
    return undefined
  }
  const held = await ledger.held(found.deliveries.map(({ id }) => id))
  return found.deliveries.map(({ id, createdAtMs }) => ({
    id,
    createdAt: new Date(createdAtMs).toISOString(),
    ofAnother: held.has(id),
  }))
}

function describe({ id, channel, to, template, publishedAt, error, ledger, deliveries }: Known): string {
  const listed = deliveries?.map(
    (delivery) => `${delivery.id} of ${delivery.createdAt}${delivery.ofAnother ? ' (of another message)' : ''}`,
  )
  return [
    `${id}  ${channel} to ${printable(to)}, template ${template ?? 'none'}, published ${publishedAt}`,
    `  ${printable(error)}`,
    `  ledger: ${ledger === undefined ? 'no record' : `${ledger.state}, sending began ${ledger.claimedAt}`}`,
    `  Customer.io lists then: ${listed === undefined ? 'cannot be asked' : listed.length === 0 ? 'nothing' : listed.join(', ')}`,
  ].join('\n')
}

async function asked({ prompts, output }: Context, known: Known): Promise<Decision | 'skip'> {
  output.note(describe(known))
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
  const id = recordId(deadLetter)
  if (id === undefined) return { id: deadLetter.id, settled: 'skipped', note: 'its key is not valid' }
  const settlement = await settleRecord(ledger, id, decision === 'sent' ? 'sent' : 'not_sent', randomUUID())
  if (settlement.kind === 'busy') return { id: deadLetter.id, settled: 'skipped', note: 'it is being sent right now' }
  const wasSent = settlement.kind === 'decided' && settlement.state === 'sent'
  if (decision === 'resend' && !wasSent) {
    const topic = (await connection.pubsub()).topic(deadLetter.source.topic)
    await topic.publishMessage({ ...replayOf(deadLetter) })
  }
  await subscription.acknowledge([deadLetter])
  if (wasSent)
    return { id: deadLetter.id, settled: 'sent', note: 'the ledger knows that it was sent; nothing more is to happen' }
  return decision === 'sent'
    ? { id: deadLetter.id, settled: 'sent', note: 'noted as sent' }
    : { id: deadLetter.id, settled: 'resend', note: `published again to ${deadLetter.source.topic}` }
}
