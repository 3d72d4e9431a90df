import { setImmediate as turn } from 'node:timers/promises'
import type { CreateSubscriptionOptions, PubSub } from '@google-cloud/pubsub'
import { status } from '@grpc/grpc-js'
import type { AppendRows, PubSubServer } from './index.ts'
import { ManualClock } from './testing/manual-clock.ts'
import { nextEvent, Started } from './testing/started.ts'

const started = new Started()
const TABLE = 'local.warehouse.rows'
let written: unknown[]
let refuse: (row: unknown) => string | undefined
let down: boolean
let server: PubSubServer
let client: PubSub

const append: AppendRows = async (table, rows, { dropUnknown }) => {
  if (down) throw new Error('no such table')
  const refused = new Map(
    rows.flatMap((row, index): [number, string][] => {
      const why = refuse(row)
      return why === undefined ? [] : [[index, why]]
    }),
  )
  written.push(...rows.filter((_, index) => !refused.has(index)).map((row) => ({ table, dropUnknown, row })))
  return refused
}

beforeEach(async () => {
  written = []
  refuse = () => undefined
  down = false
  server = await started.pubSub({ appendRows: append, backoffScale: 0 })
  client = started.client(server)
})
afterEach(() => started.close())

const config = { table: TABLE, useTableSchema: true, dropUnknownFields: true }
const udf = (code: string, functionName = 'change') => [{ javascriptUdf: { functionName, code } }]

/** Publishes to a new BigQuery subscription, and waits until each message is acknowledged or dead-lettered. */
async function publish(texts: readonly string[], options: CreateSubscriptionOptions = {}) {
  const [topic, subscription] = await started.subscription(client, { bigqueryConfig: config, ...options })
  server.publish(topic.name, texts)
  while (server.stats(subscription.name).outstanding > 0) {
    await Promise.race([nextEvent(server, 'acknowledged'), nextEvent(server, 'deadLettered')])
  }
  return { topic, subscription, rows: written.map((each) => Object(each).row) }
}

it('writes each message as a row of the table, by its fields', async () => {
  await publish(['{"a":1}', '{"a":2}'])
  expect(written).toEqual([1, 2].map((a) => ({ table: TABLE, dropUnknown: true, row: { a } })))
})

it('rests between two writes: what comes meanwhile leaves together', async () => {
  const clock = new ManualClock()
  const appends: number[] = []
  const appendRows: AppendRows = async (_, rows) => {
    appends.push(rows.length)
    return new Map()
  }
  server = await started.pubSub({ ...clock, appendRows })
  client = started.client(server)
  const [topic, subscription] = await started.subscription(client, { bigqueryConfig: config })
  const publishNow = async (count: number) => {
    server.publish(
      topic.name,
      Array.from({ length: count }, () => '{}'),
    )
    for (let turns = 0; turns < 5; turns++) await turn()
  }
  await publishNow(1)
  await publishNow(2)
  await publishNow(1)
  expect(appends).toEqual([1])
  clock.advance(50)
  while (server.stats(subscription.name).outstanding > 0) await nextEvent(server, 'acknowledged')
  expect(appends).toEqual([1, 3])
})

it("writes what a JavaScript function makes of a message, which sees the message and Pub/Sub's own fields", async () => {
  const code = `function change(message, metadata) {
    const { name } = JSON.parse(message.data)
    if (name === 'nobody') return null
    return { data: JSON.stringify({ name: name.toUpperCase(), id: metadata.message_id, at: metadata.publish_time }) }
  }`
  const { rows, subscription } = await publish(['{"name":"ada"}', '{"name":"nobody"}'], {
    messageTransforms: udf(code),
  })
  expect(rows).toEqual([{ name: 'ADA', id: expect.stringMatching(/^\d+$/), at: expect.stringMatching(/^\d{4}-.*Z$/) }])
  expect(server.stats(subscription.name)).toMatchObject({ acknowledged: 2, outstanding: 0 })
})

