import { PublisherValidationError } from '../publisher/index.ts'
import { ColumnValueError, contentHash, toAttributes } from './mapping.ts'
import { nowSeconds, type RepositoryParts } from './port.ts'
import { publishDeletion, publishPending } from './publish-pending.ts'
import type { BegunSync, FinishedSync, User, UserOnPage } from './store.ts'

/** A user whose row cannot be sent: which attribute breaks which rule, without its value. */
export interface InvalidUser {
  readonly userId: string
  readonly problem: string
}

export interface SyncProgress {
  /** The last user of the last finished page: where to go on. Undefined before the first page. */
  readonly checkpoint: string | undefined
  readonly seen: number
  readonly unchanged: number
  /** Users whose attributes were published (in a dry run: would be). */
  readonly changed: number
  /** Messages that tell choices. */
  readonly preferences: number
  readonly deletions: number
  readonly invalid: number
}

export interface SyncAllOptions {
  /** Go on after this user: the checkpoint of a run that was cut off. */
  readonly after?: string | undefined
  /** Users a page; 500 by default. A page is the unit of progress and of what is in flight. */
  readonly pageSize?: number
  /** Publish nothing and change nothing. */
  readonly dryRun?: boolean
  /** Send every user, changed or not. */
  readonly force?: boolean
  /** Awaited before `messages` messages are published: where a rate limit belongs. */
  readonly pace?: (messages: number) => Promise<void>
  /** Awaited after each page: where a checkpoint is stored and a progress bar moved. */
  readonly onPage?: (progress: SyncProgress) => void | Promise<void>
  /** Each user that differs, with what would be sent. Holds personal data. */
  readonly onDifference?: (userId: string, attributes: Readonly<Record<string, unknown>>) => void
  readonly onInvalid?: (user: InvalidUser) => void
  /** Stops after the page under way. */
  readonly signal?: AbortSignal
}

export type SyncUserResult = 'published' | 'unchanged'

interface Published {
  readonly finished: readonly FinishedSync[]
  readonly published: number
  readonly invalid: readonly InvalidUser[]
  readonly failures: readonly unknown[]
}

function attributesOf(parts: RepositoryParts, user: User): Record<string, unknown> {
  return toAttributes(parts.mapping, user.email, user.values)
}

function invalidUser(userId: string, error: unknown): InvalidUser | undefined {
  const ours = error instanceof ColumnValueError || error instanceof PublisherValidationError
  return ours ? { userId, problem: error.message } : undefined
}

/** Publishes begun users, all at once (the client batches them), and says what became of each. */
async function publishBegun(
  parts: RepositoryParts,
  begun: readonly BegunSync[],
  options: { readonly bulk: boolean; readonly force: boolean },
): Promise<Published> {
  const finished: FinishedSync[] = []
  const invalid: InvalidUser[] = []
  const failures: unknown[] = []
  let published = 0
  await Promise.all(
    begun.map(async ({ user, contentHash: before, timestamp }) => {
      try {
        const attributes = attributesOf(parts, user)
        const hash = contentHash(attributes)
        if (options.force || hash !== before) {
          const message = { identifiers: { id: user.id }, attributes, timestamp }
          await parts.publisher.identifyUser(message, { bulk: options.bulk })
          published += 1
        }
        finished.push({ userId: user.id, timestamp, contentHash: hash })
      } catch (error) {
        const problem = invalidUser(user.id, error)
        if (problem === undefined) failures.push(error)
        else invalid.push(problem)
      }
    }),
  )
  return { finished, published, invalid, failures }
}

/**
 * Brings one user to Customer.io: choices that it was not told, then attributes if they have changed.
 *
 * @returns undefined when there is no such user
 * @throws {InvalidUserError} when the row cannot be sent, and what the publisher throws
 */
export async function syncUser(
  parts: RepositoryParts,
  userId: string,
  options: { readonly force?: boolean },
): Promise<SyncUserResult | undefined> {
  const choices = await publishPending(parts, userId)
  const begun = await parts.store.beginSync([userId], nowSeconds(parts))
  if (begun.length === 0) return undefined
  // Ordered, unlike a bulk sync: a single user is synced because somebody just changed it.
  const result = await publishBegun(parts, begun, { bulk: false, force: options.force ?? false })
  await parts.store.finishSync(result.finished)
  if (result.failures.length > 0) throw result.failures[0]
  const [invalid] = result.invalid
  if (invalid !== undefined) throw new InvalidUserError(invalid)
  return choices + result.published > 0 ? 'published' : 'unchanged'
}

