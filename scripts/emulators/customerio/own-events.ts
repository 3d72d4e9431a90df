import { ulidOf, type WebhookEvent } from './samples/index.ts'
import type { Person } from './workspace/people.ts'
import type { Send } from './workspace/sends.ts'
import type { Workspace } from './workspace/workspace.ts'

/** What a message of each channel reports when all goes well. */
const REPORTED: Readonly<Record<Send['channel'], readonly string[]>> = {
  email: ['sent', 'delivered'],
  push: ['sent', 'delivered'],
  sms: ['sent', 'delivered'],
  whatsapp: ['sent', 'delivered'],
  in_app: ['sent'],
  inbox_message: [],
}

/** Without what nobody knows: the documents have no `null` here. */
function known(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))
}

/** A person as webhooks name one: every identifier of the workspace, null where it is not set. */
function identifiersOf({ id, email, cio_id }: Person['identifiers']): Record<string, unknown> {
  return { id: id ?? null, email: email ?? null, ...(cio_id !== undefined && { cio_id }) }
}

/**
 * To whom a message went, or would have gone, as far as it is documented: devices for a push, the person for an in-app message,
 * else an address.
 */
function recipientOf(send: Send, metric: string, person: Person | undefined): Record<string, unknown> {
  if (send.channel === 'email') return { recipient: send.recipient ?? '' }
  if (metric === 'drafted' || metric === 'undeliverable') return {}
  if (send.channel === 'in_app') return { recipient: send.who.value }
  if (send.channel !== 'push') return { recipient: send.recipient }
  const devices = [...(person?.devices ?? [])]
  return { recipients: devices.map(([token, { platform }]) => known({ device_id: token, device_platform: platform })) }
}

/** What becomes of a message. A draft waits for somebody to send it. One whose Liquid comes to no address has nowhere to go. */
function metricsOf({ channel, recipient, body }: Send): readonly string[] {
  // Of a push the documents contradict themselves: its `drafted` has the metric `attempted`.
  if (body.queue_draft === true) return channel === 'push' || channel === 'inbox_message' ? [] : ['drafted']
  const isAddressed = channel === 'email' || channel === 'sms' || channel === 'whatsapp'
  return isAddressed && recipient === null ? ['undeliverable'] : REPORTED[channel]
}

/** Tells, in reporting webhooks, what happens in the local workspace: messages sent, subscriptions and preferences changed. */
export function reportOwnEvents(workspace: Workspace, report: (event: WebhookEvent) => void): void {
  const { changes } = workspace
  let told = 0
  const tell = (objectType: string, metric: string, atMs: number, data: Record<string, unknown>) => {
    told++
    const event_id = ulidOf(`local ${told} ${objectType} ${metric} ${atMs}`)
    report({ event_id, object_type: objectType, metric, timestamp: Math.floor(atMs / 1000), data })
  }
  const tellOfPerson = (metric: string, person: Person, atMs: number, more: Record<string, unknown> = {}) => {
    const { id = '', email = null } = person.identifiers
    const identifiers = identifiersOf(person.identifiers)
    tell('customer', metric, atMs, { customer_id: id, email_address: email, identifiers, ...more })
  }
  changes.on('send', (send) => {
    const person = workspace.people.find(send.who)
    const identifiers = identifiersOf({ [send.who.kind]: send.who.value, ...person?.identifiers })
    for (const metric of metricsOf(send)) {
      const data = known({
        customer_id: identifiers.id,
        delivery_id: send.deliveryId,
        identifiers,
        transactional_message_id: send.transactionalMessageId,
        ...recipientOf(send, metric, person),
        ...(send.channel === 'email' && { subject: send.subject }),
        ...(metric === 'undeliverable' && { failure_message: 'no recipient' }),
      })
      tell(send.channel, metric, send.createdAtMs, data)
    }
  })
  changes.on('subscription', ({ person, unsubscribed, atMs }) => {
    tellOfPerson(unsubscribed ? 'unsubscribed' : 'subscribed', person, atMs)
  })
  changes.on('preferences', ({ person, preferences, atMs }) => {
    tellOfPerson('cio_subscription_preferences_changed', person, atMs, { content: JSON.stringify(preferences) })
  })
}
