import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { z } from 'zod'
import { MessagingPublisher } from '../../../shared/publisher/index.ts'
import {
  type InvalidUser,
  isMigrated,
  type Mapping,
  MappingError,
  migrate,
  PostgresUserStore,
  parseMapping,
  type SyncProgress,
  UserMessagingRepository,
} from '../../../shared/repository/index.ts'
import type { Context } from '../context.ts'
import { aborted, CommandError, usageError, wordsOf } from '../errors.ts'
import { count, duration } from '../output.ts'
import { createPace } from '../pace.ts'
import { startProgress } from '../progress.ts'
import { type Difference, describeDifference, differencesOf } from './differences.ts'

export interface SyncOptions {
  readonly mapping: string
  readonly full?: boolean
  readonly resume?: boolean
  readonly deleteMissing?: boolean
  readonly dryRun?: boolean
  readonly show: number
  readonly rate?: number
  readonly pageSize: number
  readonly migrate?: boolean
}

const INVALID_SHOWN = 20

export async function sync(context: Context, options: SyncOptions): Promise<void> {
  if (options.resume && !options.full) throw usageError('--resume needs --full')
  if (options.deleteMissing && options.dryRun)
    throw usageError('--dry-run counts who is missing: leave out --delete-missing')
  const mapping = readMapping(options.mapping)
  const pool = await context.connection.database()
  const publisher = new MessagingPublisher({
    pubsub: await context.connection.pubsub(),
    topicPrefix: context.connection.topology.namePrefix,
    lane: 'bulk',
    now: context.now,
  })
  try {
    await prepare(pool, options.migrate ?? false)
    await syncAll(context, options, mapping, pool, publisher)
  } catch (error) {
    throw isDatabaseError(error) ? new CommandError('the database', { cause: error }) : error
  } finally {
    await publisher.close()
  }
}

function readMapping(path: string): Mapping {
  try {
    return parseMapping(readFileSync(path, 'utf8'))
  } catch (error) {
    throw usageError(`--mapping ${path}: ${wordsOf(error)}`, error instanceof MappingError ? undefined : 'See --help.')
  }
}

/** Checks, or creates, the tables that record what was sent. */
async function prepare(pool: pg.Pool, create: boolean): Promise<void> {
  if (create) return await migrate(pool)
  if (await isMigrated(pool)) return
  throw new CommandError('the database lacks the tables that record what was sent, or has them in an older form', {
    hint: 'Add --migrate, or run the files of shared/repository/postgres/migrations that are new.',
  })
}

async function syncAll(
  context: Context,
  options: SyncOptions,
  mapping: Mapping,
  pool: pg.Pool,
  publisher: MessagingPublisher,
): Promise<void> {
  const { output, connection, signal, now } = context
  const { full = false, dryRun = false } = options
  const store = new PostgresUserStore(pool, mapping)
  const repository = new UserMessagingRepository({ store, mapping, publisher, now })
  const checkpoint = new Checkpoint(connection.stateDirectory, JSON.stringify([mapping, databaseOf(process.env)]))
  const total = await store.countUsers()
  const resumed = full && !dryRun ? resumption(context, checkpoint, options.resume ?? false) : undefined
  const before = resumed?.done ?? 0
  const progress = await startProgress(output, dryRun ? 'comparing' : 'syncing', total, now)
  const startedMs = now()
  const invalid: InvalidUser[] = []
  const missing: string[] = []
  const different: { userId: string; attributes: Readonly<Record<string, unknown>> }[] = []
  // A page is sent at once: one larger than a second's share would be a burst.
  const pageSize = Math.min(options.pageSize, Math.max(1, Math.ceil(options.rate ?? options.pageSize)))
  let result: SyncProgress | undefined
  let seen = before
  let noted: Pick<SyncProgress, 'changed' | 'preferences' | 'deletions'> = { changed: 0, preferences: 0, deletions: 0 }
  try {
    result = await repository.syncAll({
      after: resumed?.after,
      pageSize,
      dryRun,
      force: full,
      signal,
      pace: createPace(options.rate, now, signal),
      onPage: (page) => {
        seen = before + page.seen
        progress.at(seen)
        if (dryRun) return
        context.done.add(page.changed - noted.changed, 'user', 'sent')
        context.done.add(page.preferences - noted.preferences, 'choice', 'published')
        context.done.add(page.deletions - noted.deletions, 'deletion', 'published')
        noted = page
        if (full && page.checkpoint !== undefined) {
          checkpoint.write({ after: page.checkpoint, done: seen, total, atMs: now() })
        }
      },
      onDifference: (userId, attributes) => {
        if (dryRun && different.length < options.show) different.push({ userId, attributes })
      },
      onInvalid: (user) => invalid.push(user),
      onMissing: (userId) => missing.push(userId),
    })
  } catch (error) {
    // A wait that was cut short throws, too.
    if (!signal.aborted) throw error
  } finally {
    progress.end()
  }
  if (signal.aborted || result === undefined) {
    const again = full && !dryRun ? 'run the same command again with --resume' : 'run the same command again to resume'
    throw aborted(`stopped after ${seen} of ${count(total, 'user')}; ${again}`)
  }
  if (full && !dryRun) checkpoint.clear()
  const differences = dryRun ? await differencesOf(context, different) : []
  const deleted = options.deleteMissing ? await deleteMissing(context, repository, missing, total) : 0
  const { checkpoint: _, ...counts } = result
  output.result(
    { dryRun, ...counts, total, before, deleted, tookMs: now() - startedMs, differences, invalidUsers: invalid },
    () =>
      summary(result, differences, { dryRun, tookMs: now() - startedMs, shown: options.show, total, before, deleted }),
  )
  if (invalid.length > 0) throw invalidError(invalid)
}

