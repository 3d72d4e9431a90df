import { identifyMessage, parseMessage } from '../contract/index.ts'
import { PublisherValidationError } from '../publisher/index.ts'
import { ColumnValueError, contentHash, toAttributes } from './mapping.ts'
import { nowSeconds, type RepositoryParts } from './port.ts'
import { toMessages } from './preferences.ts'
import { pendingOf, publishDeletion, publishPending } from './publish-pending.ts'
import {
  type BegunSync,
  type FinishedSync,
  type UnreadableRow,
  UnreadableRowError,
  type User,
  type UserOnPage,
} from './store.ts'

/** A user whose row cannot be sent: which attribute breaks which rule, without its value. */
export interface InvalidUser {
  /** Empty for rows that have none. */
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
  /**
   * Users that were published and are in the table no more, without a call of `onUserDeleted`. Counted at the end, and
   * left as they are: a view or a filter may hide rows that are nobody's deletion.
   */
  readonly missing: number
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
  /** Each user that is missing in the table: for `onUserDeleted`, if that is what happened. */
  readonly onMissing?: (userId: string) => void
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
  const ours =
    error instanceof ColumnValueError ||
    error instanceof PublisherValidationError ||
    error instanceof UnreadableRowError ||
    error instanceof RangeError // nested deeper than JSON can be written
  return ours ? { userId, problem: error.message } : undefined
}

