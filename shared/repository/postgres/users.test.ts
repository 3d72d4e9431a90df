import { parseMapping } from '../mapping.ts'
import { startEmbeddedPostgres, type TestPostgres } from '../testing/postgres.ts'
import { migrate } from './migrate.ts'
import { PostgresUserStore } from './store.ts'

let postgres: TestPostgres

beforeAll(async () => {
  postgres = await startEmbeddedPostgres()
  await postgres.pool.query(
    `CREATE TABLE users (id text PRIMARY KEY, email text, plan text, password_hash text, ends_at timestamptz)`,
  )
  await postgres.pool.query(`INSERT INTO users VALUES ('ada', 'ada@example.com', 'pro', 'SECRET', 'infinity')`)
  await migrate(postgres.pool)
}, 60_000)
afterAll(() => postgres?.[Symbol.asyncDispose]())

const storeOf = (attributes: object) =>
  new PostgresUserStore(
    postgres.pool,
    parseMapping(JSON.stringify({ table: 'users', never: ['password_hash'], attributes })),
  )

describe('a mapped column', () => {
  // PostgreSQL reads `u.to_jsonb` as `to_jsonb(u)` and a bare `users` as the row of users, where no column is called so.
  it.each(['to_jsonb', 'row_to_json', 'users', 'u', 'users_'])(
    'that is not there is an error, and not the whole row: %s',
    async (column) => {
      const store = storeOf({ all: { column, type: 'json' } })
      await expect(store.findUser('ada')).rejects.toThrow(`column "${column}" does not exist`)
      await expect(store.page(undefined, 10)).rejects.toThrow(`column "${column}" does not exist`)
    },
  )

  it('reaches an attribute whose name is longer than a name of PostgreSQL, and no other', async () => {
    const long = 'a'.repeat(140)
    const store = storeOf({
      [`${long}1`]: { column: 'plan', type: 'string' },
      [`${long}2`]: { column: 'id', type: 'string' },
    })
    expect((await store.findUser('ada'))?.values).toEqual({ [`${long}1`]: 'pro', [`${long}2`]: 'ada' })
  })

  it('that holds an infinite time fails nobody else', async () => {
    const page = await storeOf({ ends_at: 'timestamp' }).page(undefined, 10)
    expect(page).toMatchObject([{ user: { id: 'ada', values: { ends_at: 'Infinity' } } }])
  })
})
