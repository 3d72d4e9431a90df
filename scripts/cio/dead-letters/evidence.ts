import type { CustomerIOService } from '../../../shared/customerio/index.ts'
import { messageKey } from '../../../shared/idempotency/index.ts'
import {
  type Delivery,
  findDeliveries,
  hashOf,
  type SendLedger,
  type StoredRecord,
  whyNotAskable,
  windowOf,
} from '../../../shared/ledger/index.ts'
import { printable } from '../output.ts'
import { check } from '../publish/messages.ts'
import { type DeadLetter, factsOf } from './dead-letter.ts'

/** What Customer.io's list says of one send. */
export type Listed =
  | { readonly kind: 'cannot_be_asked'; readonly why: string }
  | {
      readonly kind: 'listed'
      /** ISO 8601, both ends included. */
      readonly from: string
      readonly until: string
      /** What the deliveries were compared by. */
      readonly compared: string
      readonly deliveries: readonly ListedDelivery[]
    }

export interface ListedDelivery extends Pick<Delivery, 'id' | 'person' | 'template' | 'recipient'> {
  readonly createdAt: string
  /** The ledger knows that another message made it. */
  readonly ofAnother: boolean
}

/** What there is to go by for whoever decides about an uncertain send. */
export interface Evidence {
  readonly id: string
  readonly channel: string
  readonly to: string
  readonly template: string | null
  readonly publishedAt: string
  readonly error: string
  readonly ledger: { readonly state: string; readonly claimedAt: string } | undefined
  readonly customerIo: Listed
}

export interface Sources {
  readonly ledger: Pick<SendLedger, 'read' | 'held'>
  readonly customerIo: () => Promise<Pick<CustomerIOService, 'findDeliveries'>>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const TOPIC = 'transactional'
/** After the send, until Customer.io's list shows every delivery; as the function has it by default. */
const LIST_DELAY_MS = 60_000

/** The id of the ledger's record of a dead letter; undefined when its key is not valid. */
export function recordIdOf({ attributes, id }: DeadLetter): string | undefined {
  const key = messageKey({
    idempotencyKey: attributes.idempotency_key,
    sourceMessageId: attributes.source_message_id,
    messageId: id,
  })
  return key.ok ? hashOf(key.key) : undefined
}

/** Gathers what ledger and Customer.io know of a dead letter's send. */
export async function evidenceOf({ ledger, customerIo, now }: Sources, deadLetter: DeadLetter): Promise<Evidence> {
  const id = recordIdOf(deadLetter)
  const record = id === undefined ? undefined : await ledger.read(id)
  const checked = check(TOPIC, deadLetter.data, now)
  const message = checked.ok && checked.valid.topic === TOPIC ? checked.valid.message : undefined
  const identifiers = message !== undefined && 'identifiers' in message ? message.identifiers : {}
  const { publishedAtMs, error } = factsOf(deadLetter)
  return {
    id: deadLetter.id,
    channel: message?.channel ?? 'unknown',
    to:
      Object.entries(identifiers)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ') || 'a segment',
    template: record?.template || null,
    publishedAt: new Date(publishedAtMs).toISOString(),
    error,
    ledger: record && { state: record.state, claimedAt: new Date(record.claimedAtMs).toISOString() },
    customerIo: await listed(),
  }

  async function listed(): Promise<Listed> {
    if (message === undefined) return { kind: 'cannot_be_asked', why: 'the message breaks the contract' }
    if (record === undefined) return { kind: 'cannot_be_asked', why: 'the ledger does not know when it was sent' }
    const notAskable = whyNotAskable(message, publishedAtMs)
    if (message.channel === 'broadcast' || notAskable !== undefined) {
      return { kind: 'cannot_be_asked', why: notAskable ?? 'it is a broadcast' }
    }
    return asked(await customerIo(), message, record)
  }

  async function asked(
    service: Pick<CustomerIOService, 'findDeliveries'>,
    message: Parameters<typeof findDeliveries>[1],
    sent: StoredRecord,
  ): Promise<Listed> {
    const window = windowOf(sent, LIST_DELAY_MS)
    const found = await findDeliveries(service, message, window)
    if (found.kind === 'not_askable') return { kind: 'cannot_be_asked', why: found.why }
    if (found.kind !== 'found') return { kind: 'cannot_be_asked', why: found.error }
    const held = await ledger.held(found.deliveries.map((delivery) => delivery.id))
    return {
      kind: 'listed',
      from: new Date(window.fromMs).toISOString(),
      until: new Date(window.untilMs).toISOString(),
      compared: found.compared,
      deliveries: found.deliveries.map(({ id: deliveryId, createdAtMs, person, template, recipient }) => ({
        id: deliveryId,
        createdAt: new Date(createdAtMs).toISOString(),
        ofAnother: held.has(deliveryId),
        person,
        template,
        recipient,
      })),
    }
  }
}

/** The evidence for somebody in a hurry: what was sent to whom, what the ledger has, what Customer.io lists. */
export function describeEvidence(evidence: Evidence): string {
  const { id, channel, to, template, publishedAt, error, ledger, customerIo } = evidence
  return [
    `${id}  ${channel} to ${printable(to)}, template ${template ?? 'none'}, published ${publishedAt}`,
    `  ${printable(error)}`,
    `  ledger: ${ledger === undefined ? 'no record' : `${ledger.state}, sending began ${ledger.claimedAt}`}`,
    ...describeListed(customerIo).map((line) => `  ${printable(line)}`),
  ].join('\n')
}

function describeListed(customerIo: Listed): readonly string[] {
  if (customerIo.kind === 'cannot_be_asked') return [`Customer.io cannot be asked: ${customerIo.why}`]
  const { deliveries, compared, from, until } = customerIo
  return [
    `Customer.io lists between ${from} and ${until}: ${deliveries.length === 0 ? 'nothing' : deliveries.map(describeDelivery).join(', ')}`,
    `  compared: ${compared}`,
  ]
}

function describeDelivery({ id, createdAt, ofAnother, person, template, recipient }: ListedDelivery): string {
  const doubts = [
    ...(ofAnother ? ['of another message'] : []),
    ...(person === 'unknown' ? ['perhaps to somebody else'] : []),
    ...(template === 'unknown' ? ['perhaps of another template'] : []),
    ...(recipient === 'other' ? ['to another recipient'] : []),
  ]
  return `${id} of ${createdAt}${doubts.length === 0 ? '' : ` (${doubts.join(', ')})`}`
}
