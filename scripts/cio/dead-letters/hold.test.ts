import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type Stack, startStack } from '../../local/stack.ts'
import { PROJECT_ROOT } from '../../topology/topology.ts'
import { type Connection, connect } from '../connection.ts'
import { Done } from '../done.ts'
import { Output } from '../output.ts'
import { createPrompts } from '../prompts.ts'
import { planReplay, purgeHeld, replayEdited, replayHeld, settleHeld } from './actions.ts'
import type { ReplayRules } from './assess.ts'
import { Hold } from './hold.ts'
import { Journal } from './journal.ts'
import { tellOfReveal } from './record.ts'
import { show } from './show.ts'
import { sourcesOf } from './source.ts'

// A busy machine takes its time.
jest.setTimeout(60_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-hold-test')
const RULES: ReplayRules = { acceptDuplicates: false, force: false, maxReplays: 3 }
const EVENT = { identifiers: { id: 'ada' }, name: 'x' }
const BROKEN = { identifiers: { id: 'ada' }, nam: 'x' }

let stack: Stack
let connection: Connection
let hold: Hold
/** How far the operator's clock is ahead: a machine that slept. */
let sleptMs: number

// The stores only: what is replayed stays in its topic.
beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  stack = await startStack({ directory, ports: { all: 0, pubsub: 0 }, functions: [] })
  connection = await connect({ local: true, endpoints: join(directory, 'endpoints.json') })
})
afterAll(async () => {
  await connection?.close()
  await stack?.close()
})

beforeEach(() => {
  sleptMs = 0
})
afterEach(async () => {
  await hold[Symbol.asyncDispose]()
  for (const name of ['identify', 'track', 'identify-dead-letter', 'track-dead-letter']) {
    await stack.client.subscription(name).seek(new Date(Date.now() + 60_000))
  }
})

const contextWith = (said: string[] = []) => {
  const stream = new PassThrough().on('data', (chunk: Buffer) => said.push(chunk.toString()))
  return {
    connection,
    output: new Output({ json: false, streams: { stdout: stream, stderr: stream } }),
    now: () => Date.now() + sleptMs,
    signal: new AbortController().signal,
    done: new Done(),
  }
}

async function deadLetter(source: string, body: object, attributes: Record<string, string> = {}): Promise<string> {
  const data = Buffer.from(JSON.stringify(body))
  const facts = { reason: 'exhausted', error: 'answer 503', ...attributes }
  return stack.client.topic(`${source}-dead-letter`).publishMessage({ data, attributes: facts })
}

async function look(): Promise<Hold> {
  hold = await Hold.open(contextWith(), sourcesOf(connection.topology))
  await hold.pull()
  return hold
}

const backlogOf = (name: string) => {
  const { subscriptions } = stack.pubsub.snapshot()
  const path = `projects/${stack.endpoints.projectId}/subscriptions/${name}`
  return subscriptions.find(({ resource }) => resource.name === path)?.backlog.map(({ message }) => message) ?? []
}

it('holds the dead letters of every source, so that nobody else sees them, until it gives them back', async () => {
  const ids = [await deadLetter('track', EVENT), await deadLetter('identify', { identifiers: { id: 'ada' } })]
  const other = await Hold.open(contextWith(), sourcesOf(connection.topology))
  await look()
  expect(hold.deadLetters.map(({ messageId }) => messageId).sort()).toEqual(ids.toSorted())
  expect(hold.untilMs).toBeGreaterThan(Date.now() + 25_000)
  expect(await other.pull()).toEqual({ more: false, elsewhere: { identify: 1, track: 1 } })
  expect(other.deadLetters).toEqual([])

  await hold[Symbol.asyncDispose]()
  expect(await other.pull()).toEqual({ more: false, elsewhere: {} })
  expect(other.deadLetters).toHaveLength(2)
  await other[Symbol.asyncDispose]()
})

