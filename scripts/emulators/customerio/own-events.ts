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

function identifiersFor(person: Person | undefined): Record<string, string | null> {
  const { id = null, email = null, cio_id = null } = person?.identifiers ?? {}
  return { id, email, cio_id }
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
    const identifiers = identifiersFor(person)
    tell('customer', metric, atMs, {
      customer_id: identifiers.id,
      email_address: identifiers.email,
      identifiers,
      ...more,
    })
  }
  changes.on('send', (send) => {
    const identifiers = { ...identifiersFor(workspace.people.find(send.who)), [send.who.kind]: send.who.value }
    for (const metric of REPORTED[send.channel]) {
      tell(send.channel, metric, send.createdAtMs, {
        customer_id: identifiers.id,
        delivery_id: send.deliveryId,
        identifiers,
        transactional_message_id: send.transactionalMessageId,
        recipient: send.recipient,
        ...(send.channel === 'email' && { subject: send.subject }),
      })
    }
  })
  changes.on('subscription', ({ person, unsubscribed, atMs }) => {
    tellOfPerson(unsubscribed ? 'unsubscribed' : 'subscribed', person, atMs)
  })
  changes.on('preferences', ({ person, preferences, atMs }) => {
    tellOfPerson('cio_subscription_preferences_changed', person, atMs, { content: JSON.stringify(preferences) })
  })
}
