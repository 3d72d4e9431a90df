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
  readonly restart?: boolean
  readonly dryRun?: boolean
  readonly show: number
  readonly rate?: number
  readonly pageSize: number
  readonly migrate?: boolean
}

const INVALID_SHOWN = 20

export async function sync(context: Context, options: SyncOptions): Promise<void> {
  if (options.restart && !options.full) throw usageError('--restart needs --full')
  const mapping = readMapping(options.mapping)
  const pool = new pg.Pool({
    ...(process.env.DATABASE_URL !== undefined && { connectionString: process.env.DATABASE_URL }),
    max: 4,
  })
  // A lost idle connection is reported by the next query.
  pool.on('error', () => {})
  const publisher = new MessagingPublisher({ pubsub: await context.connection.pubsub(), now: context.now })
  try {
    await prepare(pool, options.migrate ?? false)
    await syncAll(context, options, mapping, pool, publisher)
  } catch (error) {
    throw isDatabaseError(error) ? new CommandError('the database', { cause: error }) : error
  } finally {
    await publisher.close()
    await pool.end()
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
  if (options.restart) checkpoint.clear()
  const after = full && !dryRun ? checkpoint.read() : undefined
  if (after !== undefined) output.note('resuming an interrupted full sync; --restart starts again from the beginning')
  const total = await store.countUsers()
  const progress = await startProgress(output, dryRun ? 'comparing' : 'syncing', total, now)
  const startedMs = now()
  const invalid: InvalidUser[] = []
  const different: { userId: string; attributes: Readonly<Record<string, unknown>> }[] = []
  // A page is sent at once: one larger than a second's share would be a burst.
  const pageSize = Math.min(options.pageSize, Math.max(1, Math.ceil(options.rate ?? options.pageSize)))
  let result: SyncProgress
  try {
    result = await repository.syncAll({
      after,
      pageSize,
      dryRun,
      force: full,
      signal,
      pace: createPace(options.rate, now, signal),
      onPage: (page) => {
        progress.at(page.seen)
        if (full && !dryRun && page.checkpoint !== undefined) checkpoint.write(page.checkpoint)
      },
      onDifference: (userId, attributes) => {
        if (dryRun && different.length < options.show) different.push({ userId, attributes })
      },
      onInvalid: (user) => invalid.push(user),
    })
  } finally {
    progress.end()
  }
  if (signal.aborted) {
    throw aborted(`stopped after ${count(result.seen, 'user')}; run the same command again to resume`)
  }
  if (full && !dryRun) checkpoint.clear()
  const differences = dryRun ? await differencesOf(context, different) : []
  const { checkpoint: _, ...counts } = result
  output.result({ dryRun, ...counts, tookMs: now() - startedMs, differences, invalidUsers: invalid }, () =>
    summary(result, differences, { dryRun, tookMs: now() - startedMs, shown: options.show }),
  )
  if (invalid.length > 0) throw invalidError(invalid)
}

function summary(
  result: SyncProgress,
  differences: readonly Difference[],
  { dryRun, tookMs, shown }: { readonly dryRun: boolean; readonly tookMs: number; readonly shown: number },
): string {
  const more = dryRun && result.changed > shown ? [`… and ${result.changed - differences.length} more (--show)`] : []
  const would = dryRun ? 'would be ' : ''
  return [
    ...differences.map(describeDifference),
    ...more,
    `${count(result.seen, 'user')} in ${duration(tookMs)}: ${result.changed} ${would}sent, ${result.unchanged} unchanged, ${result.invalid} not valid`,
    ...(result.preferences > 0 ? [`${count(result.preferences, 'choice')} ${would}published`] : []),
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

const checkpointSchema = z.object({ after: z.string() })

/**
 * How far a full sync has come. An incremental sync needs none: the database records what was sent. The file is written
 * whole and renamed, so a kill leaves the previous one.
 */
class Checkpoint {
  readonly #path: string

  constructor(directory: string, what: string) {
    this.#path = join(directory, `sync-${createHash('sha256').update(what).digest('hex').slice(0, 16)}.json`)
  }

  read(): string | undefined {
    if (!existsSync(this.#path)) return undefined
    const parsed = checkpointSchema.safeParse(JSON.parse(readFileSync(this.#path, 'utf8')))
    return parsed.success ? parsed.data.after : undefined
  }

  write(after: string): void {
    writeFileSync(`${this.#path}.new`, JSON.stringify({ after }), { mode: 0o600 })
    renameSync(`${this.#path}.new`, this.#path)
  }

  clear(): void {
    rmSync(this.#path, { force: true })
  }
}