describe('personal data of a deployment', () => {
  /** What was told to the record: its subscription hands a line on at once. */
  const told: unknown[] = []
  const listen = ({ topic, data }: { readonly topic: string; readonly data: Buffer }) => {
    if (topic.endsWith('/message-outcomes')) told.push(JSON.parse(data.toString()).jsonPayload)
  }
  beforeEach(() => {
    told.length = 0
    stack.pubsub.events.on('published', listen)
  })
  afterEach(() => {
    stack.pubsub.events.off('published', listen)
  })

  const shownOf = async (id: string, deployment: Partial<Connection>) => {
    const said: string[] = []
    const { stdin, stderr } = process
    const prompts = createPrompts({ yes: false, stdin, stderr })
    const context = { ...contextWith(said), prompts, stdin, connection: { ...connection, local: false, ...deployment } }
    const failure = await show(context, [id]).then(
      () => undefined,
      (error: Error) => error.message,
    )
    return { said: said.join(''), failure }
  }

  it('are shown once the record was told, and not where it cannot be', async () => {
    const id = await deadLetter('track', EVENT, { source_message_id: '17' })
    hold = await Hold.open(contextWith(), sourcesOf(connection.topology))
    const down = { pubsub: () => Promise.reject(Object.assign(new Error('down'), { code: 14 })) }
    expect(await shownOf(id, down)).toEqual({ said: '', failure: expect.stringContaining('so they are not') })
    expect(told).toEqual([])
    expect(await shownOf(id, {})).toEqual({ said: expect.stringContaining('"ada"'), failure: undefined })
    const line = { event: 'message', topic: 'track', message_id: '17', action: 'reveal', outcome: 'revealed' }
    expect(told).toEqual([line])
  })

  it('are told of by store where no message names them, and never by the person', async () => {
    hold = await Hold.open(contextWith(), sourcesOf(connection.topology))
    const context = { ...contextWith(), connection: { ...connection, local: false } }
    await tellOfReveal(context, { deadLetters: [], stores: ['warehouse'] })
    await tellOfReveal(contextWith(), { deadLetters: [], stores: ['local'] })
    expect(told).toEqual([{ event: 'message', note: 'warehouse', action: 'reveal', outcome: 'revealed' }])
  })
})

it('replays what the rules allow, says why it skips the rest, and which are gone', async () => {
  const good = await deadLetter('track', EVENT)
  const drastic = await deadLetter('identify', { action: 'delete', identifiers: { id: 'ada' } })
  await look()
  const plan = planReplay(contextWith(), hold, [good, drastic, '404'], RULES)
  expect(plan).toMatchObject({
    replayable: [{ messageId: good, source: 'track' }],
    skipped: [{ messageId: drastic, why: expect.stringContaining('it would delete the current profile') }],
    gone: ['404'],
  })
  expect(backlogOf('track')).toEqual([])

  const context = contextWith()
  expect(await replayHeld(context, hold, [good, drastic], RULES)).toMatchObject({
    replayed: [good],
    skipped: [{ messageId: drastic }],
    gone: [],
    failure: undefined,
  })
  expect(backlogOf('track').map(({ attributes }) => attributes)).toEqual([
    expect.objectContaining({ source_message_id: good, replay_count: '1' }),
  ])
  expect(backlogOf('track-dead-letter')).toEqual([])
  expect(context.done.words).toEqual(['1 message of track replayed'])
  // Somebody with an older list tries the same.
  expect(await replayHeld(context, hold, [good], RULES)).toMatchObject({ replayed: [], gone: [good] })
  expect(backlogOf('track')).toHaveLength(1)
  expect(new Journal(join(directory, 'cio', 'replay-track.ndjson')).read()).toBeUndefined()
})

