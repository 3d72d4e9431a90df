import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BigQuery } from '@google-cloud/bigquery'
import { Pool, type PoolClient } from 'pg'
import { messageKey } from '../../shared/idempotency/index.ts'
import { parseHashRing } from '../../shared/identity/index.ts'
import { createFirestoreSendLedger, hashOf, personHashes } from '../../shared/ledger/index.ts'
import { startEmbeddedPostgres, type TestPostgres } from '../../shared/repository/testing/postgres.ts'
import { LOCAL_CREDENTIALS } from '../local/stack.ts'
import { settle } from './dead-letters/settle.ts'
import { erase } from './person/erase.ts'
import { replayTopic } from './replay/replay.ts'
import { sync } from './sync/sync.ts'
import { bodyOf, CrashPoints, LATER_MS, whilePublishing } from './testing/crash-points.ts'

/** `npm run test:long`: some hundred runs of a command each, on a machine that may be busy. */
jest.setTimeout(300_000)

let crash: CrashPoints
let postgres: TestPostgres
let pool: Pool
const inUse = new Set<PoolClient>()
const mappings = mkdtempSync(join(tmpdir(), 'crash-points-'))

beforeAll(async () => {
  postgres = await startEmbeddedPostgres()
  // As the command line has it: one query does not wait for another's transaction.
  pool = new Pool({ ...postgres.pool.options, max: 4 })
  pool.on('acquire', (client) => inUse.add(client)).on('release', (_, client) => inUse.delete(client))
  crash = await CrashPoints.start('cio-crash-points-long-test', {
    database: async () => pool,
    // The database ends the transactions of a process that is gone.
    async afterDeath() {
      for (const client of inUse) {
        await client.query('ROLLBACK')
        client.release()
      }
    },
  })
})
afterAll(async () => {
  await crash?.[Symbol.asyncDispose]()
  await pool?.end()
  await postgres?.[Symbol.asyncDispose]()
  rmSync(mappings, { recursive: true })
})

/** The id of the ledger's record of a publisher's key. */
function recordOf(idempotencyKey: string): string {
  const key = messageKey({ idempotencyKey, sourceMessageId: undefined, messageId: '' })
  return hashOf(key.ok ? key.key : '')
}

it.each(['sent', 'resend'] as const)(
  'dlq settle --%s: the ledger says so, and the dead letter is gone',
  async (decision) => {
    const firestore = await crash.connection.firestore()
    const ledger = createFirestoreSendLedger({ firestore, collection: crash.stack.topology.ledger.collection })
    const calls = await crash.killEverywhere(async (number) => {
      const [key = ''] = await crash.deadLetters('transactional', number, 'uncertain', 1)
      const hashes = { version: 2, key: 'k', content: 'c', persons: [`person ${number}`] } as const
      await ledger.create(recordOf(key), {
        ...{ state: 'uncertain', owner: 'a process', leaseMs: 30_000, hashes, channel: 'email', template: '1' },
        ...{ claimedAtMs: 'request_time', deliveryId: null, expiresAtMs: crash.clock.now() + 86_400_000 },
      })
      crash.clock.advance(LATER_MS)
      return {
        run: (context) => settle(context, {}, { sent: decision === 'sent', resend: decision === 'resend' }),
        check: async (killedAt) => {
          expect(crash.outstanding('transactional-dead-letter')).toBe(0)
          expect((await ledger.read(recordOf(key)))?.state).toBe(decision === 'sent' ? 'sent' : 'released')
          // Under one key, which the ledger sends once, whenever it comes.
          crash.expectPublished('transactional', decision === 'sent' ? [] : [key], killedAt !== undefined)
        },
      }
    })
    expect(calls).toEqual({
      ...{ 'SubscriberClient.pull': 2, 'DocumentReference.get': 2, 'CustomerIOService.findDeliveries': 2 },
      ...{ 'WriteBatch.commit': 1, 'SubscriberClient.acknowledge': 1 },
      'Topic.publishMessage': decision === 'sent' ? 1 : 2,
    })
  },
)

it('replay: every message is published again under its key, and no subscription is left', async () => {
  const calls = await crash.killEverywhere(async (number) => {
    crash.clock.advance(2 * 60_000)
    const fromMs = crash.clock.now()
    const keys = [1, 2, 3].map((index) => `${number}-${index}`)
    for (const idempotency_key of keys) await crash.publish('track', bodyOf('track', 'ada'), { idempotency_key })
    crash.clock.advance(1_000)
    const toMs = crash.clock.now()
    crash.published.length = 0
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
        crash.expectPublished('track', keys, whilePublishing(killedAt))
        expect(crash.published.filter(({ topic, lane }) => topic === 'track' && lane !== 'bulk')).toEqual([])
        const left = crash.stack.pubsub
          .snapshot()
          .subscriptions.filter(({ resource }) => resource.name?.includes('cio-replay'))
        expect(left).toEqual([])
        expect(crash.journalsOf(number)).toEqual([])
      },
    }
  })
  expect(calls).toEqual({
    'Topic.getSubscriptions': 1,
    'Topic.createSubscription': 3,
    'Subscription.seek': 3,
    'SubscriberClient.pull': 5,
    'Subscription.delete': 3,
    'SubscriberClient.acknowledge': 3,
    'Topic.publishMessage': 6,
  })
})

