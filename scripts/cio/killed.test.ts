import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedPostgres, type TestPostgres } from '../../shared/repository/testing/postgres.ts'
import { type Stack, startStack } from '../local/stack.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { seeded } from './prove/kills.ts'
import { proveReplay } from './prove/replay.ts'
import { proveSync } from './prove/sync.ts'
import { type CommandLine, commandLine } from './testing/command-line.ts'

// The short form of prove/prove.ts, which kills ten times and syncs 100,000 users.
const directory = join(PROJECT_ROOT, '.local', 'cio-killed-test')
const KILLS = 3
let stack: Stack
let cio: CommandLine

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  stack = await startStack({ directory, ports, functions: ['identify', 'transactional'] })
  cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
}, 90_000)

afterAll(() => stack?.close())

describe('killed at random points and resumed', () => {
  let postgres: TestPostgres | undefined
  afterEach(async () => {
    await postgres?.[Symbol.asyncDispose]()
    postgres = undefined
  })

  it('sync brings every user to Customer.io as they are in the table, and a second run sends nothing', async () => {
    postgres = await startEmbeddedPostgres()
    const proof = { stack, cio, pool: postgres.pool, directory, users: 3_000, kills: KILLS, random: seeded(7) }
    expect(await proveSync(proof)).toMatchObject({ killed: KILLS, different: [], sentAgain: 0 })
  }, 90_000)

  it('dlq replay leaves none behind, loses none and sends each exactly once', async () => {
    const proof = { stack, cio, letters: 300, kills: KILLS, random: seeded(11) }
    expect(await proveReplay(proof)).toMatchObject({ killed: KILLS, leftBehind: 0, lost: [], twice: [] })
  }, 90_000)
})
