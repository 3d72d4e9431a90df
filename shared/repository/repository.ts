import { systemClock } from '../clock/index.ts'
import { mailboxOf } from '../consent/index.ts'
import type { PublishOptions, Send } from '../publisher/index.ts'
import { choose, DEFAULT_ECHO_LIMITS, type EchoLimits } from './choice.ts'
import { type DeadLetterNews, onDeadLetter } from './dead-letter.ts'
import { type HandledWebhook, handleWebhook } from './handle-webhook.ts'
import type { Mapping } from './mapping.ts'
import { nowSeconds, type RepositoryParts, type RepositoryPublisher } from './port.ts'
import { listChanges, type PreferenceChanges, type Preferences, toPreferences } from './preferences.ts'
import { publishDeletion, publishPending } from './publish-pending.ts'
import { rereadWebhooks } from './reread.ts'
import { type SendResult, sendRespecting, type Unaddressed } from './send.ts'
import { UnknownUserError, type UserKey, type UserStore } from './store.ts'
import {
  finishDeletions,
  type SyncAllOptions,
  type SyncProgress,
  type SyncUserResult,
  syncAll,
  syncUser,
} from './sync.ts'
import type { PubSubMessage } from './webhook.ts'

export interface RepositoryOptions {
  readonly store: UserStore
  readonly mapping: Mapping
  /** A `MessagingPublisher`. */
  readonly publisher: RepositoryPublisher
  /** Milliseconds since 1970; the machine's time by default. */
  readonly now?: () => number
  readonly echoLimits?: Partial<EchoLimits>
}

export interface UpdatedPreferences {
  readonly preferences: Preferences
  /** `pending`: kept in the database, and published by the next sync, since Pub/Sub could not be reached now. */
  readonly customerio: 'published' | 'pending'
  /** Why it is pending. */
  readonly cause?: unknown
}

/**
 * The application's users and what they chose, kept the same as at Customer.io in both directions. The database is
 * written first, in one transaction; what has to be published follows from what is stored there, so that whatever is
 * cut off between the two is made up for by the next call or the next `syncAll`.
 */
export class UserMessagingRepository {
  readonly #parts: RepositoryParts

