import pg from 'pg'
import { migrate, PostgresUserStore, UserMessagingRepository } from './index.ts'
import { inTransaction } from './postgres/transaction.ts'
import { RecordingPublisher } from './testing/people.ts'
import { hasPostgresServer, startEmbeddedPostgres, startPostgresServer, type TestPostgres } from './testing/postgres.ts'
import { PEOPLE, robustOn } from './testing/robustness-contract.ts'

/** Tables as applications really have them: rows that cannot be read, and many processes at once. */

robustOn('PostgreSQL in WebAssembly', startEmbeddedPostgres)
if (hasPostgresServer()) {
  describe('many at once on a PostgreSQL server', () => {
    let postgres: TestPostgres
    const USERS = 300
    beforeAll(async () => {
      postgres = await startPostgresServer()
      await postgres.pool.query(
        `CREATE TABLE people AS SELECT n AS id, n || '@example.com' AS email, 30 AS age, '[]'::json AS tags
         FROM generate_series(1, ${USERS}) n ORDER BY random()`,
      )
      await postgres.pool.query('ALTER TABLE people ADD PRIMARY KEY (id)')
      await Promise.all([1, 2, 3].map(() => migrate(postgres.pool)))
    }, 60_000)
    afterAll(() => postgres?.[Symbol.asyncDispose]())

    it('46 forced syncs with choices that wait deadlock nobody', async () => {
      const publisher = new RecordingPublisher()
      const store = new PostgresUserStore(postgres.pool, PEOPLE)
      const repository = new UserMessagingRepository({ store, mapping: PEOPLE, publisher })
      publisher.fault = () => 'refused'
      for (let id = 1; id <= 20; id++) await repository.updatePreferences(String(id * 7), { marketing: false })
      publisher.fault = () => 'none'
      const runs = await Promise.allSettled(
        Array.from({ length: 46 }, (_, run) => repository.syncAll({ force: true, pageSize: 20 + (run % 5) * 60 })),
      )
      expect(runs.filter(({ status }) => status === 'rejected')).toEqual([])
      expect(await repository.syncAll()).toMatchObject({ seen: USERS, invalid: 0 })
      expect(await repository.syncAll()).toMatchObject({ unchanged: USERS })
    }, 120_000)

    it('a deadlock that the application’s own transaction makes is not the caller’s', async () => {
      const { pool } = postgres
      const repository = new UserMessagingRepository({
        store: new PostgresUserStore(pool, PEOPLE),
        mapping: PEOPLE,
        publisher: new RecordingPublisher(),
      })
      await repository.syncAll()
      const other = await pool.connect()
      try {
        await other.query(`BEGIN; SET LOCAL deadlock_timeout = '1h'`)
        await other.query(`SELECT FROM customerio.sync_state WHERE user_id = '99' FOR UPDATE`)
        // Locks `10` … `98` in order, and waits for `99`; the other one then waits for `10`.
        const syncing = repository.syncAll({ force: true })
        await waiting(pool, 1)
        const theirs = other.query(`SELECT FROM customerio.sync_state WHERE user_id = '10' FOR UPDATE`)
        await theirs
        await other.query('COMMIT')
        expect(await syncing).toMatchObject({ changed: USERS })
      } finally {
        other.release()
      }
    }, 60_000)

    it('a transaction whose connection is lost is rejected, and the next one has another', async () => {
      const { pool } = postgres
      const lost = inTransaction(pool, (client) => client.query('SELECT pg_terminate_backend(pg_backend_pid())'))
      await expect(lost).rejects.toThrow('terminating connection')
      await expect(inTransaction(pool, (client) => client.query('SELECT 1 AS one'))).resolves.toMatchObject({
        rows: [{ one: 1 }],
      })
    })

    it('a connection that the server ends while it is idle does not end the process', async () => {
      const pool = new pg.Pool({ ...postgres.pool.options, max: 1 })
      const store = new PostgresUserStore(pool, PEOPLE)
      expect(await store.countUsers()).toBe(USERS)
      const lost = new Promise((resolve) => pool.once('remove', resolve))
      await postgres.pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'idle'
           AND datname = current_database() AND query LIKE 'SELECT count(%'`,
      )
      await lost
      expect(await store.countUsers()).toBe(USERS)
      await pool.end()
    })
  })
}

/** Resolves when so many transactions of this database wait for a lock. */
async function waiting(pool: pg.Pool, count: number): Promise<void> {
  for (;;) {
    const { rows } = await pool.query(`SELECT count(*)::int AS n FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE NOT granted AND datname = current_database()`)
    if (rows[0].n >= count) return
  }
}
