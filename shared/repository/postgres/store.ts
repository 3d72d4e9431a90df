import { domainToUnicode } from 'node:url'
import * as z from 'zod'
import { mailboxOf } from '../../consent/index.ts'
import type { Choice } from '../choice.ts'
import type { Mapping } from '../mapping.ts'
import { type Choices, NO_CHOICES, type PreferenceName } from '../preferences.ts'
import {
  type BegunSync,
  type Decision,
  type Deletion,
  type FinishedSync,
  UNREADABLE_ROW,
  type UnreadableRow,
  UnreadableRowError,
  type UnreadWebhook,
  type User,
  type UserKey,
  type UserOnPage,
  type UserStore,
} from '../store.ts'
import { selectChoices, upsertChoices } from './choices.ts'
import type { PostgresClient, PostgresPool, PostgresQueries } from './pool.ts'
import { inTransaction, retryingQueries } from './transaction.ts'
import { isDataError, readKey, readUser, spellKey, type UserSql, userSql } from './users.ts'
import { forgetWebhook, insertWebhook, selectWebhooks } from './webhooks.ts'

const NOT_DELETED = 'NOT EXISTS (SELECT FROM customerio.deletions d WHERE d.user_id = '

const pageRow = z.looseObject({ content_hash: z.string().nullable(), has_pending: z.boolean() })
const begunRow = z.looseObject({ content_hash: z.string().nullable(), begun_at: z.coerce.number() })
const countRow = z.object({ count: z.coerce.number() })
const addressRow = z.object({ address: z.string() })
const deletionRow = z.object({ user_id: z.string(), email: z.string().nullable() })
const idRow = z.object({ user_id: z.string() })

/** A `UserStore` in PostgreSQL: the application's users table, read by the mapping, and the schema `customerio`. */
export class PostgresUserStore implements UserStore {
  readonly #pool: PostgresPool
  readonly #queries: PostgresQueries
  readonly #mapping: Mapping
  readonly #sql: UserSql

  /** @param pool its owner ends it. `migrate(pool)` must have run once. */
  constructor(pool: PostgresPool, mapping: Mapping) {
    this.#pool = pool
    this.#queries = retryingQueries(pool)
    this.#mapping = mapping
    this.#sql = userSql(mapping)
    // An idle connection that the server ends is replaced at the next query. Without a listener it ends the process.
    pool.off('error', ignore)
    pool.on('error', ignore)
  }

