import type { Reports } from './reports.ts'
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

/** What becomes of a message. A draft waits for somebody to send it. One whose Liquid comes to no address has nowhere to go. */
export function metricsOf({ channel, recipient, body }: Send): readonly string[] {
  // Of a push the documents contradict themselves: its `drafted` has the metric `attempted`.
  if (body.queue_draft === true) return channel === 'push' || channel === 'inbox_message' ? [] : ['drafted']
  const isAddressed = channel === 'email' || channel === 'sms' || channel === 'whatsapp'
  return isAddressed && recipient === null ? ['undeliverable'] : REPORTED[channel]
}

/** Tells, in reporting webhooks, what happens in the local workspace: messages sent, subscriptions and preferences changed. */
export function reportOwnEvents({ changes }: Workspace, reports: Reports): void {
  changes.on('send', (send) => {
    for (const metric of metricsOf(send)) {
      reports.message(
        send,
        metric,
        send.createdAtMs,
        metric === 'undeliverable' ? { failure_message: 'no recipient' } : {},
      )
    }
  })
  changes.on('subscription', ({ person, unsubscribed, atMs }) => {
    reports.person(unsubscribed ? 'unsubscribed' : 'subscribed', person, atMs)
  })
  changes.on('preferences', ({ person, preferences, atMs }) => {
    reports.person('cio_subscription_preferences_changed', person, atMs, { content: JSON.stringify(preferences) })
  })
}
