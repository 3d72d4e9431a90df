import { once } from 'node:events'
import type { Server } from 'node:http'
import { http } from '@google-cloud/functions-framework'
import { getTestServer } from '@google-cloud/functions-framework/testing'
import { unusualWebhookSamples, webhookSamples } from '../../scripts/emulators/customerio/samples/index.ts'
import { startTestWarehouse, type TestWarehouse, WAREHOUSE_BATCH } from '../../scripts/testing/warehouse.ts'
import { systemClock } from '../../shared/clock/index.ts'
import type { DeadLetter } from '../../shared/delivery/index.ts'
import { createLog } from '../../shared/logging/index.ts'
import { caughtUp, leaveBodiesUnread } from '../../shared/runtime/index.ts'
import { webhookMessageOf } from '../../shared/webhooks/index.ts'
import { createDataset } from './dataset.ts'
import { createWarehouseHandler } from './handler.ts'

const PROJECT = 'local-project'
const samples = webhookSamples()
let nowMs = Date.UTC(2026, 10, 21, 12)
let warehouse: TestWarehouse
let server: Server
let url: string
const deadLetters: DeadLetter[] = []
let lines: string[] = []
/** Told of every insert; replaced by tests that wait for one. */
let onInsert: () => void = () => {}

beforeAll(async () => {
  warehouse = await startTestWarehouse({
    now: () => nowMs,
    onRequest: ({ path }) => {
      if (path.endsWith('/insertAll')) onInsert()
    },
  })
  const handler = createWarehouseHandler({
    config: {
      bodyMemoryBytes: 1e9,
      ackDeadlineMs: 60_000,
      insertTimeoutMs: 9_000,
      batch: WAREHOUSE_BATCH,
      deadLetter: { topic: 'warehouse-dead-letter', maxDeliveryAttempts: 10 },
    },
    dataset: createDataset(PROJECT, 'customerio'),
    deadLetters: { publish: async (letter) => void deadLetters.push(letter) },
    log: createLog({
      clock: systemClock,
      functionName: 'warehouse',
      destination: { write: (line) => lines.push(line) },
    }),
    clock: { ...systemClock, now: () => nowMs },
    caughtUp,
  })
  leaveBodiesUnread()
  http('warehouse-under-test', handler)
  server = getTestServer('warehouse-under-test')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  url = `http://127.0.0.1:${address.port}`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await warehouse.close()
})
beforeEach(async () => {
  warehouse.server.misbehave()
  onInsert = () => {}
  deadLetters.length = 0
  lines = []
  nowMs += 60_000
  await warehouse.clear()
})

let messages = 0
/** Pushes a webhook as it comes from the webhook function, and gives the status of the answer. */
async function push(body: unknown, deliveryAttempt = 1): Promise<number> {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  const { message } = webhookMessageOf({ body: bytes, signatureTimestamp: '1793610000', receivedAtMs: nowMs })
  const pushed = {
    message: {
      data: message.data.toString('base64'),
      attributes: message.attributes,
      messageId: String(++messages),
      publishTime: new Date(nowMs).toISOString(),
    },
    subscription: 'projects/p/subscriptions/warehouse',
    deliveryAttempt,
  }
  const headers = { 'content-type': 'application/json' }
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(pushed) })).status
}
const pushAll = (bodies: readonly unknown[]) => Promise.all(bodies.map((body) => push(body)))
const count = async (table: string) => (await warehouse.query(`SELECT COUNT(*) AS n FROM customerio.${table}`))[0]?.n
const logged = (event: string) => lines.map((line) => JSON.parse(line)).filter((line) => line.event === event)

it('stores every sample, many in one insert', async () => {
  let inserts = 0
  onInsert = () => inserts++
  const answers = await pushAll(samples.map(({ event }) => event))
  expect(new Set(answers)).toEqual(new Set([204]))
  expect(await count('webhook_events')).toBe(samples.length)
  expect(inserts).toBeLessThan(samples.length / 2)
  expect(logged('message')[0]).toMatchObject({ outcome: 'delivered', answer: 204 })
  expect(deadLetters).toEqual([])
})

