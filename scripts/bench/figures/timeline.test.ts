import { EventEmitter } from 'node:events'
import type { CustomerIoEvents } from '../../emulators/customerio/index.ts'
import type { PubSubEvents } from '../../emulators/pubsub/index.ts'
import { Timeline } from './timeline.ts'

let nowMs = 0
const at = (ms: number) => {
  nowMs = ms
}

it('divides the time of a message among its stages, which add up to all of it', () => {
  const pubsub = new EventEmitter<PubSubEvents>()
  const customerio = new EventEmitter<CustomerIoEvents>()
  const timeline = new Timeline(() => nowMs)
  timeline.watch(pubsub, customerio)
  const data = Buffer.from('{"attributes":{"tag":"a"}}')

  timeline.expect('a', 100)
  at(112)
  const about = { topic: 'projects/p/topics/track', attributes: {}, orderingKey: '', publishTimeMs: 0 }
  pubsub.emit('published', { ...about, messageId: '7', data })
  at(150)
  customerio.emit('received', { endpoint: 'batch', kind: 'batch', budget: 'track', body: Buffer.from(`[${data}]`) })
  at(211)
  const push = { subscription: 's', attempt: 1, via: 'push' } as const
  pubsub.emit('delivered', { ...push, messageId: '7', status: 204, latencyMs: 96 })
  expect(timeline.stages()).toBeUndefined()
  timeline.logSink.deliver([line({ message_id: '7', queue_wait_ms: 30, request_ms: 55 })])

  expect(timeline.stages()).toEqual([
    { publish: 12, queue: 3, push: 5, batch: 30, customerio: 55, answer: 6, toCustomerio: 50 },
  ])
})

it('is deaf to messages that it does not expect, and waits for all that it does', () => {
  const timeline = new Timeline(() => nowMs)
  expect(timeline.stages()).toEqual([])
  timeline.logSink.deliver([line({ message_id: '8', queue_wait_ms: 30, request_ms: 55 })])
  expect(timeline.stages()).toEqual([])
  timeline.expect('b', 0)
  expect(timeline.stages()).toBeUndefined()
})

const line = (jsonPayload: object) => JSON.stringify({ jsonPayload: { event: 'message', ...jsonPayload } })
