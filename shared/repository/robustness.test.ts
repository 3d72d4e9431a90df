import pg from 'pg'
import { migrate, PostgresUserStore, parseMapping, UserMessagingRepository } from './index.ts'
import { RecordingPublisher } from './testing/people.ts'
import { hasPostgresServer, startEmbeddedPostgres, startPostgresServer, type TestPostgres } from './testing/postgres.ts'
import { clickWebhook } from './testing/webhooks.ts'

/** Tables as applications really have them: rows that cannot be read, and many processes at once. */

const SECOND = 1_763_740_000
const mapping = parseMapping('{ table: people, never: [], attributes: { age: number, tags: json } }')

function describeOn(name: string, start: () => Promise<TestPostgres>): void {
  describe(`on ${name}`, () => {
    let postgres: TestPostgres
    let publisher: RecordingPublisher
    let repository: UserMessagingRepository
    beforeAll(async () => {
      postgres = await start()
      await migrate(postgres.pool)
    }, 60_000)
    afterAll(() => postgres?.[Symbol.asyncDispose]())

    beforeEach(async () => {
      await postgres.pool.query(`
        DROP VIEW IF EXISTS people;
        DROP TABLE IF EXISTS members;
        CREATE TABLE members (id text, email text, age_text text, tags json);
        CREATE VIEW people AS SELECT id, email, age_text::int AS age, tags FROM members;
        TRUNCATE customerio.preferences, customerio.addresses, customerio.sync_state, customerio.deletions`)
      await postgres.pool.query(
        `INSERT INTO members SELECT n::text, n || '@example.com', '30', '["a"]' FROM generate_series(1, 9) n`,
      )
      publisher = new RecordingPublisher()
      repository = open()
    })
    const open = () =>
      new UserMessagingRepository({
        store: new PostgresUserStore(postgres.pool, mapping),
        mapping,
        publisher,
        now: () => SECOND * 1_000,
      })

    it('a row that fails to be computed is one reported row', async () => {
      await postgres.pool.query(`UPDATE members SET age_text = 'old' WHERE id IN ('4', '9')`)
      const invalid: unknown[] = []
      const done = await repository.syncAll({ pageSize: 5, onInvalid: (user) => invalid.push(user) })
      expect(done).toMatchObject({ seen: 9, changed: 7, invalid: 2, checkpoint: '9' })
      const problem = 'the row cannot be read: a column of it fails to be computed'
      expect(invalid).toEqual([
        { userId: '4', problem },
        { userId: '9', problem },
      ])
      await expect(repository.syncUser('4')).rejects.toThrow(problem)
    })

    it('the opt-out of a row that fails to be computed is kept, and told', async () => {
      await postgres.pool.query(`UPDATE members SET age_text = 'old' WHERE id = '4'`)
      expect(await repository.handleWebhookEvent(clickWebhook('4', 'unsubscribed', SECOND))).toMatchObject({
        kind: 'handled',
        userId: '4',
      })
      expect((await repository.getPreferences('4')).marketing).toBe(false)
      publisher.fault = () => 'refused'
      await repository.updatePreferences('4', { topics: { 7: false } })
      publisher.fault = () => 'none'
      await repository.syncAll()
      expect(publisher.takeAttributes()).toContainEqual({ 'cio_subscription_preferences.topics.topic_7': false })
      await repository.onUserDeleted({ id: '4' })
    })

    it('a NUL in JSON holds up nobody, and rows without a key are reported', async () => {
      await postgres.pool.query(`UPDATE members SET tags = '["\\u0000"]' WHERE id = '2'`)
      await postgres.pool.query(`INSERT INTO members VALUES (NULL, 'x@example.com'), (NULL, 'y@example.com')`)
      const invalid: unknown[] = []
      const done = await repository.syncAll({ onInvalid: (user) => invalid.push(user) })
      expect(done).toMatchObject({ seen: 9, changed: 9, invalid: 2 })
      expect(invalid).toEqual([{ userId: '', problem: 'rows without a key: 2' }])
      expect(publisher.takeAttributes()).toContainEqual(expect.objectContaining({ tags: ['\0'] }))
    })

    it('a dry run finds invalid what the run finds invalid', async () => {
      await postgres.pool.query(`UPDATE members SET age_text = 'old' WHERE id = '3'`)
      await postgres.pool.query(`UPDATE members SET tags = to_json(repeat('x', 1001)) WHERE id = '5'`)
      await postgres.pool.query(`UPDATE members SET id = repeat('7', 151) WHERE id = '7'`)
      const problems = async (dryRun: boolean) => {
        const invalid: unknown[] = []
        const { unchanged, changed, preferences } = await repository.syncAll({
          dryRun,
          onInvalid: (user) => invalid.push(user),
        })
        return { invalid, unchanged, changed, preferences }
      }
      await repository.updatePreferences('8', { marketing: false })
      publisher.check = true
      const dry = await problems(true)
      expect(dry.invalid).toHaveLength(3)
      expect(await problems(false)).toEqual(dry)
    })

    it('a dead letter that is noted while its user is published again makes the next sync send them', async () => {
      publisher.before = () => repository.onDeadLetter({ data: JSON.stringify({ identifiers: { id: '1' } }) })
      await repository.syncUser('1')
      expect(await repository.syncUser('1')).toBe('published')
      publisher.before = undefined
      await repository.syncUser('1')
      expect(await repository.syncUser('1')).toBe('unchanged')
    })

    it('choices that wait are published many at a time', async () => {
      publisher.fault = () => 'refused'
      for (let id = 1; id <= 9; id++) await repository.updatePreferences(String(id), { marketing: false })
      publisher.fault = () => 'none'
      let underWay = 0
      let most = 0
      publisher.before = async () => {
        most = Math.max(most, ++underWay)
        await new Promise(setImmediate)
        underWay--
      }
      expect(await repository.syncAll()).toMatchObject({ preferences: 9 })
      expect(most).toBe(9)
    })
  })
}

describeOn('PostgreSQL in WebAssembly', startEmbeddedPostgres)
if (hasPostgresServer()) {
  describeOn('a PostgreSQL server', startPostgresServer)

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
      const store = new PostgresUserStore(postgres.pool, mapping)
      const repository = new UserMessagingRepository({ store, mapping, publisher })
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
        store: new PostgresUserStore(pool, mapping),
        mapping,
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

    it('a connection that the server ends while it is idle does not end the process', async () => {
      const pool = new pg.Pool({ ...postgres.pool.options, max: 1 })
      const store = new PostgresUserStore(pool, mapping)
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
