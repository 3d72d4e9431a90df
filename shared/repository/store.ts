import type { Choice } from './choice.ts'
import type { Choices, PreferenceName } from './preferences.ts'

/** No user of this id is in the users table, or it is being deleted. */
export class UnknownUserError extends Error {
  override readonly name = 'UnknownUserError'
  constructor() {
    super('no such user in the users table, or it is being deleted')
  }
}

/** A person of the application's users table, as far as the mapping lets it be read. */
export interface User {
  readonly id: string
  readonly email: string | null
  /** By attribute name; timestamps in unix seconds. To be passed through `toAttributes`. */
  readonly values: Readonly<Record<string, unknown>>
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

/**
 * Where users, their choices and the state of their sync are kept. The users table is the application's own and is only
 * read; the rest belongs to the repository.
 */
export interface UserStore {
  /** Undefined when there is no such user. */
  findUser(userId: string): Promise<User | undefined>
  /** The id of the one user with this address, case-blind; undefined when there is none or more than one. */
  findUserIdByEmail(email: string): Promise<string | undefined>
  /** How many users there are, for a progress bar. */
  countUsers(): Promise<number>

  readChoices(userId: string): Promise<Choices>
  /**
   * Reads the choices, lets `decide` (pure, perhaps called again) say what becomes of them, and writes that: all of it
   * in one transaction that excludes any other change of this user's choices.
   *
   * @returns what `decide` returned, or undefined when there is no such user or it is being deleted
   */
  changeChoices<T>(userId: string, decide: (choices: Choices) => Decision<T>): Promise<T | undefined>

  /** Keeps the newest word on an address, by `atSeconds`; false when a newer one is there. */
  recordDeliverability(userId: string, address: string, deliverable: boolean, atSeconds: number): Promise<boolean>
  /** The address that is known to be undeliverable, in lower case, or undefined. */
  undeliverableAddress(userId: string): Promise<string | undefined>

  /** The users after `afterId` in the order of their ids, without those that are being deleted. */
  page(afterId: string | undefined, limit: number): Promise<readonly UserOnPage[]>
  /** Takes a time for each user and then reads it. Users that are gone or being deleted are left out. */
  beginSync(userIds: readonly string[], nowSeconds: number): Promise<readonly BegunSync[]>
  /** Notes what was accepted, except for users whose sync has begun again since. */
  finishSync(finished: readonly FinishedSync[]): Promise<void>
  /** Makes the next sync send this user's attributes again. */
  forgetSync(userId: string): Promise<void>

  /** Removes what is kept of a user and remembers that Customer.io must be told. Returns what is remembered. */
  beginDeletion(deletion: Deletion): Promise<Deletion>
  /** Customer.io was told: nothing is kept of this user any more. */
  finishDeletion(userId: string): Promise<void>
  unfinishedDeletions(afterId: string | undefined, limit: number): Promise<readonly Deletion[]>
}
