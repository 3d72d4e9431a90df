import type { Choice } from './choice.ts'
import type { Choices, PreferenceName } from './preferences.ts'

/** No user of this id is in the users table, or it is being deleted. */
export class UnknownUserError extends Error {
  override readonly name = 'UnknownUserError'
  constructor() {
    super('no such user in the users table, or it is being deleted')
  }
}

/** The row of this user cannot be read: one of its columns fails to be computed. */
export class UnreadableRowError extends Error {
  override readonly name = 'UnreadableRowError'
  constructor(options?: ErrorOptions) {
    super(UNREADABLE_ROW, options)
  }
}

export const UNREADABLE_ROW = 'the row cannot be read: a column of it fails to be computed'

/** A person of the application's users table, as far as the mapping lets it be read. */
export interface User {
  readonly id: string
  readonly email: string | null
  /** By attribute name; timestamps in unix seconds. To be passed through `toAttributes`. */
  readonly values: Readonly<Record<string, unknown>>
}

/** A user by key and address alone: there even when the row's other columns cannot be read. */
export type UserKey = Pick<User, 'id' | 'email'>

/** A row that cannot be read: one of its columns fails to be computed. */
export interface UnreadableRow {
  readonly userId: string
  /** The database's words; no values of the row. */
  readonly problem: string
}

/** A user with what was last accepted by Pub/Sub. */
export interface UserOnPage {
  readonly user: User
  /** Hash of the attributes that were last published, or null when they must be published. */
  readonly contentHash: string | null
  /** True when a choice of this user waits to be published. */
  readonly hasPending: boolean
}

/** A user whose sync has begun: read after the time was taken, so that a later time never carries an older row. */
export interface BegunSync {
  readonly user: User
  readonly contentHash: string | null
  /** Unix seconds, later than that of any earlier sync of this user. */
  readonly timestamp: number
}

export interface FinishedSync {
  readonly userId: string
  readonly timestamp: number
  readonly contentHash: string
}

/** A deletion that Customer.io has not been told of for sure. */
export interface Deletion {
  readonly userId: string
  readonly email: string | null
}

/** What `changeChoices` writes and hands back. */
export interface Decision<T> {
  /** Only what changes. */
  readonly write: ReadonlyMap<PreferenceName, Choice>
  readonly result: T
}

/** A webhook about somebody's choices that could not be read. */
export interface UnreadWebhook {
  /** The event's id, else a hash of the body. */
  readonly key: string
  /** Unix seconds. */
  readonly receivedAt: number
  readonly reason: string
  readonly error: string
  readonly attributes: Readonly<Record<string, string>>
  readonly body: Buffer
}

/**
 * Where users, their choices and the state of their sync are kept. The users table is the application's own and is only
 * read; the rest belongs to the repository.
 *
 * `findKey` takes an id in any spelling that the database takes for the same key (`07` for 7, a UUID in capitals). Every
 * other method takes the row's own key, as `findKey` gives it. `testing/user-store-contract.ts` says in tests what a
 * store has to do.
 */
export interface UserStore {
  /** The row's own key and its address. Undefined when there is no such user. */
  findKey(userId: string): Promise<UserKey | undefined>
  /** How the database writes this key, whether or not there is such a row. Undefined when it cannot be a key. */
  spellKey(userId: string): Promise<string | undefined>
  /** Undefined when there is no such user. Rejects with an `UnreadableRowError` when the row cannot be read. */
  findUser(userId: string): Promise<User | undefined>
  /** All users with this address, whatever the case of its letters and however its domain is written. */
  findUsersByEmail(email: string): Promise<readonly UserKey[]>
  /** How many users there are, for a progress bar. */
  countUsers(): Promise<number>
  /** How many rows have no key: nobody can be told of them. */
  countWithoutKey(): Promise<number>

  readChoices(userId: string): Promise<Choices>
  /**
   * Reads the choices of each user, lets `decide` (pure, perhaps called again) say what becomes of them, and writes that:
   * all of it in one transaction that excludes any other change of these users' choices.
   *
   * @returns what `decide` returned, by user; who is unknown or being deleted is not in it
   */
  changeChoices<T>(
    userIds: readonly string[],
    decide: (choices: Choices, userId: string) => Decision<T>,
  ): Promise<ReadonlyMap<string, T>>

  /** Keeps the newest word on an address of a user, by `atSeconds`; false when a newer one is there. */
  recordDeliverability(userId: string, mailbox: string, deliverable: boolean, atSeconds: number): Promise<boolean>
  /** The mailboxes of this user that are known to be undeliverable. */
  undeliverableMailboxes(userId: string): Promise<readonly string[]>

  /** The users after `afterId` in the order of their ids, without those that are or were deleted. */
  page(afterId: string | undefined, limit: number): Promise<readonly (UserOnPage | UnreadableRow)[]>
  /**
   * Takes a time for each user and then reads it. Users that are gone or deleted are left out. The time is never ahead of
   * the database's clock by more than a minute: Customer.io would apply nothing to that person until then. Rejects with
   * an `UnreadableRowError` when a row cannot be read.
   */
  beginSync(userIds: readonly string[], nowSeconds: number): Promise<readonly BegunSync[]>
  /** Notes what was accepted, except for users whose sync has begun again, or was forgotten, since. */
  finishSync(finished: readonly FinishedSync[]): Promise<void>
  /** Makes the next sync send this user's attributes again. */
  forgetSync(userId: string): Promise<void>
  /** Users that were published, are in the table no more, and were not deleted by `beginDeletion`. */
  missingUsers(afterId: string | undefined, limit: number): Promise<readonly string[]>

  /** Removes what is kept of a user and remembers that Customer.io must be told. Returns what is remembered. */
  beginDeletion(deletion: Deletion): Promise<Deletion>
  /**
   * Customer.io was told. Nothing but the key is kept of this user any more, and that only while the row is there, so
   * that no sync publishes it again.
   */
  finishDeletion(userId: string, atSeconds: number): Promise<void>
  unfinishedDeletions(afterId: string | undefined, limit: number): Promise<readonly Deletion[]>
  /** Forgets finished deletions whose row is gone. */
  forgetDeletions(): Promise<void>

  /** Keeps a webhook that could not be read; once for each key. */
  keepWebhook(webhook: UnreadWebhook): Promise<void>
  unreadWebhooks(afterKey: string | undefined, limit: number): Promise<readonly UnreadWebhook[]>
  forgetWebhook(key: string): Promise<void>
}
