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
import { factsOf, type Letter, replayOf } from './dead-letter.ts'
import { type Filter, matches } from './filter.ts'
import { byAge, openBox } from './peek.ts'
import { sourcesOf } from './source.ts'
import type { Box } from './subscription.ts'

type Verdict = 'sent' | 'resend'

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
  readonly settled: Verdict | 'skipped'
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
  const given: Verdict | undefined = options.sent ? 'sent' : options.resend ? 'resend' : undefined
  const [source] = sourcesOf(connection.topology, [SOURCE])
  if (source === undefined) return
  await using box = await openBox(context, source)
  const letters: Letter[] = []
  for await (const page of box.pulls()) {
    letters.push(...page.filter((letter) => isUncertain(letter) && matches(letter, filter, context.now())))
  }
  letters.sort(byAge)
  const ledger = createFirestoreSendLedger({
    firestore: await connection.firestore(),
    collection: connection.topology.ledger.collection,
  })
  const known: Known[] = []
  for (const letter of letters) known.push(await whatIsKnown(context, ledger, letter))
  const ask = given === undefined && prompts.interactive && !output.json
  if (given === undefined && !ask) {
    output.result(known, () => (known.length === 0 ? 'no uncertain sends' : known.map(describe).join('\n\n')))
    return
  }
  if (given !== undefined && letters.length > 0) {
    for (const each of known) output.note(`${describe(each)}\n`)
    await prompts.confirm(
      given === 'sent'
        ? `Note ${count(letters.length, 'message')} as sent? Nobody will send them again.`
        : `Send ${count(letters.length, 'message')} now? What did go out arrives twice.`,
    )
  }
  const settled: Settled[] = []
  for (const [index, letter] of letters.entries()) {
    context.signal.throwIfAborted()
    const about = known[index]
    const verdict = given ?? (about === undefined ? 'skip' : await asked(context, about))
    settled.push(
      verdict === 'skip'
        ? { id: letter.id, settled: 'skipped', note: 'left as it is' }
        : await carryOut(context, ledger, box, letter, verdict),
    )
  }
  output.result(settled, () =>
    settled.length === 0 ? 'no uncertain sends' : settled.map(({ id, note }) => `${id}: ${note}`).join('\n'),
  )
  const busy = given === undefined ? 0 : settled.filter((each) => each.settled === 'skipped').length
  if (busy > 0)
    throw new CommandError(`${count(busy, 'send')} could not be settled`, { hint: 'Try again in a minute.' })
}

function isUncertain(letter: Letter): boolean {
  return factsOf(letter).reason === 'uncertain'
}

function recordId(letter: Letter): string | undefined {
  const key = messageKey({
    idempotencyKey: letter.attributes.idempotency_key,
    sourceMessageId: letter.attributes.source_message_id,
    messageId: letter.id,
  })
  return key.ok ? hashOf(key.key) : undefined
}

async function whatIsKnown(context: Context, ledger: SendLedger, letter: Letter): Promise<Known> {
  const id = recordId(letter)
  const record = id === undefined ? undefined : await ledger.read(id)
  const checked = check(SOURCE, letter.data, context.now)
  const message = checked.ok && checked.valid.topic === SOURCE ? checked.valid.message : undefined
  const identifiers = message !== undefined && 'identifiers' in message ? message.identifiers : {}
  const facts = factsOf(letter)
  return {
    id: letter.id,
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

async function asked({ prompts, output }: Context, known: Known): Promise<Verdict | 'skip'> {
  output.note(describe(known))
  return prompts.choose('Was it sent?', [
    { value: 'skip', name: 'leave it for now' },
    { value: 'sent', name: 'it was sent: nothing more is to happen' },
    { value: 'resend', name: 'it was not sent: send it now' },
  ])
}

/** Ledger first, then the message, then the letter: cut off anywhere, settling it again comes to the same. */
async function carryOut(
  { connection }: Context,
  ledger: SendLedger,
  box: Box,
  letter: Letter,
  verdict: Verdict,
): Promise<Settled> {
  const id = recordId(letter)
  if (id === undefined) return { id: letter.id, settled: 'skipped', note: 'its key is not valid' }
  const settlement = await settleRecord(ledger, id, verdict === 'sent' ? 'sent' : 'not_sent', randomUUID())
  if (settlement.kind === 'busy') return { id: letter.id, settled: 'skipped', note: 'it is being sent right now' }
  const wasSent = settlement.kind === 'decided' && settlement.state === 'sent'
  if (verdict === 'resend' && !wasSent) {
    const topic = (await connection.pubsub()).topic(letter.source.topic)
    await topic.publishMessage({ ...replayOf(letter) })
  }
  await box.acknowledge([letter])
  if (wasSent)
    return { id: letter.id, settled: 'sent', note: 'the ledger knows that it was sent; nothing more is to happen' }
  return verdict === 'sent'
    ? { id: letter.id, settled: 'sent', note: 'noted as sent' }
    : { id: letter.id, settled: 'resend', note: `published again to ${letter.source.topic}` }
}
