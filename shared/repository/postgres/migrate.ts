import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PostgresPool } from './pool.ts'
import { inTransaction } from './transaction.ts'

/** The SQL that creates the repository's tables, for those who run migrations by their own tool. */
export const SCHEMA_SQL_PATH = join(import.meta.dirname, 'schema.sql')

/** Creates the repository's schema and tables where they are missing. Several may do so at once. */
export async function migrate(pool: PostgresPool): Promise<void> {
  await inTransaction(pool, async (client) => {
    // CREATE ... IF NOT EXISTS of two sessions at once can still collide.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('customerio schema', 0))`)
    await client.query(readFileSync(SCHEMA_SQL_PATH, 'utf8'))
  })
}