/** Publishes begun users, all at once (the client batches them), and says what became of each. */
async function publishBegun(
  parts: RepositoryParts,
  begun: readonly BegunSync[],
  options: { readonly unordered: boolean; readonly force: boolean },
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
          await parts.publisher.identifyUser(message, { unordered: options.unordered })
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
  const key = await parts.store.findKey(userId)
  if (key === undefined) return undefined
  const choices = await publishPending(parts, [key.id])
  if (choices.failures.has(key.id)) throw choices.failures.get(key.id)
  const begun = await parts.store.beginSync([key.id], nowSeconds(parts)).catch((error: unknown) => {
    const invalid = invalidUser(key.id, error)
    throw invalid === undefined ? error : new InvalidUserError(invalid)
  })
  if (begun.length === 0) return undefined
  // Ordered, unlike a sync of all: a single user is synced because somebody just changed it.
  const result = await publishBegun(parts, begun, { unordered: false, force: options.force ?? false })
  await parts.store.finishSync(result.finished)
  if (result.failures.length > 0) throw result.failures[0]
  const [invalid] = result.invalid
  if (invalid !== undefined) throw new InvalidUserError(invalid)
  return choices.published + result.published > 0 ? 'published' : 'unchanged'
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

interface PagePlan {
  /** By user: whose attributes and choices are both invalid counts once. */
  readonly invalid: Map<string, InvalidUser>
  readonly changed: readonly { readonly userId: string; readonly attributes: Readonly<Record<string, unknown>> }[]
  readonly pending: readonly string[]
}

function planOf(parts: RepositoryParts, page: readonly (UserOnPage | UnreadableRow)[], force: boolean): PagePlan {
  const invalid = new Map<string, InvalidUser>()
  const changed: PagePlan['changed'][number][] = []
  const pending: string[] = []
  for (const row of page) {
    if ('problem' in row) {
      invalid.set(row.userId, row)
      // What the person chose is told all the same.
      pending.push(row.userId)
      continue
    }
    const { user } = row
    if (row.hasPending) pending.push(user.id)
    try {
      const attributes = attributesOf(parts, user)
      if (force || contentHash(attributes) !== row.contentHash) changed.push({ userId: user.id, attributes })
    } catch (error) {
      const problem = invalidUser(user.id, error)
      if (problem === undefined) throw error
      invalid.set(user.id, problem)
    }
  }
  return { invalid, changed, pending }
}

/** Why the publisher would refuse it: by the same contract and in the same words. */
function refusal(parts: RepositoryParts, message: object): PublisherValidationError | undefined {
  const body = Buffer.from(JSON.stringify({ ...message, type: 'person', action: 'identify' }))
  const parsed = parseMessage(identifyMessage, body, { now: parts.now })
  return parsed.ok ? undefined : new PublisherValidationError('identify', parsed.error)
}

/** What publishing a page would come to. Changes nothing. */
async function tryPage(parts: RepositoryParts, { invalid, changed, pending }: PagePlan): Promise<Counted> {
  let published = 0
  let preferences = 0
  const timestamp = nowSeconds(parts)
  for (const { userId, attributes } of changed) {
    const error = refusal(parts, { identifiers: { id: userId }, attributes, timestamp })
    const problem = invalidUser(userId, error)
    if (problem === undefined) published += 1
    else invalid.set(userId, problem)
  }
  for (const userId of pending) {
    const messages = toMessages(pendingOf(await parts.store.readChoices(userId)))
    const errors = messages.map((message) => refusal(parts, { identifiers: { id: userId }, ...message }))
    const problem = invalidUser(
      userId,
      errors.find((error) => error !== undefined),
    )
    if (problem === undefined) preferences += messages.length
    else invalid.set(userId, problem)
  }
  return { published, preferences }
}

interface Counted {
  readonly published: number
  readonly preferences: number
}

async function publishPage(parts: RepositoryParts, plan: PagePlan, force: boolean): Promise<Counted> {
  const { published: preferences, failures } = await publishPending(parts, plan.pending)
  for (const [userId, error] of failures) {
    // Nobody at Customer.io can be told what breaks the contract; everybody else can.
    const problem = invalidUser(userId, error)
    if (problem === undefined) throw error
    plan.invalid.set(userId, problem)
  }
  const result = await syncChanged(
    parts,
    plan.changed.map(({ userId }) => userId),
    force,
  )
  for (const user of result.invalid) plan.invalid.set(user.userId, user)
  return { published: result.published, preferences }
}

/**
 * Brings every user that differs from what was last accepted to Customer.io, a page at a time in the order of ids.
 *
 * May be killed at any point: what Pub/Sub accepted but was not noted is sent again, with no harm, and nothing is left
 * out. A second run over an unchanged table publishes nothing. A row that cannot be read or sent is reported, and holds
 * up nobody.
 *
 * @throws the first failure of the publisher, after everything that was accepted has been noted
 */
export async function syncAll(parts: RepositoryParts, options: SyncAllOptions = {}): Promise<SyncProgress> {
  const { pageSize = 500, dryRun = false, force = false, pace = async () => {} } = options
  const deletions = dryRun ? 0 : await finishDeletions(parts)
  if (!dryRun) await parts.store.forgetDeletions()
  const withoutKey = options.after === undefined ? await parts.store.countWithoutKey() : 0
  if (withoutKey > 0) options.onInvalid?.({ userId: '', problem: `rows without a key: ${withoutKey}` })
  let progress: SyncProgress = {
    checkpoint: options.after,
    seen: 0,
    unchanged: 0,
    changed: 0,
    preferences: 0,
    deletions,
    invalid: withoutKey,
    missing: 0,
  }
  while (!options.signal?.aborted) {
    const page = await parts.store.page(progress.checkpoint, pageSize)
    if (page.length === 0) break
    const plan = planOf(parts, page, force)
    for (const { userId, attributes } of plan.changed) options.onDifference?.(userId, attributes)
    const unchanged = page.length - plan.changed.length - plan.invalid.size
    let counted: Counted = { published: 0, preferences: 0 }
    if (dryRun) counted = await tryPage(parts, plan)
    else if (plan.changed.length + plan.pending.length > 0) {
      await pace(plan.changed.length + plan.pending.length)
      counted = await publishPage(parts, plan, force)
    }
    for (const user of plan.invalid.values()) options.onInvalid?.(user)
    const last = page.at(-1)
    progress = {
      ...progress,
      checkpoint: last === undefined || 'problem' in last ? last?.userId : last.user.id,
      seen: progress.seen + page.length,
      unchanged: progress.unchanged + unchanged,
      changed: progress.changed + counted.published,
      preferences: progress.preferences + counted.preferences,
      invalid: progress.invalid + plan.invalid.size,
    }
    await options.onPage?.(progress)
  }
  return options.signal?.aborted ? progress : { ...progress, missing: await tellMissing(parts, options) }
}

/** Counts users that were published and are in the table no more. */
async function tellMissing(parts: RepositoryParts, { onMissing }: SyncAllOptions): Promise<number> {
  const pageSize = 1_000
  let missing = 0
  let after: string | undefined
  for (;;) {
    const page = await parts.store.missingUsers(after, pageSize)
    for (const userId of page) onMissing?.(userId)
    missing += page.length
    after = page.at(-1)
    if (page.length < pageSize) return missing
  }
}

async function syncChanged(parts: RepositoryParts, userIds: readonly string[], force: boolean): Promise<Published> {
  const begun = userIds.length === 0 ? [] : await parts.store.beginSync(userIds, nowSeconds(parts))
  const result = await publishBegun(parts, begun, { unordered: true, force })
  if (result.finished.length > 0) await parts.store.finishSync(result.finished)
  if (result.failures.length > 0) throw result.failures[0]
  return result
}
