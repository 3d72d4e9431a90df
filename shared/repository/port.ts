import type { IdentifyUser, PublishOptions, Send } from '../publisher/index.ts'
import type { EchoLimits } from './choice.ts'
import type { Mapping } from './mapping.ts'
import type { UserStore } from './store.ts'

/** What the repository needs of `MessagingPublisher`. Each resolves when Pub/Sub has accepted the message. */
export interface RepositoryPublisher {
  identifyUser(user: IdentifyUser, options?: PublishOptions): Promise<string>
  suppressUser(person: { readonly id: string } | { readonly email: string }, options?: PublishOptions): Promise<string>
  deleteUser(person: { readonly id: string }, options?: PublishOptions): Promise<string>
  sendTransactional(message: Send, options?: PublishOptions): Promise<string>
}

/** What every part of the repository works with. */
export interface RepositoryParts {
  readonly store: UserStore
  readonly mapping: Mapping
  readonly publisher: RepositoryPublisher
  /** The clock, in milliseconds. */
  readonly now: () => number
  readonly echoLimits: EchoLimits
}

/** The present in unix seconds, the unit of every choice and message. */
export function nowSeconds(parts: RepositoryParts): number {
  return Math.floor(parts.now() / 1000)
}
