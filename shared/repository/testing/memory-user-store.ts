import { mailboxOf } from '../../consent/index.ts'
import type { Choice } from '../choice.ts'
import { type Choices, NO_CHOICES, type PreferenceName } from '../preferences.ts'
import type {
  BegunSync,
  Decision,
  Deletion,
  FinishedSync,
  UnreadWebhook,
  User,
  UserKey,
  UserOnPage,
  UserStore,
} from '../store.ts'

interface SyncState {
  readonly contentHash: string | null
  readonly begunAt: number
}

/** A `UserStore` in this process: for an application's own tests. Everything happens at once, so nothing needs a lock. */
export class MemoryUserStore implements UserStore {
  /** The users table, by key. */
  readonly users = new Map<string, User>()
  readonly #choices = new Map<string, Choices>()
  readonly #addresses = new Map<string, Map<string, { readonly deliverable: boolean; readonly at: number }>>()
  readonly #synced = new Map<string, SyncState>()
  readonly #deletions = new Map<string, Deletion & { readonly told: boolean }>()
  readonly #webhooks = new Map<string, UnreadWebhook>()
  readonly #nowSeconds: () => number

  /** @param nowSeconds the store's own clock */
  constructor(nowSeconds: () => number) {
    this.#nowSeconds = nowSeconds
  }

  async findKey(userId: string): Promise<UserKey | undefined> {
    const user = this.users.get(userId.trim())
    return user && { id: user.id, email: user.email }
  }

  async spellKey(userId: string): Promise<string | undefined> {
    const key = userId.trim()
    return key === '' || key.includes('\0') ? undefined : key
  }

  async findUser(userId: string): Promise<User | undefined> {
    return this.users.get(userId.trim())
  }

  async findUsersByEmail(email: string): Promise<readonly UserKey[]> {
    const users = [...this.users.values()].filter(
      (user) => user.email !== null && mailboxOf(user.email) === mailboxOf(email),
    )
    return users.map((user) => ({ id: user.id, email: user.email }))
  }

  async countUsers(): Promise<number> {
    return this.users.size
  }

  async countWithoutKey(): Promise<number> {
    return 0
  }

  async readChoices(userId: string): Promise<Choices> {
    return this.#choices.get(userId) ?? NO_CHOICES
  }

  async changeChoices<T>(
    userIds: readonly string[],
    decide: (choices: Choices, userId: string) => Decision<T>,
  ): Promise<ReadonlyMap<string, T>> {
    const known = [...new Set(userIds)].filter((userId) => this.users.has(userId) && !this.#deletions.has(userId))
    const decisions = known.map((userId) => [userId, decide(this.#choices.get(userId) ?? NO_CHOICES, userId)] as const)
    for (const [userId, { write }] of decisions) {
      const choices = new Map<PreferenceName, Choice>([...(this.#choices.get(userId) ?? NO_CHOICES), ...write])
      this.#choices.set(userId, choices)
    }
    return new Map(decisions.map(([userId, { result }]) => [userId, result]))
  }

  async recordDeliverability(userId: string, mailbox: string, deliverable: boolean, at: number): Promise<boolean> {
    if (this.#deletions.has(userId)) return false
    const addresses = this.#addresses.get(userId) ?? new Map()
    const known = addresses.get(mailbox)
    if (known !== undefined && known.at >= at) return false
    this.#addresses.set(userId, addresses.set(mailbox, { deliverable, at }))
    return true
  }

  async undeliverableMailboxes(userId: string): Promise<readonly string[]> {
    const addresses = [...(this.#addresses.get(userId) ?? [])]
    return addresses.filter(([, { deliverable }]) => !deliverable).map(([mailbox]) => mailbox)
  }

  async page(afterId: string | undefined, limit: number): Promise<readonly UserOnPage[]> {
    const users = [...this.users.values()].filter(({ id }) => !this.#deletions.has(id) && id > (afterId ?? ''))
    return users
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit)
      .map((user) => ({
        user,
        contentHash: this.#synced.get(user.id)?.contentHash ?? null,
        hasPending: [...(this.#choices.get(user.id)?.values() ?? [])].some(({ pending }) => pending),
      }))
  }

  async beginSync(userIds: readonly string[], nowSeconds: number): Promise<readonly BegunSync[]> {
    return [...new Set(userIds)].flatMap((userId) => {
      const user = this.users.get(userId)
      if (user === undefined || this.#deletions.has(userId)) return []
      const before = this.#synced.get(userId)
      const bounded = Math.min(nowSeconds, this.#nowSeconds() + 60)
      const begunAt = before === undefined ? bounded : Math.max(bounded, before.begunAt + 1)
      const contentHash = before?.contentHash ?? null
      this.#synced.set(userId, { contentHash, begunAt })
      return [{ user, contentHash, timestamp: begunAt }]
    })
  }

  async finishSync(finished: readonly FinishedSync[]): Promise<void> {
    for (const { userId, timestamp, contentHash } of finished) {
      const state = this.#synced.get(userId)
      if (state?.begunAt === timestamp) this.#synced.set(userId, { ...state, contentHash })
    }
  }

  async forgetSync(userId: string): Promise<void> {
    const state = this.#synced.get(userId)
    if (state !== undefined) this.#synced.set(userId, { contentHash: null, begunAt: state.begunAt + 1 })
  }

  async missingUsers(afterId: string | undefined, limit: number): Promise<readonly string[]> {
    return [...this.#synced.keys()]
      .filter((id) => id > (afterId ?? '') && !this.users.has(id) && !this.#deletions.has(id))
      .toSorted()
      .slice(0, limit)
  }

  async beginDeletion({ userId, email }: Deletion): Promise<Deletion> {
    const deletion = { userId, email: email ?? this.#deletions.get(userId)?.email ?? null }
    this.#deletions.set(userId, { ...deletion, told: false })
    this.#forget(userId)
    return deletion
  }

  async finishDeletion(userId: string): Promise<void> {
    this.#forget(userId)
    if (this.users.has(userId)) this.#deletions.set(userId, { userId, email: null, told: true })
    else this.#deletions.delete(userId)
  }

  #forget(userId: string): void {
    for (const state of [this.#choices, this.#addresses, this.#synced]) state.delete(userId)
  }

  async unfinishedDeletions(afterId: string | undefined, limit: number): Promise<readonly Deletion[]> {
    return [...this.#deletions.values()]
      .filter(({ userId, told }) => !told && userId > (afterId ?? ''))
      .toSorted((a, b) => (a.userId < b.userId ? -1 : 1))
      .slice(0, limit)
      .map(({ userId, email }) => ({ userId, email }))
  }

  async forgetDeletions(): Promise<void> {
    for (const { userId, told } of [...this.#deletions.values()]) {
      if (told && !this.users.has(userId)) this.#deletions.delete(userId)
    }
  }

  async keepWebhook(webhook: UnreadWebhook): Promise<void> {
    if (!this.#webhooks.has(webhook.key)) this.#webhooks.set(webhook.key, webhook)
  }

  async unreadWebhooks(afterKey: string | undefined, limit: number): Promise<readonly UnreadWebhook[]> {
    return [...this.#webhooks.values()]
      .filter(({ key }) => key > (afterKey ?? ''))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, limit)
  }

  async forgetWebhook(key: string): Promise<void> {
    this.#webhooks.delete(key)
  }
}