interface Run {
  readonly dryRun: boolean
  readonly tookMs: number
  readonly shown: number
  /** Users in the table. */
  readonly total: number
  /** Users that an earlier run had done. */
  readonly before: number
  readonly deleted: number
}

function summary(
  result: SyncProgress,
  differences: readonly Difference[],
  { dryRun, tookMs, shown, total, before, deleted }: Run,
): string {
  const remaining = result.missing - deleted
  const more = dryRun && result.changed > shown ? [`… and ${result.changed - differences.length} more (--show)`] : []
  const would = dryRun ? 'would be ' : ''
  return [
    ...differences.map(describeDifference),
    ...more,
    `${result.seen === total ? '' : `${result.seen} of `}${count(total, 'user')} in ${duration(tookMs)}${before > 0 ? `, ${before} before` : ''}: ${result.changed} ${would}sent, ${result.unchanged} unchanged, ${result.invalid} not valid`,
    ...(result.preferences > 0 ? [`${count(result.preferences, 'choice')} ${would}published`] : []),
    ...(deleted > 0 ? [`${count(deleted, 'missing user')} deleted`] : []),
    ...(remaining > 0
      ? [`${count(remaining, 'user')} sent before, and no longer in the table (--delete-missing)`]
      : []),
    ...(result.deletions > 0 ? [`${count(result.deletions, 'deletion')} published`] : []),
  ].join('\n')
}

function invalidError(invalid: readonly InvalidUser[]): CommandError {
  const shown = invalid.slice(0, INVALID_SHOWN).map(({ userId, problem }) => `\n  ${userId}: ${problem}`)
  const more = invalid.length > shown.length ? [`\n  and ${invalid.length - shown.length} more`] : []
  return new CommandError(`${count(invalid.length, 'user')} could not be sent:${[...shown, ...more].join('')}`, {
    hint: 'All others were sent. Correct the rows or the mapping, then run it again.',
  })
}

/** Identifies the database: the checkpoint of one would skip users of another. */
function databaseOf({ DATABASE_URL, PGHOST, PGPORT, PGDATABASE, PGUSER }: NodeJS.ProcessEnv): readonly unknown[] {
  return [DATABASE_URL, PGHOST, PGPORT, PGDATABASE, PGUSER]
}

function isDatabaseError(error: unknown): error is Error {
  return error instanceof pg.DatabaseError || (error instanceof Error && 'syscall' in error)
}

/** Where a full sync goes on, if that is asked for. A table changes: what was done long ago is not done any more. */
function resumption({ output, now }: Context, checkpoint: Checkpoint, wanted: boolean): Stopped | undefined {
  const stopped = checkpoint.read()
  const isFresh = stopped !== undefined && Math.abs(now() - stopped.atMs) < CHECKPOINT_MS
  if (wanted && !isFresh)
    throw usageError('there is no full sync of the last 24 hours to resume', 'Leave out --resume.')
  if (stopped === undefined || !isFresh) return undefined
  const words = `a full sync was stopped after ${stopped.done} of ${count(stopped.total, 'user')}`
  output.note(wanted ? `${words}: resuming it` : `${words}: --resume goes on there; this one starts from the beginning`)
  return wanted ? stopped : undefined
}

/** Suppresses and deletes whose row is gone, after asking. */
async function deleteMissing(
  { output, prompts, signal, done }: Context,
  repository: UserMessagingRepository,
  missing: readonly string[],
  total: number,
): Promise<number> {
  if (missing.length === 0) return 0
  if (total === 0)
    throw new CommandError('the table is empty: nobody is deleted', { hint: 'Is it the right database?' })
  const users = count(missing.length, 'user')
  const shown = missing.slice(0, MISSING_SHOWN).join(', ')
  output.note(`no longer in the table: ${shown}${missing.length > MISSING_SHOWN ? ', …' : ''}`)
  await prompts.confirm(
    `Delete ${users} at Customer.io and suppress their ids? What Customer.io knows of them is gone for good; ` +
      'an id is free again after `publish identify` with action unsuppress.',
  )
  let deleted = 0
  for (const id of missing) {
    if (signal.aborted) throw aborted('stopped; run the same command again for the others')
    await repository.onUserDeleted({ id })
    deleted += 1
    done.add(1, 'missing user', `of ${missing.length} deleted`)
  }
  return deleted
}

const MISSING_SHOWN = 20
const CHECKPOINT_MS = 24 * 3_600_000

const checkpointSchema = z.object({ after: z.string(), done: z.number(), total: z.number(), atMs: z.number() })
type Stopped = z.infer<typeof checkpointSchema>

/**
 * How far a full sync has come. An incremental sync needs none: the database records what was sent. The file is written
 * whole and renamed, so a kill leaves the previous one.
 */
class Checkpoint {
  readonly #path: string

  constructor(directory: string, what: string) {
    this.#path = join(directory, `sync-${createHash('sha256').update(what).digest('hex').slice(0, 16)}.json`)
  }

  read(): Stopped | undefined {
    if (!existsSync(this.#path)) return undefined
    const parsed = checkpointSchema.safeParse(JSON.parse(readFileSync(this.#path, 'utf8')))
    return parsed.success ? parsed.data : undefined
  }

  write(stopped: Stopped): void {
    writeFileSync(`${this.#path}.new`, JSON.stringify(stopped), { mode: 0o600 })
    renameSync(`${this.#path}.new`, this.#path)
  }

  clear(): void {
    rmSync(this.#path, { force: true })
  }
}
