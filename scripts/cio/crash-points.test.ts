import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { BigQuery } from '@google-cloud/bigquery'
import { Pool, type PoolClient } from 'pg'
import { systemClock } from '../../shared/clock/index.ts'
import { messageKey } from '../../shared/idempotency/index.ts'
import { parseHashRing } from '../../shared/identity/index.ts'
import { createFirestoreSendLedger, hashOf, personHashes } from '../../shared/ledger/index.ts'
import { startEmbeddedPostgres, type TestPostgres } from '../../shared/repository/testing/postgres.ts'
import { ManualClock } from '../emulators/pubsub/testing/manual-clock.ts'
import { LOCAL_CREDENTIALS, type Stack, startStack } from '../local/stack.ts'
import { PROJECT_ROOT, type Topology } from '../topology/topology.ts'
import { type Connection, connect } from './connection.ts'
import type { Context } from './context.ts'
import { replay as replayDeadLetters } from './dead-letters/replay.ts'
import { settle } from './dead-letters/settle.ts'
import { Done } from './done.ts'
import { Output } from './output.ts'
import { erase } from './person/erase.ts'
import { createPrompts } from './prompts.ts'
import { replayTopic } from './replay/replay.ts'
import { sync } from './sync/sync.ts'
import { type Death, Mortal } from './testing/mortal.ts'

/** Every call that a command waits for is a point at which it can be killed: before it is made, and when it is answered. */

// Some hundred runs of a command, on a machine that may be busy.
jest.setTimeout(300_000)

const directory = join(PROJECT_ROOT, '.local', 'cio-crash-points-test')
/** Longer than any lease. */
const LATER_MS = 15 * 60_000
const clock = new ManualClock(Date.now())
const published: { topic: string; key: string; lane: string | undefined; body: string }[] = []
let stack: Stack
let postgres: TestPostgres
let pool: Pool
let connection: Connection
const inUse = new Set<PoolClient>()
let runs = 0

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const ports = { all: 0, pubsub: 0, firestore: 0, bigquery: 0, customerio: 0 }
  const { now, schedule } = clock
  stack = await startStack({ directory, ports, functions: [], pubsub: { now, schedule }, firestore: { now } })
  postgres = await startEmbeddedPostgres()
  // As the command line has it: one query does not wait for another's transaction.
  pool = new Pool({ ...postgres.pool.options, max: 4 })
  pool.on('acquire', (client) => inUse.add(client)).on('release', (_, client) => inUse.delete(client))
  const whole = await connect({ local: true, endpoints: join(directory, 'endpoints.json') })
  connection = { ...whole, topology: inShort(whole.topology) }
  stack.pubsub.events.on('published', ({ topic, data, attributes }) => {
    const { idempotency_key, source_message_id, lane } = attributes
    const key = idempotency_key ?? source_message_id ?? ''
    published.push({ topic: topic.split('/').at(-1) ?? '', key, lane, body: data.toString() })
  })
})
afterAll(async () => {
  await connection?.close()
  await pool?.end()
  await postgres?.[Symbol.asyncDispose]()
  await stack?.close()
})

/** One topic of each kind, and one table: for the others the same calls come again. */
function inShort(topology: Topology): Topology {
  const { subscriptions, bigquery } = topology
  const kept = Object.entries(subscriptions).filter(([, { topic }]) => /^(?:track|transactional)/.test(topic))
  const tables = Object.entries(bigquery.tables).filter(([name]) => name === 'webhook_events')
  return {
    ...topology,
    subscriptions: Object.fromEntries(kept),
    bigquery: { ...bigquery, tables: Object.fromEntries(tables) },
  }
}

interface Command {
  readonly run: (context: Context) => Promise<void>
  /** Throws unless everything is as it should be. `killedAt`: the call at which it was killed, if it was. */
  readonly check: (killedAt: string | undefined) => Promise<void>
}

