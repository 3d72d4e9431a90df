import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { commandLine, type Started } from '../cio/testing/command-line.ts'
import { type Stack, startStack } from '../local/stack.ts'
import { answering, startRecordingServer } from '../testing/recording-server.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { openConsole } from './testing/client.ts'

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

/** The command line of a person who works with a deployment. */
function ofDeployment() {
  const { endpoints } = stack
  return commandLine(['--project', endpoints.projectId, '--region', 'us'], {
    PUBSUB_EMULATOR_HOST: endpoints.PUBSUB_EMULATOR_HOST,
    FIRESTORE_EMULATOR_HOST: endpoints.FIRESTORE_EMULATOR_HOST,
    BIGQUERY_EMULATOR_HOST: endpoints.BIGQUERY_EMULATOR_HOST,
    GOOGLE_APIS_EMULATOR_HOST: new URL(google.url).host,
    CIO_STATE_DIR: join(directory, 'state'),
  })
}

/** The command as a person starts it for a deployment, and what its page can ask. */
async function open(...options: readonly string[]) {
  const command = ofDeployment().start(['console', ...options])
  const output = command.child.stdout
  if (output === null) throw new Error('the command has no output')
  const [chunk] = await once(output, 'data')
  const address = String(chunk).trim()
  return { ...command, address, ...(await openConsole(address)) }
}

/** One that ends with its test. */
async function start(...options: readonly string[]) {
  const console = await open(...options)
  started.push(console)
  return console
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
  // As the page tells them to whoever would rather type.
  expect(facts.flags).toBe('--project local-project --region us')
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

/** Writes a line of the record, as a function's sink does, and waits until it is a row. */
async function recorded(messageId: string, at: string, line: object): Promise<void> {
  const { pubsub, topology, endpoints } = stack
  const written = once(pubsub.events, 'acknowledged')
  const entry = {
    ...{ timestamp: at, insertId: messageId, labels: { function: 'transactional' } },
    jsonPayload: {
      event: 'message',
      topic: 'transactional',
      message_id: messageId,
      publish_time: at,
      attempt: 1,
      ...line,
    },
  }
  pubsub.publish(`projects/${endpoints.projectId}/topics/${topology.record.topic}`, [JSON.stringify(entry)])
  await written
}

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10)
/** A trace looks back a week. */
const [EARLIER, LATER] = [daysAgo(3), daysAgo(2)]

describe('a console that only reads', () => {
  let console: Awaited<ReturnType<typeof open>>
  beforeAll(async () => {
    console = await open()
  })
  afterAll(async () => {
    console.child.kill('SIGTERM')
    await console.ended
  })

  it('answers nobody who was not given its address with the key', async () => {
    const { address } = console
    expect(new URL(address).searchParams.get('key')).toMatch(/^[\w-]{32}$/)
    for (const path of ['/', '/?key=', '/?key=guessed', '/api/dead-letters', '/api/live', '/page.js']) {
      const answer = await fetch(new URL(path, address), { redirect: 'manual' })
      expect([path, answer.status, answer.headers.get('set-cookie')]).toEqual([path, 401, null])
    }
  })

  it('looks messages up in the record by days, and one of them with what came back, on demand only', async () => {
    const sent = { outcome: 'delivered', answer: 204, channel: 'email', template: '3', delivery_id: 'd-1' }
    const event = { outcome: 'delivered', answer: 204, topic: 'track', event_name: 'mail ada@example.com' }
    await recorded('100', `${EARLIER}T09:00:00.000Z`, event)
    await recorded('101', `${EARLIER}T10:00:00.000Z`, sent)
    const doubtful = { outcome: 'refused', reason: 'uncertain', answer: 204, channel: 'email' }
    await recorded('102', `${LATER}T10:00:00.000Z`, doubtful)
    const { facts, get, post } = console
    expect(facts).toMatchObject({ areas: expect.arrayContaining(['messages', 'message']), feeds: ['dead-letters'] })
    const days = `from=${EARLIER}&to=${LATER}`
    expect(await get(`/api/recorded/bytes?${days}`)).toMatchObject({ status: 200, body: { bytes: expect.any(Number) } })
    expect(await get(`/api/recorded?${days}`)).toMatchObject({
      body: {
        rows: [
          {
            id: '102',
            topic: 'transactional',
            what: 'email',
            outcome: 'uncertain',
            publishedAtMs: Date.parse(`${LATER}T10:00:00Z`),
          },
          { id: '101', outcome: 'delivered', template: '3', attempts: 1, latencyMs: 0 },
          { id: '100', what: expect.stringContaining('mail •••') },
        ],
        more: false,
      },
    })
    expect(await get(`/api/recorded?from=${EARLIER}&to=${EARLIER}`)).toMatchObject({
      body: { rows: [{ id: '101' }, { id: '100' }] },
    })
    expect(await get('/api/messages/101/bytes')).toMatchObject({ status: 200, body: { bytes: expect.any(Number) } })
    expect(await get('/api/messages/101')).toMatchObject({
      body: { journeys: [{ title: 'transactional: email, template 3', state: 'accepted' }] },
    })
    expect(await post('/api/messages/101/publish')).toMatchObject({ status: 404 })

    // The command line lists the same, by the filter of the page.
    const list = (...args: string[]) => ofDeployment().run(['messages', '--json', ...args])
    const ids = ({ stdout }: { readonly stdout: string }) => JSON.parse(stdout).map(({ id }: { id: string }) => id)
    const all = await list('--since', '5d')
    expect(all.stderr).toMatch(/reads at most .* of BigQuery/)
    expect(JSON.parse(all.stdout)).toMatchObject([
      { id: '102', outcome: 'uncertain' },
      { id: '101', publishedAt: `${EARLIER}T10:00:00.000Z`, template: '3', attempts: 1, latencyMs: 0 },
      { id: '100', what: expect.stringContaining('mail •••') },
    ])
    expect(ids(await list('--since', '5d', 'outcome:uncertain', 'topic:transactional'))).toEqual(['102'])
    expect(ids(await list('--since', '5d', '--limit', '1', 'attempts:1 -outcome:uncertain'))).toEqual(['101'])
    expect(ids(await list('--since', '1h'))).toEqual([])
    expect(await list('topics:track')).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no topics') })
    expect((await ofDeployment().run(['messages', '--since', '5d', 'name:email'])).stdout).toMatch(
      /^id +published +topic .*\n102 .*\n101 .*3 +delivered/,
    )
  })

  it.each([
    ['from=2026-11-21&to=2026-11-20', 'to'],
    ['from=yesterday&to=2026-11-20', 'from'],
    ["from=2026-11-20&to=2026-11-20'; DROP TABLE x; --", 'to'],
  ])('refuses the days %s by the field at fault', async (days, field) => {
    expect(await console.get(`/api/recorded?${days}`)).toMatchObject({ status: 400, body: { error: { field } } })
  })
})

it('refuses a port that is taken, and says so', async () => {
  const port = new URL(stack.endpoints.customerio).port
  const cio = commandLine(['--endpoints', join(directory, 'endpoints.json')])
  const { ended } = cio.start(['console', '--port', port])
  expect(await ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('EADDRINUSE') })
})
