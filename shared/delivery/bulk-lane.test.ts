import { bulkCopyOf, mayMoveToBulkLane } from './bulk-lane.ts'
import type { ReceivedMessage } from './push.ts'

const MESSAGE: ReceivedMessage = {
  data: Buffer.from('{"a":1}'),
  dataIsIntact: true,
  attributes: {},
  messageId: '17',
  publishTime: '2026-11-21T10:00:00Z',
  orderingKey: undefined,
  subscription: 'projects/p/subscriptions/identify',
  deliveryAttempt: 1,
}
const attributes = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, 'x']))

it.each([
  [true, {}],
  [true, { attributes: { lane: 'urgent' } }],
  [true, { attributes: attributes(97) }],
  [false, { attributes: attributes(98) }],
  [false, { attributes: { lane: 'bulk' } }],
  [false, { orderingKey: 'id:u1' }],
] as const satisfies [boolean, Partial<ReceivedMessage>][])('may move: %j, with %j', (expected, message) => {
  expect(mayMoveToBulkLane({ ...MESSAGE, ...message })).toBe(expected)
})

it('keeps the id and time of a replay, and leaves out what is reserved by Pub/Sub', () => {
  const origin = { source_message_id: '4', source_publish_time: '2026-11-20T10:00:00.000Z', replay_count: '1' }
  const received = { ...origin, lane: 'urgent', traceparent: '00-1', googclient_x: 'y' }
  expect(bulkCopyOf({ ...MESSAGE, attributes: received })).toEqual({
    data: MESSAGE.data,
    attributes: { ...origin, lane: 'bulk', traceparent: '00-1' },
  })
})
