import { parseMapping } from './mapping.ts'
import { migrate } from './postgres/migrate.ts'
import { PostgresUserStore } from './postgres/store.ts'
import { MemoryUserStore } from './testing/memory-user-store.ts'
import { hasPostgresServer, startEmbeddedPostgres, startPostgresServer, type TestPostgres } from './testing/postgres.ts'
import { type StoreUnderTest, USER_STORE_CONTRACT } from './testing/user-store-contract.ts'

const mapping = parseMapping('{ table: users, never: [], attributes: { plan: string } }')

describe('MemoryUserStore', () => {
  it.each(USER_STORE_CONTRACT)('$name', async ({ run }) => {
    const store = new MemoryUserStore(() => 1_763_740_000)
    await run({
      store,
      putUser: async (id, { email, plan }) => void store.users.set(id, { id, email, values: { plan } }),
      deleteUser: async (id) => void store.users.delete(id),
    })
  })
})

function describeOn(name: string, start: () => Promise<TestPostgres>): void {
  describe(`PostgresUserStore on ${name}`, () => {
    let postgres: TestPostgres
    beforeAll(async () => {
      postgres = await start()
      await postgres.pool.query('CREATE TABLE users (id bigint PRIMARY KEY, email text, plan text)')
      await migrate(postgres.pool)
    }, 60_000)
    afterAll(() => postgres?.[Symbol.asyncDispose]())

    it.each(USER_STORE_CONTRACT)('$name', async ({ run }) => {
      const { pool } = postgres
      await pool.query(
        `TRUNCATE users, customerio.preferences, customerio.addresses, customerio.sync_state, customerio.deletions,
           customerio.unread_webhooks`,
      )
      const under: StoreUnderTest = {
        store: new PostgresUserStore(pool, mapping),
        putUser: async (id, { email, plan }) => {
          await pool.query('INSERT INTO users VALUES ($1, $2, $3)', [id, email, plan])
        },
        deleteUser: async (id) => {
          await pool.query('DELETE FROM users WHERE id = $1', [id])
        },
      }
      await run(under)
    })
  })
}

describeOn('PostgreSQL in WebAssembly', startEmbeddedPostgres)
if (hasPostgresServer()) describeOn('a PostgreSQL server', startPostgresServer)