  async findKey(userId: string): Promise<UserKey | undefined> {
    const { table, id, key } = this.#sql
    const spelled = await spellKey(this.#queries, this.#sql, userId)
    if (spelled === undefined) return undefined
    const find = async (columns: string) => {
      const rows = await this.#query(`SELECT ${columns} FROM ${table} WHERE ${id} = $1`, [spelled])
      return rows[0] === undefined ? undefined : readKey(rows[0])
    }
    // An address that fails to be computed must not hide the user: their choices are kept by the key alone.
    return find(key).catch((error: unknown) => {
      if (isDataError(error)) return find(`${id}::text AS user_id, NULL AS email`)
      throw error
    })
  }

  spellKey(userId: string): Promise<string | undefined> {
    return spellKey(this.#queries, this.#sql, userId)
  }

  async findUser(userId: string): Promise<User | undefined> {
    if ((await this.spellKey(userId)) === undefined) return undefined
    const { columns, table, id } = this.#sql
    const sql = `SELECT ${columns} FROM ${table} WHERE ${id} = $1`
    const [row] = await this.#query(sql, [userId]).catch(unreadable)
    return row === undefined ? undefined : readUser(this.#mapping, row)
  }

  async findUsersByEmail(email: string): Promise<readonly UserKey[]> {
    const { key, table, email: column } = this.#sql
    if (this.#mapping.email === undefined) return []
    const spellings = spellingsOf(email)
    if (spellings.length === 0) return []
    const rows = await this.#query(`SELECT ${key} FROM ${table} WHERE lower(${column}::text) = ANY($1)`, [spellings])
    return rows.filter((row) => row.user_id !== null).map(readKey)
  }

  async countUsers(): Promise<number> {
    return this.#count(`SELECT count(${this.#sql.id}) FROM ${this.#sql.table}`)
  }

  async countWithoutKey(): Promise<number> {
    return this.#count(`SELECT count(*) FROM ${this.#sql.table} WHERE ${this.#sql.id} IS NULL`)
  }

  async readChoices(userId: string): Promise<Choices> {
    return (await selectChoices(this.#queries, [userId])).get(userId) ?? NO_CHOICES
  }

  changeChoices<T>(
    userIds: readonly string[],
    decide: (choices: Choices, userId: string) => Decision<T>,
  ): Promise<ReadonlyMap<string, T>> {
    const { table, id } = this.#sql
    return inTransaction(this.#pool, async (client) => {
      await lockUsers(client, userIds)
      const { rows } = await client.query(
        `SELECT ${id}::text AS user_id FROM ${table} WHERE ${id} = ANY($1) AND ${NOT_DELETED}${id}::text)`,
        [userIds],
      )
      const choices = await selectChoices(client, userIds)
      const write = new Map<string, ReadonlyMap<PreferenceName, Choice>>()
      const results = new Map<string, T>()
      for (const { user_id: userId } of z.array(idRow).parse(rows)) {
        const decision = decide(choices.get(userId) ?? NO_CHOICES, userId)
        write.set(userId, decision.write)
        results.set(userId, decision.result)
      }
      await upsertChoices(client, write)
      return results
    })
  }

  async recordDeliverability(userId: string, mailbox: string, deliverable: boolean, at: number): Promise<boolean> {
    if (hasNul(mailbox)) return false
    const recorded = await this.#query(
      `INSERT INTO customerio.addresses AS a (user_id, address, deliverable, changed_at)
       SELECT $1, $2, $3, $4 WHERE ${NOT_DELETED}$1)
       ON CONFLICT (user_id, address) DO UPDATE
         SET deliverable = excluded.deliverable, changed_at = excluded.changed_at
         WHERE a.changed_at < excluded.changed_at
       RETURNING user_id`,
      [userId, mailbox, deliverable, at],
    )
    return recorded.length === 1
  }

  async undeliverableMailboxes(userId: string): Promise<readonly string[]> {
    const rows = await this.#query(`SELECT address FROM customerio.addresses WHERE user_id = $1 AND NOT deliverable`, [
      userId,
    ])
    return z
      .array(addressRow)
      .parse(rows)
      .map(({ address }) => address)
  }

  async page(afterId: string | undefined, limit: number): Promise<readonly (UserOnPage | UnreadableRow)[]> {
    const { columns, table, id } = this.#sql
    const values = afterId === undefined ? [limit] : [limit, afterId]
    // By the key and not by an offset: a page costs the same at the end of the table, and rows that come or go
    // meanwhile move nobody to another page.
    const which = `${id} IS NOT NULL AND ${NOT_DELETED}${id}::text)${afterId === undefined ? '' : ` AND ${id} > $2`}`
    const pageSql = (condition: string) =>
      `SELECT ${columns}, s.content_hash,
              EXISTS (SELECT FROM customerio.preferences p WHERE p.user_id = ${id}::text AND p.pending) AS has_pending
       FROM ${table} LEFT JOIN customerio.sync_state s ON s.user_id = ${id}::text
       WHERE ${condition}`
    try {
      return (await this.#query(`${pageSql(which)} ORDER BY ${id} LIMIT $1`, values)).map((row) => this.#onPage(row))
    } catch (error) {
      if (!isDataError(error)) throw error
    }
    // A row of this page fails to be computed: it is found by reading them one by one.
    const keys = await this.#query(
      `SELECT ${id}::text AS user_id FROM ${table} WHERE ${which} ORDER BY ${id} LIMIT $1`,
      values,
    )
    const page: (UserOnPage | UnreadableRow)[] = []
    for (const { user_id: userId } of z.array(idRow).parse(keys)) {
      try {
        for (const row of await this.#query(pageSql(`${id} = $1`), [userId])) page.push(this.#onPage(row))
      } catch (error) {
        if (!isDataError(error)) throw error
        page.push({ userId, problem: UNREADABLE_ROW })
      }
    }
    return page
  }

  #onPage(row: unknown): UserOnPage {
    const { content_hash: contentHash, has_pending: hasPending } = pageRow.parse(row)
    return { user: readUser(this.#mapping, row), contentHash, hasPending }
  }

  beginSync(userIds: readonly string[], nowSeconds: number): Promise<readonly BegunSync[]> {
    const { columns, table, id } = this.#sql
    return inTransaction(this.#pool, async (client) => {
      // Sorted, so that two that begin with the same users wait for each other instead of locking each other out.
      const { rows: begun } = await client.query(
        `INSERT INTO customerio.sync_state AS s (user_id, begun_at)
         SELECT ${id}::text, least($2::bigint, extract(epoch FROM clock_timestamp())::bigint + 60)
         FROM ${table} WHERE ${id} = ANY($1) AND ${NOT_DELETED}${id}::text)
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
    }).catch(unreadable)
  }

  async finishSync(finished: readonly FinishedSync[]): Promise<void> {
    // Locked in the order of `beginSync`: an UPDATE by itself locks rows as it comes across them.
    await this.#query(
      `WITH f AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS f("userId" text, timestamp bigint, "contentHash" text)),
            locked AS (
              SELECT user_id FROM customerio.sync_state WHERE user_id IN (SELECT "userId" FROM f) ORDER BY 1 FOR UPDATE
            )
       UPDATE customerio.sync_state s SET content_hash = f."contentHash"
       FROM f JOIN locked ON locked.user_id = f."userId"
       WHERE s.user_id = f."userId" AND s.begun_at = f.timestamp`,
      [JSON.stringify(finished)],
    )
  }

  async forgetSync(userId: string): Promise<void> {
    // The time moves, so that a sync under way cannot note what it published before.
    await this.#query(
      `UPDATE customerio.sync_state SET content_hash = NULL, begun_at = begun_at + 1 WHERE user_id = $1`,
      [userId],
    )
  }

  async missingUsers(afterId: string | undefined, limit: number): Promise<readonly string[]> {
    const { table, id } = this.#sql
    const rows = await this.#query(
      `SELECT s.user_id FROM customerio.sync_state s
       WHERE s.user_id > $2 AND NOT EXISTS (SELECT FROM ${table} WHERE ${id}::text = s.user_id)
         AND ${NOT_DELETED}s.user_id)
       ORDER BY s.user_id LIMIT $1`,
      [limit, afterId ?? ''],
    )
    return z
      .array(idRow)
      .parse(rows)
      .map(({ user_id: userId }) => userId)
  }

  beginDeletion({ userId, email }: Deletion): Promise<Deletion> {
    return inTransaction(this.#pool, async (client) => {
      await lockUsers(client, [userId])
      // Asked again without the address, it must not forget the one it knows.
      const { rows } = await client.query(
        `INSERT INTO customerio.deletions AS d (user_id, email) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET email = coalesce(excluded.email, d.email), told_at = NULL
         RETURNING user_id, email`,
        [userId, email],
      )
      await removeState(client, userId)
      return readDeletion(rows[0])
    })
  }

  async finishDeletion(userId: string, atSeconds: number): Promise<void> {
    const { table, id } = this.#sql
    await inTransaction(this.#pool, async (client) => {
      await lockUsers(client, [userId])
      await removeState(client, userId)
      await client.query(`UPDATE customerio.deletions SET email = NULL, told_at = $2 WHERE user_id = $1`, [
        userId,
        atSeconds,
      ])
      await client.query(
        `DELETE FROM customerio.deletions
         WHERE user_id = $1 AND NOT EXISTS (SELECT FROM ${table} WHERE ${id}::text = $1)`,
        [userId],
      )
    })
  }

  async unfinishedDeletions(afterId: string | undefined, limit: number): Promise<readonly Deletion[]> {
    const rows = await this.#query(
      `SELECT user_id, email FROM customerio.deletions WHERE told_at IS NULL AND user_id > $2 ORDER BY user_id LIMIT $1`,
      [limit, afterId ?? ''],
    )
    return rows.map(readDeletion)
  }

  async forgetDeletions(): Promise<void> {
    const { table, id } = this.#sql
    await this.#query(
      `DELETE FROM customerio.deletions d
       WHERE told_at IS NOT NULL AND NOT EXISTS (SELECT FROM ${table} WHERE ${id}::text = d.user_id)`,
    )
  }

  keepWebhook(webhook: UnreadWebhook): Promise<void> {
    return insertWebhook(this.#queries, webhook)
  }

  unreadWebhooks(afterKey: string | undefined, limit: number): Promise<readonly UnreadWebhook[]> {
    return selectWebhooks(this.#queries, afterKey, limit)
  }

  forgetWebhook(key: string): Promise<void> {
    return forgetWebhook(this.#queries, key)
  }

  async #query(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.#queries.query(sql, values)).rows
  }

  async #count(sql: string): Promise<number> {
    return countRow.parse((await this.#query(sql))[0]).count
  }
}

function ignore(): void {}

function unreadable(cause: unknown): never {
  throw isDataError(cause) ? new UnreadableRowError({ cause }) : cause
}

function readDeletion(row: unknown): Deletion {
  const { user_id: userId, email } = deletionRow.parse(row)
  return { userId, email }
}

/** PostgreSQL has no text with a NUL in it. */
function hasNul(text: string): boolean {
  return text.includes('\0')
}

/** How a table may write an address, in lower case: as given, and its domain in letters and in ASCII. */
function spellingsOf(email: string): readonly string[] {
  const mailbox = mailboxOf(email)
  const at = mailbox.lastIndexOf('@')
  const inLetters = `${mailbox.slice(0, at + 1)}${domainToUnicode(mailbox.slice(at + 1))}`
  return [...new Set([email.toLowerCase(), mailbox, inLetters])].filter((each) => !hasNul(each))
}

/**
 * One change of a user's choices at a time. Held until the transaction ends; needs no row to exist. In the order of the
 * locks, so that two that want the same users wait for each other.
 */
async function lockUsers(client: PostgresClient, userIds: readonly string[]): Promise<void> {
  await client.query(
    `SELECT pg_advisory_xact_lock(key) FROM (
       SELECT DISTINCT hashtextextended('customerio ' || id, 0) AS key FROM unnest($1::text[]) AS id ORDER BY 1 OFFSET 0
     ) AS keys`,
    [userIds],
  )
}

async function removeState(client: PostgresQueries, userId: string): Promise<void> {
  for (const table of ['preferences', 'addresses', 'sync_state']) {
    await client.query(`DELETE FROM customerio.${table} WHERE user_id = $1`, [userId])
  }
}
