import type { Pool } from 'pg'
import { parseMapping } from '../mapping.ts'
import { migrate } from '../postgres/migrate.ts'
import type { PostgresPool, PostgresQueries } from '../postgres/pool.ts'
import { PostgresUserStore } from '../postgres/store.ts'
import type { TestPostgres } from './postgres.ts'
import { type StoreUnderTest, USER_STORE_CONTRACT } from './user-store-contract.ts'

const mapping = parseMapping('{ table: users, never: [], attributes: { plan: string } }')

/** The contract of user stores for the one in PostgreSQL. */
export function postgresUserStoreWorksOn(name: string, start: () => Promise<TestPostgres>): void {
  describe(`PostgresUserStore on ${name}`, () => {
    let postgres: TestPostgres
    beforeAll(async () => {
      postgres = await start()
      await postgres.pool.query('CREATE TABLE users (id bigint PRIMARY KEY, email text, plan text)')
      await migrate(postgres.pool)
    }, 60_000)
    afterAll(() => postgres?.[Symbol.asyncDispose]())

    const underTest = async (storePool: (pool: Pool) => PostgresPool): Promise<StoreUnderTest> => {
      const { pool } = postgres
      await pool.query(
        `TRUNCATE users, customerio.preferences, customerio.addresses, customerio.sync_state, customerio.deletions,
           customerio.unread_webhooks`,
      )
      return {
        store: new PostgresUserStore(storePool(pool), mapping),
        putUser: async (id, { email, plan }) => {
          await pool.query('INSERT INTO users VALUES ($1, $2, $3)', [id, email, plan])
        },
        deleteUser: async (id) => {
          await pool.query('DELETE FROM users WHERE id = $1', [id])
        },
      }
    }

    it.each(USER_STORE_CONTRACT)('$name', async ({ run }) => run(await underTest((pool) => pool)))

    it.each(USER_STORE_CONTRACT)('$name, though another transaction is in the way of each query', async ({ run }) =>
      run(await underTest(conflicting)),
    )
  })
}

/** A pool where each statement fails at first as PostgreSQL's do when transactions are in each other's way. */
function conflicting(pool: Pool): PostgresPool {
  const failed = new Set<string>()
  const withConflicts =
    (queryable: PostgresQueries): PostgresQueries['query'] =>
    async (sql, values) => {
      if (sql !== 'ROLLBACK' && !failed.has(sql)) {
        failed.add(sql)
        throw Object.assign(new Error('in the way'), { code: failed.size % 2 === 0 ? '40P01' : '40001' })
      }
      return queryable.query(sql, values)
    }
  return {
    query: withConflicts(pool),
    connect: async () => {
      const client = await pool.connect()
      return {
        query: withConflicts(client),
        on: (event, listener) => client.on(event, listener),
        off: (event, listener) => client.off(event, listener),
        release: (error) => client.release(error),
      }
    },
    on: (event, listener) => pool.on(event, listener),
    off: (event, listener) => pool.off(event, listener),
  }
}
