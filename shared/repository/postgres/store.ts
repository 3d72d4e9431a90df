import * as z from 'zod'
import type { Mapping } from '../mapping.ts'
import type { Choices } from '../preferences.ts'
import type { BegunSync, Decision, Deletion, FinishedSync, User, UserOnPage, UserStore } from '../store.ts'
import { selectChoices, upsertChoices } from './choices.ts'
import type { PostgresClient, PostgresPool } from './pool.ts'
import { inTransaction } from './transaction.ts'
import { queryById, readUser, type UserSql, userSql } from './users.ts'

const NOT_BEING_DELETED = 'NOT EXISTS (SELECT FROM customerio.deletions d WHERE d.user_id = '

const pageRow = z.looseObject({ content_hash: z.string().nullable(), has_pending: z.boolean() })
const begunRow = z.looseObject({ content_hash: z.string().nullable(), begun_at: z.coerce.number() })
const countRow = z.object({ count: z.coerce.number() })
const addressRow = z.object({ address: z.string() })
const deletionRow = z.object({ user_id: z.string(), email: z.string().nullable() })

/** A `UserStore` in PostgreSQL: the application's users table, read by the mapping, and the schema `customerio`. */
export class PostgresUserStore implements UserStore {
  readonly #pool: PostgresPool
  readonly #mapping: Mapping
  readonly #sql: UserSql

  /** @param pool its owner ends it. `migrate(pool)` must have run once. */
  constructor(pool: PostgresPool, mapping: Mapping) {
    this.#pool = pool
    this.#mapping = mapping
    this.#sql = userSql(mapping)
  }

  async findUser(userId: string): Promise<User | undefined> {
    const { columns, table, id } = this.#sql
    const [row] = await queryById(this.#pool, `SELECT ${columns} FROM ${table} WHERE ${id} = $1`, [userId])
    return row === undefined ? undefined : readUser(this.#mapping, row)
  }

  async findUserIdByEmail(email: string): Promise<string | undefined> {
    const { columns, table, email: address } = this.#sql
    if (this.#mapping.email === undefined) return undefined
    const { rows } = await this.#pool.query(
      `SELECT ${columns} FROM ${table} WHERE lower(${address}::text) = lower($1) LIMIT 2`,
      [email],
    )
    return rows.length === 1 ? readUser(this.#mapping, rows[0]).id : undefined
  }

  async countUsers(): Promise<number> {
    const { rows } = await this.#pool.query(`SELECT count(*) FROM ${this.#sql.table}`)
    return countRow.parse(rows[0]).count
  }

  readChoices(userId: string): Promise<Choices> {
    return selectChoices(this.#pool, userId)
  }

  async changeChoices<T>(userId: string, decide: (choices: Choices) => Decision<T>): Promise<T | undefined> {
    if ((await this.findUser(userId)) === undefined) return undefined
    return inTransaction(this.#pool, async (client) => {
      await lockUser(client, userId)
      const { table, id } = this.#sql
      const { rows } = await client.query(
        `SELECT FROM ${table} WHERE ${id} = $1 AND ${NOT_BEING_DELETED}${id}::text)`,
        [userId],
      )
      if (rows.length === 0) return undefined
      const { write, result } = decide(await selectChoices(client, userId))
      await upsertChoices(client, userId, write)
      return result
    })
  }

  async recordDeliverability(userId: string, address: string, deliverable: boolean, at: number): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      `INSERT INTO customerio.addresses AS a (user_id, address, deliverable, changed_at)
       SELECT $1, lower($2), $3, $4 WHERE ${NOT_BEING_DELETED}$1)
       ON CONFLICT (user_id) DO UPDATE
         SET address = excluded.address, deliverable = excluded.deliverable, changed_at = excluded.changed_at
         WHERE a.changed_at < excluded.changed_at`,
      [userId, address, deliverable, at],
    )
    return rowCount === 1
  }

  async undeliverableAddress(userId: string): Promise<string | undefined> {
    const { rows } = await this.#pool.query(
      `SELECT address FROM customerio.addresses WHERE user_id = $1 AND NOT deliverable`,
      [userId],
    )
    return z.array(addressRow).parse(rows)[0]?.address
  }