/** Kills a command at every call, runs it again each time, and gives the number of points. */
async function killedEverywhere(prepare: (number: number) => Promise<Command>): Promise<number> {
  const { run, check } = await prepare(++runs)
  const { calls } = await runOnce(run, runs)
  await check(undefined)
  for (let call = 1; call <= calls.length; call++) {
    for (const when of ['before', 'after'] as const) {
      const command = await prepare(++runs)
      const killed = await runOnce(command.run, runs, calls, { call, when })
      const last = killed.calls.at(-1)
      try {
        expect(killed.isDead).toBe(true)
        clock.advance(LATER_MS)
        await runOnce(command.run, runs)
        await command.check(last)
      } catch (error) {
        throw new Error(`killed ${when} call ${call} of ${calls.length}, ${last}`, { cause: error })
      }
    }
  }
  return 2 * calls.length
}

/** Runs it to its end or its death, with a state directory per number. */
async function runOnce(
  run: Command['run'],
  number: number,
  counted: readonly string[] = [],
  death?: Death,
): Promise<Mortal> {
  // What gives the clients asks nobody.
  const mortal = new Mortal(counted, death, (name) => !name.startsWith('connection.'))
  const timers: (() => void)[] = []
  const { after } = systemClock
  const spy = jest.spyOn(systemClock, 'after').mockImplementation((ms, work) => {
    const cancel = after(ms, work)
    timers.push(cancel)
    return cancel
  })
  const stateDirectory = join(directory, 'state', `${number}`)
  mkdirSync(stateDirectory, { recursive: true })
  const sink = new PassThrough().resume()
  const context: Context = {
    stdin: sink,
    output: new Output({ json: true, streams: { stdout: sink, stderr: sink } }),
    prompts: createPrompts({ yes: true, stdin: sink, stderr: sink }),
    connection: mortal.wrap({ ...connection, stateDirectory, database: async () => pool }),
    signal: new AbortController().signal,
    now: clock.now,
    done: new Done(),
  }
  try {
    await Promise.race([run(context), mortal.died])
  } finally {
    spy.mockRestore()
  }
  if (!mortal.isDead) return mortal
  // A process that is gone has no timers, and its database ends its transactions.
  for (const cancel of timers) cancel()
  for (const client of inUse) {
    await client.query('ROLLBACK')
    client.release()
  }
  return mortal
}

const outstanding = (name: string) =>
  stack.pubsub.stats(`projects/${stack.endpoints.projectId}/subscriptions/${name}`).outstanding
const journalsOf = (number: number) => readdirSync(join(directory, 'state', `${number}`), { recursive: true })

/** Each message was published again, under its own key; some a second time if it was killed where that can be. */
function expectPublished(topic: string, keys: readonly string[], mayRepeat: boolean): void {
  const found = published.filter((each) => each.topic === topic).map(({ key }) => key)
  expect(new Set(found)).toEqual(new Set(keys))
  expect(found.length).toBeLessThanOrEqual(mayRepeat ? 2 * keys.length : keys.length)
}

/** Others are under way at the same time, accepted and not noted yet. */
const whilePublishing = (killedAt: string | undefined) => killedAt === 'Topic.publishMessage'

async function deadLetters(topic: string, number: number, reason: string, count: number): Promise<readonly string[]> {
  const keys = Array.from({ length: count }, (_, index) => `${number}-${index}`)
  for (const key of keys) {
    const body = bodyOf(topic, `person-${key}`)
    const attributes = { reason, error: 'answer 503', source_message_id: `1${key}`, idempotency_key: key }
    await stack.client
      .topic(`${topic}-dead-letter`)
      .publishMessage({ data: Buffer.from(JSON.stringify(body)), attributes })
  }
  clock.advance(1_000)
  published.length = 0
  return keys
}

/** The id of the ledger's record of a publisher's key. */
function recordOf(idempotencyKey: string): string {
  const key = messageKey({ idempotencyKey, sourceMessageId: undefined, messageId: '' })
  return hashOf(key.ok ? key.key : '')
}

