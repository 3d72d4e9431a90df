import { once } from 'node:events'
import { join } from 'node:path'
import { hashOfPerson, parseHashRing } from '../../shared/identity/index.ts'
import type { PubSubEvents } from '../emulators/pubsub/index.ts'
import { withBulkLane } from '../topology/testing.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { LOCAL_CREDENTIALS, type Stack, startStack } from './stack.ts'

/** What only the whole of it shows: the built function in its process, pushed to by Pub/Sub, again and again. */

const PROJECT = 'local-project'
const RECORD = `projects/${PROJECT}/subscriptions/message-outcomes`
/** Each message with the function whose line told of it. */
const handled: string[] = []
const lines = {
  filter: 'jsonPayload.event="message"',
  deliver: (entries: readonly string[]) => {
    for (const { resource, jsonPayload } of entries.map((entry) => JSON.parse(entry)))
      handled.push(`${jsonPayload.message_id} ${resource.labels.service_name}`)
  },
}
let stack: Stack
beforeAll(async () => {
  process.env.METADATA_SERVER_DETECTION = 'none'
  stack = await startStack({
    ports: { all: 0 },
    directory: join(PROJECT_ROOT, '.local/stack-test'),
    topology: withBulkLane('track', { part: 0.25 }),
    functions: ['track', 'track-bulk'],
    pubsub: { backoffScale: 0 },
    logSinks: [lines],
  })
}, 60_000)
afterAll(() => stack.close())

/** Publishes a message to `track` and waits until it is acknowledged; gives its attempts. */
async function attemptsOf(body: object): Promise<{ messageId: string; statuses: (number | undefined)[] }> {
  const statuses: (number | undefined)[] = []
  const deliveries: PubSubEvents['delivered'][0][] = []
  const onDelivered = (delivery: PubSubEvents['delivered'][0]) => deliveries.push(delivery)
  stack.pubsub.events.on('delivered', onDelivered)
  const messageId = await stack.client.topic('track').publishMessage({ json: body })
  let acknowledged = ''
  while (acknowledged !== messageId) {
    const [event] = await once(stack.pubsub.events, 'acknowledged')
    acknowledged = event.messageId
  }
  stack.pubsub.events.off('delivered', onDelivered)
  for (const delivery of deliveries) if (delivery.messageId === messageId) statuses.push(delivery.status)
  return { messageId, statuses }
}

it('pushes each message through one subscription, whatever its lane, and on to Customer.io once', async () => {
  const lanes: Record<string, string>[] = [{}, { lane: '' }, { lane: 'urgent' }, { lane: 'bulk' }]
  const pushed: string[] = []
  const onDelivered = ({ subscription, messageId }: PubSubEvents['delivered'][0]) =>
    subscription !== RECORD && pushed.push(`${messageId} ${subscription.split('/').at(-1)}`)
  stack.pubsub.events.on('delivered', onDelivered)
  const expected = await Promise.all(
    lanes.map(async (attributes, lane) => {
      const json = { identifiers: { id: 'u1' }, name: `lane_${lane}` }
      const messageId = await stack.client.topic('track').publishMessage({ json, attributes })
      return `${messageId} ${attributes.lane === 'bulk' ? 'track-bulk' : 'track'}`
    }),
  )
  while (pushed.length < lanes.length) await once(stack.pubsub.events, 'delivered')
  stack.pubsub.events.off('delivered', onDelivered)
  expect(pushed.sort()).toEqual(expected.sort())
  const received = stack.customerio.workspace.events.all().map(({ name }) => name)
  expect(received.sort()).toEqual(['lane_0', 'lane_1', 'lane_2', 'lane_3'])
  // Here the bulk lane has a function of its own.
  while (handled.length < lanes.length) await once(stack.pubsub.events, 'acknowledged')
  expect(handled.sort()).toEqual(expected)
})

it('records what became of each message, from the log line to a row', async () => {
  const { messageId } = await attemptsOf({ identifiers: { id: 'u2' }, name: 'recorded' })
  const { messageId: refused } = await attemptsOf({ identifiers: { id: 'u2' }, name: 'recorded', nothing: 1 })
  const query = 'SELECT * FROM customerio.message_outcomes WHERE message_id IN UNNEST(@ids) ORDER BY ended_at'
  let rows: Record<string, unknown>[] = []
  while (rows.length < 2) {
    await once(stack.pubsub.events, 'acknowledged')
    ;[rows] = await stack.warehouse.query({ query, params: { ids: [messageId, refused] } })
  }
  const [key] = parseHashRing(LOCAL_CREDENTIALS.PERSON_HASH_KEYS) ?? []
  const hash = key && hashOfPerson(key, { kind: 'id', value: 'u2' })
  const common = { function: 'track', topic: 'track', attempt: 1, final: true, hash_key: key?.id }
  expect(rows).toMatchObject([
    {
      ...{ ...common, message_id: messageId, outcome: 'delivered', action: 'event', event_name: 'recorded' },
      ...{ person: hash, persons: [hash], batch_id: `${messageId}.1`, batch_size: 1, batch_position: 0 },
    },
    { ...common, message_id: refused, outcome: 'refused', reason: 'contract', person: null, persons: [] },
  ])
  expect(stack.pubsub.stats(RECORD).outstanding).toBe(0)
})

const deadLetters = () => stack.pubsub.stats(`projects/${PROJECT}/subscriptions/track-dead-letter`).outstanding

it('dead-letters what breaks the contract after one attempt', async () => {
  const before = deadLetters()
  const { statuses } = await attemptsOf({ identifiers: { id: 'u1' }, name: 'e', timestamp: 1_763_740_000_000 })
  expect(statuses).toEqual([204])
  expect(deadLetters()).toBe(before + 1)
})

it('puts nothing on the dead-letter topic before the last attempts while Customer.io is down', async () => {
  await stack.customerio.down()
  const before = deadLetters()
  const { messageId, statuses } = await attemptsOf({ identifiers: { id: 'u1' }, name: 'while_down' })
  await stack.customerio.up()
  // 100 attempts by the topology, less three that are kept in reserve.
  expect(statuses).toEqual([...Array(96).fill(503), 204])
  expect(deadLetters()).toBe(before + 1)
  const letters = new Map<string, Record<string, string>>()
  const subscription = stack.client.subscription('track-dead-letter')
  await new Promise<void>((resolve) => {
    subscription.on('message', (message) => {
      letters.set(message.attributes.source_message_id ?? '', message.attributes)
      if (letters.has(messageId)) resolve()
    })
  })
  await subscription.close()
  expect(letters.get(messageId)).toMatchObject({ reason: 'exhausted', delivery_attempt: '97' })
}, 60_000)
