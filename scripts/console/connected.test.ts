import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { commandLine, type Started } from '../cio/testing/command-line.ts'
import { type Stack, startStack } from '../local/stack.ts'
import { answering, startRecordingServer } from '../testing/recording-server.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { consoleClient } from './testing/client.ts'

// A busy machine takes its time.
jest.setTimeout(60_000)

const directory = join(PROJECT_ROOT, '.local', 'console-connected-test')
let stack: Stack
let google: Awaited<ReturnType<typeof startRecordingServer>>
const started: Started[] = []

// The stores only, for a command that takes them for a project's.
beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  google = await startRecordingServer()
  google.answerWith(answering(200, { timeSeries: [] }))
  stack = await startStack({ directory, ports: { all: 0 }, functions: [] })
})
afterAll(async () => {
  await Promise.all([stack?.close(), google?.close()])
})
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGTERM')
    await ended
  }
  await stack.client.subscription('identify-dead-letter').seek(new Date(Date.now() + 60_000))
})

/** The command as a person starts it for a deployment, and what its page can ask. */
async function start(...options: readonly string[]) {
  const { endpoints } = stack
  const cio = commandLine(['--project', endpoints.projectId, '--region', 'us'], {
    PUBSUB_EMULATOR_HOST: endpoints.PUBSUB_EMULATOR_HOST,
    FIRESTORE_EMULATOR_HOST: endpoints.FIRESTORE_EMULATOR_HOST,
    BIGQUERY_EMULATOR_HOST: endpoints.BIGQUERY_EMULATOR_HOST,
    GOOGLE_APIS_EMULATOR_HOST: new URL(google.url).host,
    CIO_STATE_DIR: join(directory, 'state'),
  })
  const command = cio.start(['console', ...options])
  started.push(command)
  const output = command.child.stdout
  if (output === null) throw new Error('the command has no output')
  const [chunk] = await once(output, 'data')
  const url = String(chunk).trim()
  const page = await (await fetch(url)).text()
  const facts = JSON.parse(/name="console" content="([^"]*)"/.exec(page)?.[1]?.replaceAll('&quot;', '"') ?? 'null')
  return { ...command, facts, ...consoleClient({ url, token: facts.token }) }
}

const leased = () =>
  stack.pubsub.stats(`projects/${stack.endpoints.projectId}/subscriptions/identify-dead-letter`).leased

async function deadLetter(): Promise<string> {
  return await stack.client.topic('identify-dead-letter').publishMessage({
    json: { identifiers: { id: 'ada-77', extra: 1 } },
    attributes: { reason: 'contract', error: 'identifiers.extra: unknown field' },
  })
}

it('serves a deployment masked and read-only, and gives back what it held when it ends', async () => {
  const messageId = await deadLetter()
  const { child, ended, facts, get, post } = await start()
  expect(facts).toMatchObject({ deployed: true, environment: expect.stringContaining('local-project') })
  expect(facts.areas).toContain('dead-letters')
  // Nothing is pulled before somebody asks.
  expect(await get('/api/dead-letters')).toMatchObject({ body: { state: { phase: 'none' }, allowActions: false } })
  expect(leased()).toBe(0)
  await post('/api/dead-letters/look', { sources: ['identify'] })
  expect(leased()).toBe(1)
  const shown = await get(`/api/dead-letters/${messageId}`)
  expect(shown).toMatchObject({ body: { masked: true, problems: [{ field: 'identifiers.extra' }] } })
  expect(JSON.stringify(shown)).not.toContain('ada-77')
  expect(await post('/api/dead-letters/replay', { messageIds: [messageId], force: true })).toMatchObject({
    status: 403,
    body: { error: { message: 'this console only reads: start it with --allow-actions' } },
  })
  child.kill('SIGINT')
  expect(await ended).toMatchObject({ code: 0, stderr: expect.stringContaining('It only reads.') })
  expect(leased()).toBe(0)
})

it('acts with --allow-actions, by the guards of the command line', async () => {
  const messageId = await deadLetter()
  const { post } = await start('--allow-actions')
  await post('/api/dead-letters/look', { sources: ['identify'] })
  const replay = { messageIds: [messageId] }
  expect(await post('/api/dead-letters/replay', replay)).toMatchObject({
    body: { replayed: [], skipped: [{ messageId, why: expect.stringContaining('it breaks the contract') }] },
  })
  expect(await post('/api/dead-letters/replay', { ...replay, force: true })).toMatchObject({
    body: { replayed: [messageId] },
  })
})

it('refuses a port that is taken, and says so', async () => {
  const port = new URL(stack.endpoints.customerio).port
  const cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
  const { ended } = cio.start(['console', '--port', port])
  expect(await ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('EADDRINUSE') })
})