function bodyOf(topic: string, id: string): object {
  const identifiers = { id }
  if (topic !== 'transactional') return { identifiers, name: 'order_completed' }
  return { channel: 'email', transactional_message_id: 1, identifiers, to: `${id}@example.com` }
}

it('dlq replay: nothing is lost, nothing goes out under another key, and a killed run is resumed', async () => {
  const points = await killedEverywhere(async (number) => {
    const keys = await deadLetters('track', number, 'exhausted', 3)
    return {
      run: (context) =>
        replayDeadLetters(
          context,
          ['track'],
          {},
          {
            ...{ dryRun: false, edit: false, acceptDuplicates: false, force: false, release: false },
            ...{ maxReplays: 5, rate: 5_000, limit: Number.POSITIVE_INFINITY },
          },
        ),
      check: async (killedAt) => {
        expect(outstanding('track-dead-letter')).toBe(0)
        expectPublished('track', keys, whilePublishing(killedAt))
        expect(journalsOf(number)).toEqual([])
      },
    }
  })
  console.info(`dlq replay: ${points} points`)
  expect(points).toBeGreaterThan(20)
})

it.each(['sent', 'resend'] as const)(
  'dlq settle --%s: the ledger says so, and the dead letter is gone',
  async (decision) => {
    const firestore = await connection.firestore()
    const ledger = createFirestoreSendLedger({ firestore, collection: stack.topology.ledger.collection })
    const points = await killedEverywhere(async (number) => {
      const [key = ''] = await deadLetters('transactional', number, 'uncertain', 1)
      const hashes = { version: 2, key: 'k', content: 'c', persons: [`person ${number}`] } as const
      await ledger.create(recordOf(key), {
        ...{ state: 'uncertain', owner: 'a process', leaseMs: 30_000, hashes, channel: 'email', template: '1' },
        ...{ claimedAtMs: 'request_time', deliveryId: null, expiresAtMs: clock.now() + 86_400_000 },
      })
      clock.advance(LATER_MS)
      return {
        run: (context) => settle(context, {}, { sent: decision === 'sent', resend: decision === 'resend' }),
        check: async (killedAt) => {
          expect(outstanding('transactional-dead-letter')).toBe(0)
          expect((await ledger.read(recordOf(key)))?.state).toBe(decision === 'sent' ? 'sent' : 'released')
          // Under one key, which the ledger sends once, whenever it comes.
          expectPublished('transactional', decision === 'sent' ? [] : [key], killedAt !== undefined)
        },
      }
    })
    console.info(`dlq settle --${decision}: ${points} points`)
    expect(points).toBeGreaterThan(10)
  },
)

it('replay: every message is published again under its key, and no subscription is left', async () => {
  const points = await killedEverywhere(async (number) => {
    clock.advance(2 * 60_000)
    const fromMs = clock.now()
    const keys = [1, 2, 3].map((index) => `${number}-${index}`)
    for (const idempotency_key of keys) {
      const data = Buffer.from(JSON.stringify(bodyOf('track', 'ada')))
      await stack.client.topic('track').publishMessage({ data, attributes: { idempotency_key } })
    }
    clock.advance(1_000)
    const toMs = clock.now()
    published.length = 0
    return {
      run: (context) =>
        replayTopic(context, 'track', {
          ...{
            fromMs,
            toMs,
            where: [],
            map: undefined,
            also: [],
            asNew: false,
            create: false,
            dryRun: false,
            rate: 5_000,
          },
        }),
      check: async (killedAt) => {
        expectPublished('track', keys, whilePublishing(killedAt))
        expect(published.filter(({ topic, lane }) => topic === 'track' && lane !== 'bulk')).toEqual([])
        const left = stack.pubsub
          .snapshot()
          .subscriptions.filter(({ resource }) => resource.name?.includes('cio-replay'))
        expect(left).toEqual([])
        expect(journalsOf(number)).toEqual([])
      },
    }
  })
  console.info(`replay: ${points} points`)
  expect(points).toBeGreaterThan(40)
})

