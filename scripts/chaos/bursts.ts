import type { PlannedMessage, Topic } from './messages.ts'

/** Messages that come at once, on top of the plan. Each is made when it is its turn: ten megabytes take a while. */
function* burst(count: number, of: (mark: string) => Pick<PlannedMessage, 'topic' | 'data' | 'nature'>, name: string) {
  for (let number = 0; number < count; number++) {
    const mark = `${name}-${number}`
    const message: PlannedMessage = { ...of(mark), mark, effect: mark, atMs: 0, attributes: {} }
    yield message
  }
}

/** Updates of one object that no ordering key orders: they compete with everybody else until they go on in the bulk lane. */
export function floodOfOneKey(name: string, count: number): Iterable<PlannedMessage> {
  const identifiers = { object_type_id: '1', object_id: name }
  const update = (mark: string) => JSON.stringify({ type: 'object', identifiers, attributes: { chaos: mark } })
  return burst(count, (mark) => ({ topic: 'identify', data: update(mark), nature: 'sound' }), name)
}

/** With the rest close to the 10 MB of a Pub/Sub message, and far beyond what the contract takes. */
const FILLER = 'x'.repeat(9_900_000)
/** Attachments may be 2 MB when decoded. */
const ATTACHMENT_BYTES = 1_990_000

/** The largest messages that Pub/Sub (track) and the contract (transactional) take. `name` is in the mark of each. */
export function largestMessages(topic: Topic, name: string, count: number): Iterable<PlannedMessage> {
  const attachment = topic === 'track' ? '' : Buffer.alloc(ATTACHMENT_BYTES, name).toString('base64')
  // Put together by hand: to stringify megabytes takes a tenth of a second each.
  const event = (mark: string) =>
    `{"identifiers":{"id":"large"},"name":"large","attributes":{"chaos":"${mark}","filler":"${FILLER}"}}`
  const send = (mark: string) =>
    `{"channel":"email","transactional_message_id":1,"to":"${mark}@example.com","identifiers":{"id":"${mark}"},` +
    `"message_data":{"chaos":"${mark}"},"attachments":{"large.pdf":"${attachment}"}}`
  return topic === 'track'
    ? burst(count, (mark) => ({ topic, data: event(mark), nature: 'broken' }), name)
    : burst(count, (mark) => ({ topic: 'transactional', data: send(mark), nature: 'sound' }), name)
}
