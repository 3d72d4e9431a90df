import { migrate, PostgresUserStore, parseMapping, UserMessagingRepository } from '../index.ts'
import { RecordingPublisher } from './people.ts'
import type { TestPostgres } from './postgres.ts'
import { clickWebhook } from './webhooks.ts'

const SECOND = 1_763_740_000
/** Of tables as applications really have them. */
export const PEOPLE = parseMapping('{ table: people, never: [], attributes: { age: number, tags: json } }')

/** Rows that cannot be read harm no other. */
export function robustOn(name: string, start: () => Promise<TestPostgres>): void {
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
        store: new PostgresUserStore(postgres.pool, PEOPLE),
        mapping: PEOPLE,
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
