import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedPostgres, type TestPostgres } from '../testing/postgres.ts'
import { isMigrated, MIGRATIONS_PATH, migrate } from './migrate.ts'

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await startEmbeddedPostgres()
}, 60_000)
afterAll(() => postgres?.[Symbol.asyncDispose]())
beforeEach(() => postgres.pool.query('DROP SCHEMA IF EXISTS customerio CASCADE'))

const query = async (sql: string) => (await postgres.pool.query(sql)).rows
const firstFile = () => readFileSync(join(MIGRATIONS_PATH, '0001_tables.sql'), 'utf8')

it('brings an empty database to the present version, and does nothing again', async () => {
  const { pool } = postgres
  expect(await isMigrated(pool)).toBe(false)
  await migrate(pool)
  await migrate(pool)
  expect(await isMigrated(pool)).toBe(true)
  expect(await query('SELECT version FROM customerio.schema_version ORDER BY 1')).toEqual([
    { version: 1 },
    { version: 2 },
  ])
})

it('takes over tables of before there were versions, with all that is in them', async () => {
  const { pool } = postgres
  await pool.query(firstFile())
  await pool.query('DROP TABLE customerio.schema_version')
  await pool.query(`INSERT INTO customerio.addresses VALUES ('1', 'a@example.com', false, 5);
    INSERT INTO customerio.preferences VALUES ('1', 'topic_7', false, 1, 1, 'application', true, '[]')`)
  await migrate(pool)
  await pool.query(`INSERT INTO customerio.addresses VALUES ('1', 'b@example.com', false, 5);
    INSERT INTO customerio.preferences VALUES ('1', 'channel_in_app', false, 1, 1, 'application', true, '[]')`)
  expect(await query('SELECT address FROM customerio.addresses ORDER BY 1')).toHaveLength(2)
  await expect(pool.query(`UPDATE customerio.preferences SET name = 'fax'`)).rejects.toThrow('preferences_name_check')
})

it('may be run file by file with another tool', async () => {
  for (const file of ['0001_tables.sql', '0002_consent.sql']) {
    await postgres.pool.query(readFileSync(join(MIGRATIONS_PATH, file), 'utf8'))
  }
  expect(await isMigrated(postgres.pool)).toBe(true)
})

it('leaves a schema of a later release alone', async () => {
  await migrate(postgres.pool)
  await postgres.pool.query('INSERT INTO customerio.schema_version (version) VALUES (9)')
  await expect(migrate(postgres.pool)).rejects.toThrow('has version 9, and this release knows 2')
})