it('keeps what is not as documented, and says what is new, once, without a word of its content', async () => {
  const unusual = unusualWebhookSamples()
  expect(new Set(await pushAll(unusual.map(({ body }) => body)))).toEqual(new Set([204]))
  expect(await push(Buffer.from('{"broken'))).toBe(204)
  await push({ ...samples[4]?.event, event_id: 'again', object_type: 'carrier_pigeon' })
  expect(
    logged('webhook_novelty')
      .map(({ message }) => message)
      .toSorted(),
  ).toEqual(
    [
      'field data.mood; it is stored, without a column of its own',
      'field data.tags; it is stored, without a column of its own',
      'field schema_version; it is stored, without a column of its own',
      'metric email.teleported; it is stored, without a column of its own',
      'object_type carrier_pigeon; it is stored, without a column of its own',
      'shape timestamp in milliseconds; it was understood all the same',
    ].map((what) => `new in webhooks: ${what}`),
  )
  expect(
    logged('webhook_quarantined')
      .map(({ reason }) => reason)
      .toSorted(),
  ).toEqual(['no_event_id', 'not_json', 'preferences_not_understood'])
  expect(lines.join()).not.toMatch(/example\.(com|net|org)/)
  const [broken] = await warehouse.query(
    "SELECT SAFE_CONVERT_BYTES_TO_STRING(body) AS body, signature_timestamp FROM customerio.webhook_quarantine WHERE reason = 'not_json'",
  )
  expect(broken).toEqual({ body: '{"broken', signature_timestamp: '1793610000' })
})

it('acknowledges the neighbours of an event that BigQuery refuses, and puts that one into the quarantine', async () => {
  const bad = samples[3]?.event
  warehouse.server.misbehave({
    kind: 'refuseRows',
    matches: (table, row) => table === 'webhook_events' && JSON.stringify(row).includes(String(bad?.event_id)),
  })
  expect(new Set(await pushAll(samples.slice(0, 50).map(({ event }) => event)))).toEqual(new Set([204]))
  expect(await count('webhook_events')).toBe(49)
  expect(await warehouse.query('SELECT event_id, reason FROM customerio.webhook_quarantine')).toEqual([
    { event_id: bad?.event_id, reason: 'row_refused' },
  ])
  expect(logged('row_refused')).toHaveLength(1)
})

it.each([
  ['down', { kind: 'down' } as const],
  ['over quota', { kind: 'down', httpStatus: 403, reason: 'quotaExceeded' } as const],
  ['unreachable', { kind: 'unreachable' } as const],
  ['losing its answers', { kind: 'answerLost' } as const],
  ['refusing everything', { kind: 'refuseAll' } as const],
])('answers 503 while BigQuery is %s, and everything lands when it is back', async (_name, order) => {
  const bodies = samples.slice(0, 20).map(({ event }) => event)
  warehouse.server.misbehave(order)
  expect(new Set(await pushAll(bodies))).toEqual(new Set([503]))
  warehouse.server.misbehave()
  expect(new Set(await pushAll(bodies))).toEqual(new Set([204]))
  expect(await count('webhook_events')).toBe(20)
  expect(deadLetters).toEqual([])
})

it('says at once that it is busy when too many wait for a slow BigQuery', async () => {
  const asked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  onInsert = asked.resolve
  warehouse.server.misbehave({ kind: 'held', until: released.promise })
  const first = push(samples[0]?.event)
  await asked.promise
  let busy = 0
  const others = Array.from({ length: 310 }, async (_, index) => {
    const answer = await push({ ...samples[1]?.event, event_id: `e${index}` })
    if (answer === 503 && ++busy === 10) released.resolve()
    return answer
  })
  expect(await first).toBe(204)
  const answers = await Promise.all(others)
  expect(answers.filter((answer) => answer === 503)).toHaveLength(10)
  expect(await count('webhook_events')).toBe(301)
})

it('gives an event to the dead letters that no row can hold, and one that was tried for the last time', async () => {
  const huge = { ...samples[4]?.event, event_id: 'huge', other: 'x'.repeat(8_000_000) }
  expect(await push(huge)).toBe(204)
  warehouse.server.misbehave({ kind: 'down' })
  expect(await push(samples[0]?.event, 9)).toBe(204)
  expect(deadLetters.map(({ attributes }) => attributes.reason)).toEqual(['refused', 'exhausted'])
  // Not toEqual, which would compare eight million bytes one by one.
  expect(deadLetters[0]?.data.equals(Buffer.from(JSON.stringify(huge)))).toBe(true)
})

it('gives an event to the dead letters whose rows together are larger than an insert may be', async () => {
  const topics = Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`topic_${index}`, true]))
  const content = JSON.stringify({ topics })
  const name = 'customer.cio_subscription_preferences_changed.nomessage'
  const event = samples.find((sample) => sample.name === name)?.event
  expect(await push({ ...event, data: { ...event?.data, content, failure_message: 'x'.repeat(6_000) } })).toBe(204)
  expect(deadLetters.map(({ attributes }) => attributes.reason)).toEqual(['refused'])
})