it('sync: every user is published as they are, and is then known as published', async () => {
  await pool.query('CREATE TABLE users (id text PRIMARY KEY, email text, plan text)')
  const mapping = join(mappings, 'users.yaml')
  writeFileSync(mapping, 'table: users\nnever: []\nattributes: { plan: string }\n')
  const options = { mapping, migrate: true, show: 0, pageSize: 2 }
  const calls = await crash.killEverywhere(async (number) => {
    const ids = [1, 2, 3].map((index) => `${number}-${index}`)
    await pool.query('DELETE FROM users')
    await pool.query('DROP SCHEMA IF EXISTS customerio CASCADE')
    for (const id of ids) await pool.query(`INSERT INTO users VALUES ($1, $2, 'free')`, [id, `${id}@example.com`])
    crash.published.length = 0
    return {
      run: (context) => sync(context, options),
      check: async () => {
        const told = new Map(
          crash.published.map(({ body }) => [JSON.parse(body).identifiers.id, JSON.parse(body).attributes]),
        )
        expect([...told]).toEqual(ids.map((id) => [id, { email: `${id}@example.com`, plan: 'free' }]))
        expect(crash.published.length).toBeLessThanOrEqual(ids.length + options.pageSize)
        crash.published.length = 0
        await crash.runOnce((context) => sync(context, options), number)
        expect(crash.published).toEqual([])
      },
    }
  })
  expect(calls).toEqual({
    'BoundPool.connect': 3,
    'Client.query': 14,
    'BoundPool.query': 10,
    'PubSub.getClientConfig': 3,
    'Topic.publishMessage': 3,
  })
})

it('erase: nothing of the person is left anywhere, and they are suppressed', async () => {
  const firestore = await crash.connection.firestore()
  const ledger = createFirestoreSendLedger({ firestore, collection: crash.stack.topology.ledger.collection })
  const ring = parseHashRing(LOCAL_CREDENTIALS.PERSON_HASH_KEYS) ?? []
  const warehouse = new BigQuery({ projectId: crash.stack.endpoints.projectId, apiEndpoint: crash.stack.bigquery.url })
  const table = warehouse.dataset(crash.stack.topology.bigquery.dataset).table('webhook_events')
  const calls = await crash.killEverywhere(async (number) => {
    const id = `gone-${number}`
    const [own] = personHashes(ring, { kind: 'id', value: id })
    const hashes = { version: 2, key: 'k', content: 'c', persons: [own?.hash ?? ''] } as const
    await ledger.create(hashOf(id), {
      ...{ state: 'sent', owner: 'a process', leaseMs: 30_000, hashes, channel: 'email', template: '1' },
      ...{ claimedAtMs: 'request_time', deliveryId: id, expiresAtMs: crash.clock.now() + 86_400_000 },
    })
    crash.stack.customerio.workspace.people.identify({ kind: 'id', value: id }, { plan: 'free' }, 1)
    const at = new Date().toISOString()
    const json = { event_id: id, timestamp: at, received_at: at, person_id: id }
    await table.insert([{ insertId: id, json }], { raw: true })
    const attributes = { reason: 'exhausted', error: 'answer 503', source_message_id: `1${number}` }
    await crash.publish('track-dead-letter', bodyOf('track', id), attributes)
    crash.clock.advance(1_000)
    return {
      // Everything may be gone already, and the journal too: then it says so.
      run: (context) => erase(context, { id, unknown: true }),
      check: async () => {
        expect(crash.stack.customerio.workspace.people.find({ kind: 'id', value: id })).toBeUndefined()
        expect(crash.stack.customerio.workspace.people.suppressed()).toContain(`id:${id}`)
        expect(await ledger.read(hashOf(id))).toBeUndefined()
        const [rows] = await warehouse.query({
          query: `SELECT event_id FROM \`${crash.stack.topology.bigquery.dataset}.webhook_events\` WHERE event_id = @id`,
          params: { id },
        })
        expect(rows).toEqual([])
        expect(crash.outstanding('track-dead-letter')).toBe(0)
        expect(crash.journalsOf(number).filter((name) => name.endsWith('.json'))).toEqual([])
      },
    }
  })
  expect(calls).toEqual({
    'APIClient.getAttributes': 1,
    'SubscriberClient.pull': 10,
    'SubscriberClient.modifyAckDeadline': 1,
    'BigQuery.query': 5,
    'Query.get': 9,
    'CustomerIOService.suppress': 1,
    'CustomerIOService.delete': 1,
    'SubscriberClient.acknowledge': 1,
    'WriteBatch.commit': 1,
    'Topic.publishMessage': 3,
  })
})
