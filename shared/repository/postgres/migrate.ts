import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { PostgresPool, PostgresQueries } from './pool.ts'
import { inTransaction } from './transaction.ts'

/**
 * The SQL that creates and changes the repository's tables, for those who run migrations by their own tool: every file
 * once, in the order of their names, each in a transaction.
 */
export const MIGRATIONS_PATH = join(import.meta.dirname, 'migrations')

const versionRow = z.object({ version: z.coerce.number() })

/** The database was migrated by a later release than this one. */
export class SchemaTooNewError extends Error {
  override readonly name = 'SchemaTooNewError'
  constructor(version: number, known: number) {
    super(`the schema customerio has version ${version}, and this release knows ${known}: use the later release`)
  }
}

/** Brings the repository's schema to the version of this release. Several may do so at once; again, it does nothing. */
export async function migrate(pool: PostgresPool): Promise<void> {
  const migrations = readMigrations()
  await inTransaction(pool, async (client) => {
    // CREATE ... IF NOT EXISTS of two sessions at once can still collide.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('customerio schema', 0))`)
    const version = await versionOf(client)
    if (version > migrations.length) throw new SchemaTooNewError(version, migrations.length)
    for (const sql of migrations.slice(version)) await client.query(sql)
  })
}

/** True when the schema is that of this release. */
export async function isMigrated(pool: PostgresQueries): Promise<boolean> {
  return (await versionOf(pool)) === readMigrations().length
}

function readMigrations(): readonly string[] {
  const files = readdirSync(MIGRATIONS_PATH).filter((file) => file.endsWith('.sql'))
  return files.toSorted().map((file) => readFileSync(join(MIGRATIONS_PATH, file), 'utf8'))
}

/** 0 when there is none, and also for tables of before they had versions: the first file leaves those as they are. */
async function versionOf(client: PostgresQueries): Promise<number> {
  const { rows } = await client.query(`SELECT to_regclass('customerio.schema_version') IS NOT NULL AS there`)
  if (rows[0]?.there !== true) return 0
  const { rows: versions } = await client.query(
    `SELECT coalesce(max(version), 0) AS version FROM customerio.schema_version`,
  )
  return versionRow.parse(versions[0]).version
}
