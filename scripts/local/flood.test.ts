import { once } from 'node:events'
import { join } from 'node:path'
import type { PubSubEvents } from '../emulators/pubsub/index.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { type Stack, startStack } from './stack.ts'

/** A flood of one object meets the built function on a subscription that has delivered nothing yet. */

const UPDATES = 120
const PEOPLE = 40
let stack: Stack
beforeAll(async () => {
  process.env.METADATA_SERVER_DETECTION = 'none'
  stack = await startStack({
    ports: { all: 0 },
    directory: join(PROJECT_ROOT, '.local/flood-test'),
    announce: false,
    functions: ['identify'],
    // Long enough that the updates of the object would take six seconds one after the other.
    customerio: { latencyMs: 50 },
  })
}, 60_000)
afterAll(() => stack.close())

it('goes on in the bulk lane, lets everybody else pass, and reaches Customer.io whole', async () => {
  const pushed: Omit<PubSubEvents['delivered'][0], 'via'>[] = []
  stack.pubsub.events.on('delivered', (delivery) => pushed.push(delivery))
  const topic = stack.client.topic('identify')
  const object = (version: number) => ({
    ...{ type: 'object', identifiers: { object_type_id: '1', object_id: 'acme' } },
    attributes: { [`v${version}`]: true },
  })
  const flood = await Promise.all(Array.from({ length: UPDATES }, (_, i) => topic.publishMessage({ json: object(i) })))
  const people = await Promise.all(
    Array.from({ length: PEOPLE }, (_, i) => topic.publishMessage({ json: { identifiers: { id: `u${i}` } } })),
  )
  const answered = (status: number, ids: readonly string[] = pushed.map(({ messageId }) => messageId)) =>
    pushed.filter((push) => push.status === status && ids.includes(push.messageId))
  while (answered(204, people).length < PEOPLE) await once(stack.pubsub.events, 'delivered')
  const moved = answered(202)
  expect(moved.length).toBeGreaterThan(UPDATES / 2)
  // Most of the flood is still to come when the last of the people is there.
  expect(answered(204).length).toBeLessThan(PEOPLE + UPDATES / 2)
  const delivered = () => answered(204).length
  while (delivered() < PEOPLE + UPDATES) await once(stack.pubsub.events, 'delivered')
  expect(moved.every(({ messageId }) => flood.includes(messageId))).toBe(true)
  expect(answered(202)).toHaveLength(new Set(answered(202).map(({ messageId }) => messageId)).size)
  const lanes = (status: number) =>
    new Set(answered(status, undefined).map(({ subscription }) => subscription.split('/').at(-1)))
  expect(lanes(202)).toEqual(new Set(['identify']))
  const copies = answered(204).filter(({ messageId }) => !flood.includes(messageId) && !people.includes(messageId))
  expect(copies).toHaveLength(answered(202).length)
  expect(new Set(copies.map(({ subscription }) => subscription.split('/').at(-1)))).toEqual(new Set(['identify-bulk']))
  const received = stack.customerio.inbox.of().map(({ body }) => JSON.stringify(body))
  const versions = received.flatMap((body) => body.match(/"v\d+"/g) ?? [])
  expect(versions).toHaveLength(UPDATES)
  expect(new Set(versions).size).toBe(UPDATES)
}, 60_000)
