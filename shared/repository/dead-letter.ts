import { identifyMessage, parseMessage } from '../contract/index.ts'
import { type Choice, deadLettered } from './choice.ts'
import type { RepositoryParts } from './port.ts'
import type { PreferenceName } from './preferences.ts'
import type { PubSubMessage } from './webhook.ts'

export type DeadLetterNews =
  | { readonly kind: 'will_sync'; readonly userId: string }
  /** The message concerns no user of the users table, or is none of a sync. */
  | { readonly kind: 'ignored' }

/**
 * Forgets that the user of this message was sent, so that the next sync sends attributes and choices again, as they are
 * then. Choices keep their times, so what is newer at Customer.io stays.
 */
export async function onDeadLetter(parts: RepositoryParts, message: PubSubMessage): Promise<DeadLetterNews> {
  const parsed = parseMessage(identifyMessage, Buffer.from(message.data))
  if (!parsed.ok || parsed.value.type !== 'person' || parsed.value.action !== 'identify') return { kind: 'ignored' }
  const who = parsed.value.identifiers
  const users =
    'id' in who
      ? [await parts.store.findKey(who.id)].filter((user) => user !== undefined)
      : 'email' in who
        ? await parts.store.findUsersByEmail(who.email)
        : []
  const [user, ...others] = users
  if (user === undefined || others.length > 0) return { kind: 'ignored' }
  await parts.store.forgetSync(user.id)
  await parts.store.changeChoices([user.id], (choices) => {
    const write = new Map<PreferenceName, Choice>([...choices].map(([name, choice]) => [name, deadLettered(choice)]))
    return { write, result: true }
  })
  return { kind: 'will_sync', userId: user.id }
}