it('sync: every user is published as they are, and is then known as published', async () => {
  await pool.query('CREATE TABLE users (id text PRIMARY KEY, email text, plan text)')
  const mapping = join(directory, 'users.yaml')
  writeFileSync(mapping, 'table: users\nnever: []\nattributes: { plan: string }\n')
  const options = { mapping, migrate: true, show: 0, pageSize: 2 }
  const points = await killedEverywhere(async (number) => {
    const ids = [1, 2, 3].map((index) => `${number}-${index}`)
    await pool.query('DELETE FROM users')
    await pool.query('DROP SCHEMA IF EXISTS customerio CASCADE')
    for (const id of ids) await pool.query(`INSERT INTO users VALUES ($1, $2, 'free')`, [id, `${id}@example.com`])
    published.length = 0
    return {
      run: (context) => sync(context, options),
      check: async () => {
        const told = new Map(
          published.map(({ body }) => [JSON.parse(body).identifiers.id, JSON.parse(body).attributes]),
        )
        expect([...told]).toEqual(ids.map((id) => [id, { email: `${id}@example.com`, plan: 'free' }]))
        expect(published.length).toBeLessThanOrEqual(ids.length + options.pageSize)
        published.length = 0
        await runOnce((context) => sync(context, options), number)
        expect(published).toEqual([])
      },
    }
  })
  console.info(`sync: ${points} points`)
  expect(points).toBeGreaterThan(20)
})

it('erase: nothing of the person is left anywhere, and they are suppressed', async () => {
  const firestore = await connection.firestore()
  const ledger = createFirestoreSendLedger({ firestore, collection: stack.topology.ledger.collection })
  const ring = parseHashRing(LOCAL_CREDENTIALS.PERSON_HASH_KEYS) ?? []
  const warehouse = new BigQuery({ projectId: stack.endpoints.projectId, apiEndpoint: stack.bigquery.url })
  const table = warehouse.dataset(stack.topology.bigquery.dataset).table('webhook_events')
  const points = await killedEverywhere(async (number) => {
    const id = `gone-${number}`
    const [own] = personHashes(ring, { kind: 'id', value: id })
    const hashes = { version: 2, key: 'k', content: 'c', persons: [own?.hash ?? ''] } as const
    await ledger.create(hashOf(id), {
      ...{ state: 'sent', owner: 'a process', leaseMs: 30_000, hashes, channel: 'email', template: '1' },
      ...{ claimedAtMs: 'request_time', deliveryId: id, expiresAtMs: clock.now() + 86_400_000 },
    })
    stack.customerio.workspace.people.identify({ kind: 'id', value: id }, { plan: 'free' }, 1)
    const at = new Date().toISOString()
    const json = { event_id: id, timestamp: at, received_at: at, person_id: id }
    await table.insert([{ insertId: id, json }], { raw: true })
    const data = Buffer.from(JSON.stringify(bodyOf('track', id)))
    const attributes = { reason: 'exhausted', error: 'answer 503', source_message_id: `1${number}` }
    await stack.client.topic('track-dead-letter').publishMessage({ data, attributes })
    clock.advance(1_000)
    return {
      // Everything may be gone already, and the journal too: then it says so.
      run: (context) => erase(context, { id, unknown: true }),
      check: async () => {
        expect(stack.customerio.workspace.people.find({ kind: 'id', value: id })).toBeUndefined()
        expect(stack.customerio.workspace.people.suppressed()).toContain(`id:${id}`)
        expect(await ledger.read(hashOf(id))).toBeUndefined()
        const [rows] = await warehouse.query({
          query: `SELECT event_id FROM \`${stack.topology.bigquery.dataset}.webhook_events\` WHERE event_id = @id`,
          params: { id },
        })
        expect(rows).toEqual([])
        expect(outstanding('track-dead-letter')).toBe(0)
        expect(journalsOf(number).filter((name) => String(name).endsWith('.json'))).toEqual([])
      },
    }
  })
  console.info(`erase: ${points} points`)
  expect(points).toBeGreaterThan(40)
})