  constructor(options: RepositoryOptions) {
    this.#parts = {
      store: options.store,
      mapping: options.mapping,
      publisher: options.publisher,
      now: options.now ?? systemClock.now,
      echoLimits: { ...DEFAULT_ECHO_LIMITS, ...options.echoLimits },
    }
  }

  /**
   * Publishes what Customer.io does not know of this user yet.
   *
   * @throws {UnknownUserError | InvalidUserError} and what the publisher throws
   */
  async syncUser(userId: string, options: { readonly force?: boolean } = {}): Promise<SyncUserResult> {
    const result = await syncUser(this.#parts, userId, options)
    if (result === undefined) throw new UnknownUserError()
    return result
  }

  /** Publishes every user that has changed; see `SyncAllOptions` for checkpoints, dry runs and rates. */
  syncAll(options: SyncAllOptions = {}): Promise<SyncProgress> {
    return syncAll(this.#parts, options)
  }

  /** @throws {UnknownUserError} */
  async getPreferences(userId: string): Promise<Preferences> {
    return (await this.#known(userId)).preferences
  }

  /**
   * Stores what the user chose in the application, then tells Customer.io: `unsubscribed`, single topics and channels by
   * their dotted key, `transactional_opt_in`. Never suppresses, which would delete the person for good.
   *
   * @throws {UnknownUserError}
   */
  async updatePreferences(userId: string, changes: PreferenceChanges): Promise<UpdatedPreferences> {
    const list = listChanges(changes)
    const { id } = await this.#key(userId)
    const stored = await this.#parts.store.changeChoices([id], (choices) => {
      const now = nowSeconds(this.#parts)
      return {
        write: new Map(list.map(([name, value]) => [name, choose(choices.get(name), value, now)])),
        result: true,
      }
    })
    if (!stored.has(id)) throw new UnknownUserError()
    const customerio = await this.#tell(id)
    return { preferences: await this.getPreferences(id), ...customerio }
  }

  async #tell(id: string): Promise<Pick<UpdatedPreferences, 'customerio' | 'cause'>> {
    try {
      const { failures } = await publishPending(this.#parts, [id])
      return failures.has(id) ? { customerio: 'pending', cause: failures.get(id) } : { customerio: 'published' }
    } catch (cause) {
      return { customerio: 'pending', cause }
    }
  }

  /** Says that mail reaches the user's present address again, after a bounce was mended. */
  async markDeliverable(userId: string): Promise<void> {
    const { id, email } = await this.#key(userId)
    if (email === null) return
    await this.#parts.store.recordDeliverability(id, mailboxOf(email), true, nowSeconds(this.#parts))
  }

  /**
   * Sends a transactional message to a user, to their address in the users table unless the message says otherwise.
   * Refuses when they opted out of transactional messages or when the address is known to be dead. What has to go out
   * whatever they chose is sent with the publisher itself.
   *
   * @throws {UnknownUserError} and what the publisher throws
   */
  async sendTransactional(userId: string, message: Unaddressed<Send>, options?: PublishOptions): Promise<SendResult> {
    const { user, preferences, undeliverable } = await this.#known(userId)
    return sendRespecting(this.#parts.publisher, user, preferences, undeliverable, message, options)
  }

  /**
   * Erases a user at Customer.io: suppresses id and address, then deletes. To be called after the row was deleted, or
   * just before; cut off at any point, the next `syncAll` or `finishDeletions` goes on. As long as the row is there
   * nevertheless, no sync publishes it again.
   *
   * @param user `email` where the row is gone already: without it only the id can be suppressed
   * @throws {UnknownUserError} when the id can be nobody's
   */
  async onUserDeleted(user: { readonly id: string; readonly email?: string | null }): Promise<void> {
    const { store } = this.#parts
    const row = await store.findKey(user.id)
    const userId = row?.id ?? (await store.spellKey(user.id))
    if (userId === undefined) throw new UnknownUserError()
    const email = user.email ?? row?.email ?? null
    await publishDeletion(this.#parts, await store.beginDeletion({ userId, email }))
  }

  /** Goes on with deletions that were cut off, as `syncAll` does first. Returns how many. */
  finishDeletions(): Promise<number> {
    return finishDeletions(this.#parts)
  }

  /** Users that were published and are in the table no more, without a call of `onUserDeleted`. */
  missingUsers(options: { readonly after?: string; readonly limit?: number } = {}): Promise<readonly string[]> {
    return this.#parts.store.missingUsers(options.after, options.limit ?? 1_000)
  }

  /**
   * Handles a message of the topic `webhook-events`. Acknowledge it when this resolves, whatever the result; when it
   * rejects (database or Pub/Sub out of reach), let Pub/Sub deliver it again. Report the result `unread`: somebody's
   * choice could not be read, and was kept.
   */
  handleWebhookEvent(message: PubSubMessage): Promise<HandledWebhook> {
    return handleWebhook(this.#parts, message)
  }

  /** Handles again the webhooks that were kept because they could not be read: after an update. Returns how many remain. */
  rereadWebhooks(): Promise<number> {
    return rereadWebhooks(this.#parts)
  }

  /**
   * Takes note of a message of the topic `identify-dead-letter`: its user is sent again by the next sync. Does not
   * replace the replay of the message, and does no harm beside it.
   */
  onDeadLetter(message: PubSubMessage): Promise<DeadLetterNews> {
    return onDeadLetter(this.#parts, message)
  }

  /** The row's own key, however the caller writes it. */
  async #key(userId: string): Promise<UserKey> {
    const key = await this.#parts.store.findKey(userId)
    if (key === undefined) throw new UnknownUserError()
    return key
  }

  async #known(userId: string) {
    const { store } = this.#parts
    const user = await this.#key(userId)
    const choices = await store.readChoices(user.id)
    const undeliverable = await store.undeliverableMailboxes(user.id)
    const isDeliverable = user.email === null || !undeliverable.includes(mailboxOf(user.email))
    return { user, undeliverable, preferences: toPreferences(choices, isDeliverable) }
  }
}
