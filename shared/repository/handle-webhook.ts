import { mailboxOf } from '../consent/index.ts'
import { PublisherValidationError } from '../publisher/index.ts'
import { type Choice, type Observed, observe } from './choice.ts'
import type { RepositoryParts } from './port.ts'
import type { PreferenceName } from './preferences.ts'
import { publishPending } from './publish-pending.ts'
import type { UserKey } from './store.ts'
import { type PubSubMessage, readWebhook, type WebhookNews } from './webhook.ts'

export type HandledWebhook =
  | {
      readonly kind: 'handled'
      readonly userId: string
      /** What became of each choice that the webhook names. */
      readonly choices: Readonly<Partial<Record<PreferenceName, Observed>>>
      /** True when an address of the user is now known to be dead. */
      readonly undeliverable: boolean
      /** Other users with the address, where the webhook names nothing else: opt-outs and bounces count for all of them. */
      readonly sharedWith?: readonly string[]
      /** Why a part of it could not be read. It was kept. */
      readonly unread?: string
    }
  /** It is about somebody's preferences and cannot be read, for this reason. It was kept: see `rereadWebhooks`. */
  | { readonly kind: 'unread'; readonly reason: string }
  | { readonly kind: 'ignored'; readonly reason: 'not_understood' | 'no_preference' | 'unknown_user' }

async function findUsers(parts: RepositoryParts, { id, email }: WebhookNews['person']): Promise<readonly UserKey[]> {
  // An id that we do not know is somebody else, even if their address is known here.
  if (id !== undefined) return [await parts.store.findKey(id)].filter((user) => user !== undefined)
  return email === undefined ? [] : parts.store.findUsersByEmail(email)
}

/** Brings what Customer.io reports into the database, and answers Customer.io only where both would otherwise differ. */
export async function handleWebhook(parts: RepositoryParts, message: PubSubMessage): Promise<HandledWebhook> {
  const { store } = parts
  const read = readWebhook(message, parts.now())
  if (read.kind === 'ignored') return read
  if (read.kind === 'unread') {
    await store.keepWebhook(read.webhook)
    return { kind: 'unread', reason: read.webhook.reason }
  }
  const { person, undeliverable, unread } = read.news
  const users = await findUsers(parts, person)
  if (users.length === 0) return { kind: 'ignored', reason: 'unknown_user' }
  const userIds = users.map(({ id }) => id)
  // What waits to be told goes out first: it may be what a contradiction is about.
  await tell(parts, userIds)
  const handled = await store.changeChoices(userIds, (choices, userId) => {
    const write = new Map<PreferenceName, Choice>()
    const outcomes: Partial<Record<PreferenceName, Observed>> = {}
    for (const [name, seen] of observationsFor(read.news, users, userId)) {
      const { choice, outcome } = observe(choices.get(name), seen, parts.echoLimits)
      outcomes[name] = outcome
      if (choice !== choices.get(name)) write.set(name, choice)
    }
    const pending = [...choices, ...write].some(([, choice]) => choice.pending)
    return { write, result: { outcomes, pending } }
  })
  const [[userId, first] = [], ...others] = handled
  if (userId === undefined || first === undefined) return { kind: 'ignored', reason: 'unknown_user' }
  if (unread !== undefined) await store.keepWebhook(unread)
  const isDead = undeliverable !== undefined && (await recordDead(parts, [...handled.keys()], undeliverable))
  await tell(
    parts,
    [...handled].filter(([, { pending }]) => pending).map(([each]) => each),
  )
  return {
    kind: 'handled',
    userId,
    choices: first.outcomes,
    undeliverable: isDead,
    ...(others.length > 0 && { sharedWith: others.map(([each]) => each) }),
    ...(unread !== undefined && { unread: unread.error }),
  }
}

/** True when it is news for one of the users. */
async function recordDead(
  { store }: RepositoryParts,
  userIds: readonly string[],
  { mailboxes, at }: NonNullable<WebhookNews['undeliverable']>,
): Promise<boolean> {
  let isNews = false
  for (const userId of userIds) {
    for (const mailbox of mailboxes) if (await store.recordDeliverability(userId, mailbox, false, at)) isNews = true
  }
  return isNews
}

/** What breaks the contract can be told to nobody, now or later: `syncAll` reports it, and no webhook waits for it. */
async function tell(parts: RepositoryParts, userIds: readonly string[]): Promise<void> {
  const { failures } = await publishPending(parts, userIds)
  for (const error of failures.values()) if (!(error instanceof PublisherValidationError)) throw error
}

/** In doubt nobody is written to: of several users with one address, an opt-out counts for all and an opt-in for none. */
function observationsFor(
  { observations, person, undeliverable }: WebhookNews,
  users: readonly UserKey[],
  userId: string,
): WebhookNews['observations'] {
  const optOutsOnly = users.length > 1
  const own = [person.email, users.find(({ id }) => id === userId)?.email]
    .filter((email) => email != null)
    .map(mailboxOf)
  const isAnothers =
    undeliverable !== undefined && own.length > 0 && !undeliverable.mailboxes.some((mailbox) => own.includes(mailbox))
  return observations.filter(([, { value, source }]) => {
    if (source === 'complaint' && isAnothers) return false
    return !(optOutsOnly && value)
  })
}