it('does nothing once a lease ran out: somebody else may have received them', async () => {
  const id = await deadLetter('track', EVENT)
  await look()
  sleptMs = 120_000
  await expect(replayHeld(contextWith(), hold, [id], RULES)).rejects.toThrow(
    'the dead letters of track are no longer held',
  )
  await expect(purgeHeld(contextWith(), hold, [id])).rejects.toThrow('no longer held')
  await expect(replayEdited(contextWith(), hold, id, '{}', RULES)).rejects.toThrow('no longer held')
  expect([backlogOf('track').length, backlogOf('track-dead-letter').length]).toEqual([0, 1])
})

it('replays nothing a second time that a killed run had replayed', async () => {
  const [first, second] = [await deadLetter('track', EVENT), await deadLetter('track', EVENT)]
  const journal = new Journal(join(directory, 'cio', 'replay-track.ndjson'))
  // No process has this number.
  journal.begin(2 ** 30, Date.now())
  journal.pulled([{ messageId: first, ackId: 'gone' }])
  journal.replayed(first)
  await look()
  expect(await replayHeld(contextWith(), hold, [first, second], RULES)).toMatchObject({
    replayed: [second],
    alreadyReplayed: [first],
  })
  expect(backlogOf('track').map(({ attributes }) => attributes.source_message_id)).toEqual([second])
  expect(backlogOf('track-dead-letter')).toEqual([])
})

it('leaves a source alone that another process replays', async () => {
  const id = await deadLetter('track', EVENT)
  const journal = new Journal(join(directory, 'cio', 'replay-track.ndjson'))
  journal.begin(process.ppid, Date.now())
  await look()
  expect(await replayHeld(contextWith(), hold, [id], RULES)).toMatchObject({
    replayed: [],
    failure: `process ${process.ppid} is already replaying track`,
  })
  journal.end()
  expect(hold.find(id)).toBeDefined()
})

it('replays an edit once it keeps the contract, and refuses it with the field until then', async () => {
  const id = await deadLetter('track', BROKEN, { reason: 'contract', error: 'name: required; nam: unknown field' })
  await look()
  const text = (message: object) => JSON.stringify({ attributes: { shop: 'eu' }, message })
  await expect(replayEdited(contextWith(), hold, id, text(BROKEN), RULES)).rejects.toThrow('name: required')
  await expect(replayEdited(contextWith(), hold, id, 'no JSON', RULES)).rejects.toThrow('JSON')
  await expect(replayEdited(contextWith(), hold, id, '{"attributes":{}}', RULES)).rejects.toThrow()
  expect(backlogOf('track')).toEqual([])
  expect(await replayEdited(contextWith(), hold, id, text(EVENT), RULES)).toMatchObject({ replayed: [id] })
  expect(backlogOf('track').map(({ data, attributes }) => [data.toString(), attributes])).toEqual([
    [JSON.stringify(EVENT), { shop: 'eu' }],
  ])
  await expect(replayEdited(contextWith(), hold, id, text(EVENT), RULES)).rejects.toThrow('is held no longer')
})

it('deletes for good, and settles only what may have been sent', async () => {
  const [id, kept] = [await deadLetter('track', EVENT), await deadLetter('track', EVENT)]
  await look()
  await expect(settleHeld(contextWith(), hold, id, 'sent')).rejects.toThrow('no uncertain send')
  expect(await purgeHeld(contextWith(), hold, [id, '404'])).toEqual({ purged: [id], gone: ['404'] })
  expect(backlogOf('track-dead-letter').map((message) => message.id)).toEqual([kept])
})

it('after the broker has restarted, nothing is lost: a look finds all of them again', async () => {
  const id = await deadLetter('track', EVENT)
  await look()
  await stack.restartPubSub()
  await hold[Symbol.asyncDispose]()
  await look()
  expect(hold.deadLetters.map(({ messageId }) => messageId)).toEqual([id])
  expect(await replayHeld(contextWith(), hold, [id], RULES)).toMatchObject({ replayed: [id] })
  expect([backlogOf('track').length, backlogOf('track-dead-letter').length]).toEqual([1, 0])
})