/** A row that cannot be sent, as an error. */
export class InvalidUserError extends Error {
  override readonly name = 'InvalidUserError'
  constructor({ problem }: InvalidUser) {
    super(`the user cannot be sent: ${problem}`)
  }
}

/** Tells the deletions that were cut off, if any. */
export async function finishDeletions(parts: RepositoryParts): Promise<number> {
  const pageSize = 100
  let told = 0
  let after: string | undefined
  for (;;) {
    const page = await parts.store.unfinishedDeletions(after, pageSize)
    for (const deletion of page) await publishDeletion(parts, deletion)
    told += page.length
    after = page.at(-1)?.userId
    if (page.length < pageSize) return told
  }
}

function isChanged(parts: RepositoryParts, { user, contentHash: before }: UserOnPage, force: boolean) {
  try {
    const attributes = attributesOf(parts, user)
    return force || contentHash(attributes) !== before ? { attributes } : undefined
  } catch (error) {
    const invalid = invalidUser(user.id, error)
    if (invalid === undefined) throw error
    return { invalid }
  }
}

/**
 * Brings every user that differs from what was last accepted to Customer.io, a page at a time in the order of ids.
 *
 * May be killed at any point: what Pub/Sub accepted but was not noted is sent again, with no harm, and nothing is left
 * out. A second run over an unchanged table publishes nothing.
 *
 * @throws the first failure of the publisher, after everything that was accepted has been noted
 */
export async function syncAll(parts: RepositoryParts, options: SyncAllOptions = {}): Promise<SyncProgress> {
  const { pageSize = 500, dryRun = false, force = false, pace = async () => {} } = options
  const deletions = dryRun ? 0 : await finishDeletions(parts)
  let progress: SyncProgress = {
    checkpoint: options.after,
    seen: 0,
    unchanged: 0,
    changed: 0,
    preferences: 0,
    deletions,
    invalid: 0,
  }
  while (!options.signal?.aborted) {
    const page = await parts.store.page(progress.checkpoint, pageSize)
    if (page.length === 0) break
    // By user: whose attributes and choices are both invalid counts once.
    const invalid = new Map<string, InvalidUser>()
    const changed: string[] = []
    for (const onPage of page) {
      const difference = isChanged(parts, onPage, force)
      if (difference?.invalid !== undefined) invalid.set(onPage.user.id, difference.invalid)
      if (difference?.attributes === undefined) continue
      changed.push(onPage.user.id)
      options.onDifference?.(onPage.user.id, difference.attributes)
    }
    const pending = page.filter((onPage) => onPage.hasPending).map((onPage) => onPage.user.id)
    const unchanged = page.length - changed.length - invalid.size
    let published = changed.length
    let preferences = pending.length
    if (!dryRun && changed.length + pending.length > 0) {
      await pace(changed.length + pending.length)
      preferences = 0
      for (const userId of pending) {
        try {
          preferences += await publishPending(parts, userId)
        } catch (error) {
          // Nobody at Customer.io can be told what breaks the contract; everybody after it can.
          const problem = invalidUser(userId, error)
          if (problem === undefined) throw error
          invalid.set(userId, problem)
        }
      }
      const result = await syncChanged(parts, changed, force)
      published = result.published
      for (const user of result.invalid) invalid.set(user.userId, user)
    }
    for (const user of invalid.values()) options.onInvalid?.(user)
    progress = {
      checkpoint: page.at(-1)?.user.id,
      seen: progress.seen + page.length,
      unchanged: progress.unchanged + unchanged,
      changed: progress.changed + published,
      preferences: progress.preferences + preferences,
      deletions,
      invalid: progress.invalid + invalid.size,
    }
    await options.onPage?.(progress)
  }
  return progress
}

async function syncChanged(parts: RepositoryParts, userIds: readonly string[], force: boolean): Promise<Published> {
  const begun = userIds.length === 0 ? [] : await parts.store.beginSync(userIds, nowSeconds(parts))
  const result = await publishBegun(parts, begun, { bulk: true, force })
  if (result.finished.length > 0) await parts.store.finishSync(result.finished)
  if (result.failures.length > 0) throw result.failures[0]
  return result
}