it.each([
  ['a message that is no JSON', 'oops', undefined],
  ['a message on which the function throws', '{"a":1}', 'function change(message) { return message.nothing.more }'],
  ['a message for which the function gives no data', '{"a":1}', 'function change() { return {} }'],
])('dead-letters %s, and writes its neighbours', async (_, text, code) => {
  const [deadLetters] = await client.createTopic('dead')
  const options: CreateSubscriptionOptions = {
    deadLetterPolicy: { deadLetterTopic: deadLetters.name, maxDeliveryAttempts: 5 },
    ...(code !== undefined && { messageTransforms: udf(code) }),
  }
  const { rows, subscription } = await publish(code === undefined ? [text, '{"good":true}'] : [text], options)
  expect(server.stats(subscription.name)).toMatchObject({ deadLettered: 1, outstanding: 0 })
  expect(rows).toEqual(code === undefined ? [{ good: true }] : [])
})

it('stops a function that runs for more than half a second', async () => {
  const options = { bigqueryConfig: config, messageTransforms: udf('function change() { for (;;); }') }
  const [topic] = await started.subscription(client, options)
  const failure = nextEvent(server, 'delivered', ({ failure }) => /timed out after 500ms/.test(failure ?? ''))
  server.publish(topic.name, ['{}'])
  await failure
})

it('tries again what BigQuery refuses, and what it cannot be told while it is down', async () => {
  down = true
  let refusals = 2
  refuse = () => (refusals-- > 0 ? 'missing required field' : undefined)
  const failure = nextEvent(server, 'delivered', ({ failure }) => failure === 'Error: no such table')
  const done = publish(['{"a":1}'])
  await failure
  down = false
  expect((await done).rows).toEqual([{ a: 1 }])
  expect(refusals).toBe(-1)
})

it('lets the function reach nothing of the process', async () => {
  const names = ['process', 'require', 'console', 'setTimeout', 'fetch', 'Buffer']
  const code = `function change(message) {
    const outside = message.constructor.constructor('return this')()
    return { data: JSON.stringify({ found: ${JSON.stringify(names)}.filter((name) => name in outside) }) }
  }`
  expect((await publish(['{}'], { messageTransforms: udf(code) })).rows).toEqual([{ found: [] }])
})

it.each<[string, CreateSubscriptionOptions]>([
  ['code without the function', { messageTransforms: udf('function another() {}') }],
  ['code that is no JavaScript', { messageTransforms: udf('function change( {') }],
  ['code of more than 20 KB', { messageTransforms: udf(`function change() {} // ${'x'.repeat(20_000)}`) }],
  ['two transforms', { messageTransforms: [...udf('function a() {}', 'a'), ...udf('function b() {}', 'b')] }],
  ['a table that is not named in full', { bigqueryConfig: { ...config, table: 'rows' } }],
  [
    "a subscription that does not write by the table's schema",
    { bigqueryConfig: { ...config, useTableSchema: false } },
  ],
  ['metadata', { bigqueryConfig: { ...config, writeMetadata: true } }],
  ['a push besides', { pushConfig: { pushEndpoint: 'http://127.0.0.1:9/' } }],
  ['a transform of what is pulled', { bigqueryConfig: null, messageTransforms: udf('function change() {}') }],
])('refuses %s', async (_, options) => {
  await expect(started.subscription(client, { bigqueryConfig: config, ...options })).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
  })
})

it('keeps over a restart what was not written', async () => {
  down = true
  const [topic, subscription] = await started.subscription(client, { bigqueryConfig: config })
  const failed = nextEvent(server, 'delivered')
  server.publish(topic.name, ['{"a":1}'])
  await failed
  await server.close()
  down = false
  const again = await started.pubSub({ appendRows: append, restore: server.snapshot() })
  while (again.stats(subscription.name).outstanding > 0) await nextEvent(again, 'acknowledged')
  expect(written).toHaveLength(1)
})
