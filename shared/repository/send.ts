import { mailboxOf } from '../consent/index.ts'
import type { PublishOptions, Send } from '../publisher/index.ts'
import type { RepositoryPublisher } from './port.ts'
import type { Preferences } from './preferences.ts'
import type { UserKey } from './store.ts'

/** A message without its person, which the repository knows, and without `to` where the channel can do without. */
export type Unaddressed<M> = M extends { channel: string }
  ? Omit<M, 'identifiers' | 'to'> & { readonly to?: string }
  : never

/** Customer.io wants a recipient for a text message, and fills this one in from the person's attributes. */
const PHONE_OF_PROFILE = '{{customer.phone}}'

export type SendResult =
  | { readonly kind: 'published'; readonly messageId: string }
  | { readonly kind: 'refused'; readonly reason: 'opted_out' | 'no_address' | 'undeliverable' }

/**
 * Publishes unless the user's preferences forbid it. To somebody who wants no marketing it goes out all the same, but
 * not against `send_to_unsubscribed: false`, which Customer.io judges by what it knows at that moment.
 */
export async function sendRespecting(
  publisher: RepositoryPublisher,
  user: UserKey,
  preferences: Preferences,
  /** Mailboxes of this user that are known to be dead. */
  undeliverable: readonly string[],
  message: Unaddressed<Send>,
  options?: PublishOptions,
): Promise<SendResult> {
  if (!preferences.transactional) return { kind: 'refused', reason: 'opted_out' }
  const identifiers = { id: user.id }
  if (message.channel === 'sms') {
    const to = message.to ?? PHONE_OF_PROFILE
    return published(publisher.sendTransactional({ ...message, identifiers, to }, options))
  }
  if (message.channel !== 'email') {
    return published(publisher.sendTransactional({ ...message, identifiers }, options))
  }
  const to = message.to ?? user.email
  if (to === null) return { kind: 'refused', reason: 'no_address' }
  if (undeliverable.includes(mailboxOf(to))) return { kind: 'refused', reason: 'undeliverable' }
  return published(publisher.sendTransactional({ ...message, identifiers, to }, options))
}

async function published(messageId: Promise<string>): Promise<SendResult> {
  return { kind: 'published', messageId: await messageId }
}
