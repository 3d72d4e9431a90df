import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedPostgres, type TestPostgres } from '../../../shared/repository/testing/postgres.ts'
import type { PubSubEvents } from '../../emulators/pubsub/index.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { seeded } from '../prove/kills.ts'
import { proveSync } from '../prove/sync.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'

// A busy machine takes its time.
jest.setTimeout(180_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-sync-test')
const mapping = join(directory, 'users.yaml')
let stack: Stack
let postgres: TestPostgres
let cio: CommandLine

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  stack = await startStack({ directory, ports, functions: ['identify'] })
  postgres = await startEmbeddedPostgres()
  await postgres.pool.query('CREATE TABLE users (id int PRIMARY KEY, email text, plan text, password text)')
  await postgres.pool.query(
    `INSERT INTO users SELECT n, 'u' || n || '@example.com', 'free', 'secret' FROM generate_series(1, 30) n`,
  )
  writeFileSync(mapping, 'table: users\nnever: [password]\nattributes: { plan: string }\n')
  const { host = '', port, user = '', database = '' } = postgres.pool.options
  const env = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database }
  cio = commandLine(['--endpoints', join(directory, 'endpoints.json')], env)
})

afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]()
  await stack?.close()
})

const sync = (...args: string[]) => cio.run(['sync', '--mapping', mapping, ...args])

it('says what is missing before anything is sent', async () => {
  const [tables, file, nothing] = [
    await sync(),
    await cio.run(['sync', '--mapping', join(directory, 'none.yaml')]),
    await cio.run(['sync']),
  ]
  expect(tables).toMatchObject({ code: 1, stderr: expect.stringContaining('Add --migrate') })
  expect(file).toMatchObject({ code: 2, stderr: expect.stringContaining('no such file') })
  expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining("required option '-m, --mapping <file>'") })
})

it('sends what differs, shows it before, and says which rows cannot be sent', async () => {
  expect(await sync('--migrate')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^30 users in .*: 30 sent, 0 unchanged/),
  })
  const { people } = stack.customerio.workspace
  await stack.customerio.until(() => people.size === 30)

  await postgres.pool.query(`UPDATE users SET plan = 'pro' WHERE id = 7`)
  await postgres.pool.query(`INSERT INTO users VALUES (31, 'new@example.com', 'free', 'secret')`)
  await postgres.pool.query(`UPDATE users SET plan = repeat('x', 1001) WHERE id = 8`)
  const dry = await sync('--dry-run')
  expect(dry.stdout).toContain('~ 7  plan: "free" → "pro"\n')
  expect(dry.stdout).toContain('+ 31  email: "new@example.com", plan: "free"')
  const real = await sync()
  expect(real).toMatchObject({ code: 1, stdout: expect.stringMatching(/2 sent, .*, 1 not valid/) })
  expect(real.stderr).toMatch(/8: .*attributes\.plan: 1001 bytes, at most 1000/)
  expect(`${real.stdout}${real.stderr}`).not.toContain('xxx')
  await postgres.pool.query(`UPDATE users SET plan = 'free' WHERE id = 8`)
  expect(await sync('--json')).toMatchObject({ code: 0 })
})

it('takes up a full sync where it was stopped, with Ctrl-C or for good', async () => {
  const args = ['sync', '--mapping', mapping, '--full', '--rate', '10', '--page-size', '10']
  const { child, ended } = cio.start(args)
  const topic = `projects/${stack.endpoints.projectId}/topics/identify`
  let published = 0
  // Not one of them may hold up an urgent message.
  const count = (event: PubSubEvents['published'][0]) => {
    if (event.topic === topic && event.attributes.lane === 'bulk') published++
  }
  stack.pubsub.events.on('published', count)
  while (published < 10) await once(stack.pubsub.events, 'published')
  stack.pubsub.events.off('published', count)
  child.kill('SIGINT')
  expect(await ended).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(
      /stopped after 10 of 31 users; run the same command again with --resume.*Done before that: 10 users sent\./s,
    ),
  })
  expect(readdirSync(join(directory, 'cio')).filter((file) => file.startsWith('sync-'))).toHaveLength(1)
  // The checkpoint is of that database: it would leave users of another one out.
  const other = await cio.run(['sync', '--mapping', mapping, '--full'], { env: { PGDATABASE: 'other' } })
  expect(other).toMatchObject({ code: 0, stdout: expect.stringMatching(/^31 users .*: 31 sent/) })
  const resumed = await sync('--full', '--resume')
  expect(resumed.stderr).toContain('a full sync was stopped after 10 of 31 users: resuming it')
  expect(resumed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^21 of 31 users .*, 10 before: 21 sent/) })
  expect(readdirSync(join(directory, 'cio')).filter((file) => file.startsWith('sync-'))).toHaveLength(0)
})

it('does not go on from a checkpoint that nobody asked for, or that is old', async () => {
  const stopped = { after: '20', done: 20, total: 31, atMs: Date.now() - 3_600_000 }
  const { child, ended } = cio.start(['sync', '--mapping', mapping, '--full', '--rate', '10', '--page-size', '10'])
  const file = () => readdirSync(join(directory, 'cio')).find((name) => /^sync-.*json$/.test(name))
  while (file() === undefined) await new Promise((resolve) => setTimeout(resolve, 50))
  child.kill('SIGKILL')
  await ended
  const path = join(directory, 'cio', file() ?? '')
  writeFileSync(path, JSON.stringify({ ...stopped, atMs: Date.now() - 25 * 3_600_000 }))
  expect(await sync('--full', '--resume')).toMatchObject({ code: 2, stderr: expect.stringContaining('to resume') })
  writeFileSync(path, JSON.stringify(stopped))
  const whole = await sync('--full')
  expect(whole.stderr).toContain('stopped after 20 of 31 users: --resume goes on there')
  expect(whole).toMatchObject({ code: 0, stdout: expect.stringMatching(/^31 users .*: 31 sent/) })
})

it('counts people whose row is gone, and deletes them only when asked to and confirmed', async () => {
  await postgres.pool.query('DELETE FROM users WHERE id = 31')
  const isThere = () => stack.customerio.workspace.people.find({ kind: 'id', value: '31' }) !== undefined
  expect((await sync()).stdout).toContain('1 user sent before, and no longer in the table (--delete-missing)')
  expect(await sync('--delete-missing')).toMatchObject({ code: 2, stderr: expect.stringContaining('Delete 1 user') })
  expect(isThere()).toBe(true)
  expect(await sync('--delete-missing', '--yes')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 missing user deleted'),
  })
  await stack.customerio.until(() => !isThere())
  expect((await sync()).stdout).not.toContain('no longer in the table')
  await postgres.pool.query(`INSERT INTO users VALUES (31, 'new@example.com', 'free', 'secret')`)
})

// prove/prove.long.test.ts kills more often.
it('killed at a random point and resumed, brings everybody to Customer.io as they are, and nobody twice', async () => {
  await postgres.pool.query('DROP TABLE users; DROP SCHEMA customerio CASCADE')
  stack.customerio.workspace.clear()
  const proof = { stack, cio, pool: postgres.pool, directory, users: 1_500, kills: 1, random: seeded(7) }
  expect(await proveSync(proof)).toMatchObject({ killed: 1, different: [], sentAgain: 0 })
})
