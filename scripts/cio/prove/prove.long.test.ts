import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedPostgres, type TestPostgres } from '../../../shared/repository/testing/postgres.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { type CommandLine, commandLine } from '../testing/command-line.ts'
import { seeded } from './kills.ts'
import { proveReplay } from './replay.ts'
import { proveSync } from './sync.ts'
import { proveTopicReplay } from './topic.ts'

/** The short form of prove.ts, which kills ten times and syncs 100,000 users. */
jest.setTimeout(180_000)

const directory = join(PROJECT_ROOT, '.local', 'prove-long-test')
const KILLS = 3
let stack: Stack
let cio: CommandLine
let postgres: TestPostgres

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  stack = await startStack({
    ...{ directory, ports: { all: 0 }, environment: { SEND_LEDGER_SETTLE_SECONDS: '0' } },
    customerio: { deliveryDelayMs: 600_000 },
  })
  postgres = await startEmbeddedPostgres()
  cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
})
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]()
  await stack?.close()
})

it('dlq replay, killed at random points and resumed, sends each exactly once', async () => {
  const proven = await proveReplay({ stack, cio, letters: 200, kills: KILLS, random: seeded(11) })
  expect(proven).toMatchObject({ killed: KILLS, leftBehind: 0, lost: [], twice: [] })
})

it.each([
  ['changes nothing that was delivered', 300, 100, undefined],
  ['with --map changes exactly what the mapping changes', 90, 10, directory],
])('replay, killed at random points and resumed, %s', async (_what, messages, each, mapIn) => {
  const proof = { stack, cio, messages, kills: KILLS, random: seeded(7) }
  const proven = await proveTopicReplay({ ...proof, ...(mapIn !== undefined && { mapIn }) })
  expect(proven).toMatchObject({
    killed: KILLS,
    counted: { identify: each, track: each, transactional: each },
    wrong: { people: 0, events: 0, sends: 0 },
    left: [],
  })
})

it('sync, killed at random points and resumed, brings everybody to Customer.io as they are, and nobody twice', async () => {
  const proof = { stack, cio, pool: postgres.pool, directory, users: 1_500, kills: KILLS, random: seeded(7) }
  expect(await proveSync(proof)).toMatchObject({ killed: KILLS, different: [], sentAgain: 0 })
})
