import type { TransactionalMessage } from '../contract/index.ts'
import type { CustomerIOService, FoundDelivery } from '../customerio/index.ts'
import type { MessageToSend, Window } from './index.ts'

export type SendMessage = Exclude<TransactionalMessage, { channel: 'broadcast' }>

/**
 * The number by which Customer.io lists a message's deliveries. A template's trigger name cannot be asked for, and an
 * e-mail that brings its own body has no template: such sends, when uncertain, are left to a person.
 */
export function askableTemplate(message: TransactionalMessage): number | undefined {
  if (message.channel === 'broadcast') return undefined
  const id = message.transactional_message_id
  const number = typeof id === 'string' && /^[1-9]\d{0,14}$/.test(id) ? Number(id) : id
  return typeof number === 'number' ? number : undefined
}

/** Customer.io's deliveries of this template to this person and recipient within a time, or why it cannot be asked now. */
export async function findDeliveries(
  service: Pick<CustomerIOService, 'findDeliveries'>,
  message: SendMessage,
  template: number,
  window: Window,
): ReturnType<NonNullable<MessageToSend['findDeliveries']>> {
  const found = await service.findDeliveries({
    transactionalMessageId: template,
    createdFrom: Math.floor(window.fromMs / 1_000),
    createdUntil: Math.ceil(window.untilMs / 1_000),
  })
  if ('kind' in found) return found
  const deliveries = found
    .filter((delivery) => isFor(message, delivery))
    .map(({ deliveryId, created }) => ({ id: deliveryId, createdAtMs: created * 1_000 }))
  return { kind: 'found', deliveries }
}

function isFor(message: SendMessage, delivery: FoundDelivery): boolean {
  const person = Object.values(message.identifiers).map((value) => String(value).toLowerCase())
  if (!delivery.person.some((value) => person.includes(value.toLowerCase()))) return false
  // A push goes to devices and an in-app message to nowhere in particular: there the person is all that can be compared.
  if (message.channel === 'push' || !('to' in message) || message.to === undefined) return true
  if (delivery.recipient === undefined) return true
  return addresses(message.to).some((address) => addresses(delivery.recipient ?? '').includes(address))
}

/** E-mail addresses without names and case, phone numbers as they are. */
function addresses(list: string): string[] {
  return list.split(',').map((entry) => (entry.match(/<([^>]*)>/)?.[1] ?? entry).trim().toLowerCase())
}