  async page(afterId: string | undefined, limit: number): Promise<readonly UserOnPage[]> {
    const { columns, table, id } = this.#sql
    // By the key and not by an offset: a page costs the same at the end of the table, and rows that come or go
    // meanwhile move nobody to another page.
    const { rows } = await this.#pool.query(
      `SELECT ${columns}, s.content_hash,
              EXISTS (SELECT FROM customerio.preferences p WHERE p.user_id = ${id}::text AND p.pending) AS has_pending
       FROM ${table} LEFT JOIN customerio.sync_state s ON s.user_id = ${id}::text
       WHERE ${NOT_BEING_DELETED}${id}::text)${afterId === undefined ? '' : ` AND ${id} > $2`}
       ORDER BY ${id} LIMIT $1`,
      afterId === undefined ? [limit] : [limit, afterId],
    )
    return rows.map((row) => {
      const { content_hash: contentHash, has_pending: hasPending } = pageRow.parse(row)
      return { user: readUser(this.#mapping, row), contentHash, hasPending }
    })
  }

  async beginSync(userIds: readonly string[], nowSeconds: number): Promise<readonly BegunSync[]> {
    const { columns, table, id } = this.#sql
    return inTransaction(this.#pool, async (client) => {
      // Sorted, so that two that begin with the same users wait for each other instead of locking each other out.
      const begun = await queryById(
        client,
        `INSERT INTO customerio.sync_state AS s (user_id, begun_at)
         SELECT ${id}::text, $2::bigint FROM ${table} WHERE ${id} = ANY($1) AND ${NOT_BEING_DELETED}${id}::text)
         ORDER BY 1
         ON CONFLICT (user_id) DO UPDATE SET begun_at = greatest(excluded.begun_at, s.begun_at + 1)
         RETURNING user_id`,
        [userIds, nowSeconds],
      )
      if (begun.length === 0) return []
      const { rows } = await client.query(
        `SELECT ${columns}, s.content_hash, s.begun_at
         FROM ${table} JOIN customerio.sync_state s ON s.user_id = ${id}::text WHERE ${id} = ANY($1)`,
        [userIds],
      )
      return rows.map((row) => {
        const { content_hash: contentHash, begun_at: timestamp } = begunRow.parse(row)
        return { user: readUser(this.#mapping, row), contentHash, timestamp }
      })
    })
  }

  async finishSync(finished: readonly FinishedSync[]): Promise<void> {
    await this.#pool.query(
      `UPDATE customerio.sync_state s SET content_hash = f."contentHash"
       FROM jsonb_to_recordset($1::jsonb) AS f("userId" text, timestamp bigint, "contentHash" text)
       WHERE s.user_id = f."userId" AND s.begun_at = f.timestamp`,
      [JSON.stringify(finished)],
    )
  }

  async forgetSync(userId: string): Promise<void> {
    await this.#pool.query(`UPDATE customerio.sync_state SET content_hash = NULL WHERE user_id = $1`, [userId])
  }

  async beginDeletion({ userId, email }: Deletion): Promise<Deletion> {
    return inTransaction(this.#pool, async (client) => {
      await lockUser(client, userId)
      // Asked again without the address, it must not forget the one it knows.
      const { rows } = await client.query(
        `INSERT INTO customerio.deletions AS d (user_id, email) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET email = coalesce(excluded.email, d.email) RETURNING user_id, email`,
        [userId, email],
      )
      await removeState(client, userId)
      return readDeletion(rows[0])
    })
  }

  async finishDeletion(userId: string): Promise<void> {
    await inTransaction(this.#pool, async (client) => {
      await lockUser(client, userId)
      await removeState(client, userId)
      await client.query(`DELETE FROM customerio.deletions WHERE user_id = $1`, [userId])
    })
  }

  async unfinishedDeletions(afterId: string | undefined, limit: number): Promise<readonly Deletion[]> {
    const { rows } = await this.#pool.query(
      `SELECT user_id, email FROM customerio.deletions WHERE user_id > $2 ORDER BY user_id LIMIT $1`,
      [limit, afterId ?? ''],
    )
    return rows.map(readDeletion)
  }
}

function readDeletion(row: unknown): Deletion {
  const { user_id: userId, email } = deletionRow.parse(row)
  return { userId, email }
}

/** One change of a user's choices at a time. Held until the transaction ends; needs no row to exist. */
async function lockUser(client: PostgresClient, userId: string): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('customerio ' || $1, 0))`, [userId])
}

async function removeState(client: PostgresClient, userId: string): Promise<void> {
  for (const table of ['preferences', 'addresses', 'sync_state']) {
    await client.query(`DELETE FROM customerio.${table} WHERE user_id = $1`, [userId])
  }
}
