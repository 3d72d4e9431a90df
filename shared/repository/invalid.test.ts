import { migrate, PostgresUserStore, parseMapping, UserMessagingRepository } from './index.ts'
import { insertUser, MAPPING_YAML, RecordingPublisher, USERS_SQL } from './testing/people.ts'
import { startEmbeddedPostgres, type TestPostgres } from './testing/postgres.ts'

const mapping = parseMapping(MAPPING_YAML)
let postgres: TestPostgres
let publisher: RecordingPublisher
let repository: UserMessagingRepository

beforeAll(async () => {
  postgres = await startEmbeddedPostgres()
  await postgres.pool.query(USERS_SQL)
  await migrate(postgres.pool)
}, 60_000)
afterAll(() => postgres?.[Symbol.asyncDispose]())

beforeEach(async () => {
  await postgres.pool.query('TRUNCATE users, customerio.preferences, customerio.sync_state, customerio.deletions')
  publisher = new RecordingPublisher()
  repository = new UserMessagingRepository({ store: new PostgresUserStore(postgres.pool, mapping), mapping, publisher })
})

/** The publishes of these turns break the contract. */
function invalidAt(...turns: number[]): void {
  let turn = 0
  publisher.fault = () => (turns.includes(turn++) ? 'invalid' : 'none')
}

describe('what breaks the contract holds up nobody else', () => {
  it('an address that is none is passed over, and its person is erased by id', async () => {
    invalidAt(1)
    await repository.onUserDeleted({ id: '1', email: 'n/a' })
    expect(publisher.take().map(({ kind }) => kind)).toEqual(['suppress', 'delete'])
    expect(await repository.finishDeletions()).toBe(0)
  })

  it('a deletion of an id that can be nobody at Customer.io is over, and the sync goes on', async () => {
    await insertUser(postgres.pool, 1)
    await postgres.pool.query(`INSERT INTO customerio.deletions VALUES (repeat('x', 151), NULL)`)
    invalidAt(0, 1)
    expect(await repository.syncAll()).toMatchObject({ deletions: 1, changed: 1 })
    expect(await repository.syncAll()).toMatchObject({ deletions: 0 })
  })

  it('a choice that cannot be told is counted as invalid, and those after it are told', async () => {
    for (const id of [1, 2]) await insertUser(postgres.pool, id)
    await repository.syncAll()
    publisher.fault = () => 'refused'
    for (const id of ['1', '2']) await repository.updatePreferences(id, { marketing: false })
    publisher.take()
    invalidAt(0)
    const invalid: string[] = []
    const done = await repository.syncAll({ onInvalid: ({ userId }) => invalid.push(userId) })
    expect(done).toMatchObject({ seen: 2, preferences: 1, invalid: 1 })
    expect(invalid).toEqual(['1'])
    expect(publisher.take()).toMatchObject([{ kind: 'identify', message: { identifiers: { id: '2' } } }])
  })
})
