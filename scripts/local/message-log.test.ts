import { EventEmitter } from 'node:events'
import type { PubSubEvents } from '../emulators/pubsub/index.ts'
import { readTopology } from '../topology/topology.ts'
import { MessageLog, type MessageLogOptions } from './message-log.ts'

const topology = readTopology()

function watched(options: Partial<MessageLogOptions> = {}) {
  const events = new EventEmitter<PubSubEvents>()
  const log = new MessageLog({ topology, projectId: 'p', events, ...options })
  const publish = (topic: string, messageId: string, attributes: Record<string, string> = {}, data = '{}') =>
    events.emit('published', {
      ...{ topic: `projects/p/topics/${topic}`, messageId, attributes, orderingKey: '', publishTimeMs: 1_000 },
      data: Buffer.from(data),
    })
  const push = (messageId: string, status: number) =>
    events.emit('delivered', { subscription: 's', messageId, attempt: 1, via: 'push', status })
  const record = (jsonPayload: object) =>
    publish(topology.record.topic, 'r', {}, JSON.stringify({ timestamp: '1970-01-01T00:00:01.250Z', jsonPayload }))
  const line = (message_id: string, outcome: string, more: object = {}) => record({ message_id, outcome, ...more })
  return { events, log, publish, push, line, record }
}

it('knows a message from its publish on, and what the record says of it', () => {
  const { log, publish, push, line } = watched()
  publish('track', '1', {}, '{"a":1}')
  expect(log.find('1')).toMatchObject({ topic: 'track', outcome: 'waiting', attempts: 0 })
  push('1', 503)
  expect(log.find('1')).toMatchObject({ outcome: 'retry', attempts: 1 })
  push('1', 204)
  line('1', 'delivered')
  expect(log.find('1')).toMatchObject({ outcome: 'delivered', attempts: 2, endedAtMs: 1_250 })
  expect(String(log.find('1')?.data)).toBe('{"a":1}')
})

it('tells each change', () => {
  const { log, publish, push, line } = watched()
  const told: string[] = []
  log.events.on('changed', ({ id, outcome }) => told.push(`${id} ${outcome}`))
  publish('track', '1')
  push('1', 503)
  line('1', 'delivered')
  expect(told).toEqual(['1 waiting', '1 retry', '1 delivered'])
})

it('takes a replay, and a move to the bulk lane, for the same message', () => {
  const { log, publish, push, line } = watched()
  publish('identify', '1')
  line('1', 'refused', { reason: 'uncertain' })
  expect(log.find('1')?.outcome).toBe('uncertain')
  publish('identify', '2', { source_message_id: '1' })
  expect(log.all()).toHaveLength(1)
  expect(log.find('2')).toMatchObject({ id: '1', outcome: 'waiting', reason: undefined })
  // The line of the first publish comes late, and is not news.
  line('1', 'retry')
  expect(log.find('1')?.outcome).toBe('waiting')
  publish('identify', '3', { source_message_id: '1', lane: 'bulk' })
  push('3', 204)
  line('3', 'delivered', { note: 'duplicate' })
  expect(log.find('1')).toMatchObject({ outcome: 'delivered', note: 'duplicate', attempts: 1 })
  expect(log.find('1')?.publishes.map(({ messageId }) => messageId)).toEqual(['1', '2', '3'])
})

it('takes a replay of what it does not know for a message', () => {
  const { log, publish } = watched()
  publish('track', '7', { source_message_id: '6' })
  expect(log.find('7')?.id).toBe('7')
})

it('keeps what Pub/Sub itself moved away', () => {
  const { events, log, publish, push, line } = watched()
  publish('track', '1')
  push('1', 503)
  events.emit('deadLettered', {
    ...{ subscription: 's', messageId: '1', attempts: 1, deadLetterTopic: 't', deadLetterMessageId: '2' },
  })
  line('1', 'retry')
  expect(log.find('1')).toMatchObject({ outcome: 'exhausted', reason: 'forwarded' })
})

it('looks at no topic but those that functions deliver', () => {
  const { log, publish } = watched()
  for (const topic of ['track-dead-letter', 'probe', 'message-outcomes', 'secret-rotation', 'unknown'])
    publish(topic, topic)
  for (const topic of ['identify', 'track', 'transactional', 'webhook-events']) publish(topic, topic)
  expect(log.all().map(({ topic }) => topic)).toEqual(['identify', 'track', 'transactional', 'webhook-events'])
})

it('outlives lines that are none', () => {
  const { log, publish, record } = watched()
  publish('track', '1')
  publish(topology.record.topic, 'r', {}, 'no JSON')
  publish(topology.record.topic, 'r', {}, '[]')
  record({})
  record({ message_id: 1 })
  record({ message_id: 'unknown', outcome: 'delivered' })
  expect(log.all()).toMatchObject([{ outcome: 'waiting' }])
})

it('forgets the oldest beyond a number of messages, and of bytes', () => {
  const few = watched({ mostMessages: 2 })
  for (const id of ['1', '2', '3']) few.publish('track', id)
  expect(few.log.all().map(({ id }) => id)).toEqual(['2', '3'])
  expect(few.log.find('1')).toBeUndefined()
  const small = watched({ mostBytes: 25_000 })
  for (const id of ['1', '2', '3']) small.publish('track', id, {}, 'x'.repeat(10_000))
  expect(small.log.all().map(({ id }) => id)).toEqual(['2', '3'])
})

it('counts attributes, and each repeat of a message', () => {
  const { log, publish } = watched({ mostBytes: 50_000 })
  publish('track', '1')
  publish('track', '2')
  const attributes = { source_message_id: '2', traceparent: 'x'.repeat(10_000) }
  publish('track', '3', attributes)
  publish('track', '4', attributes)
  expect(log.all().map(({ id }) => id)).toEqual(['1', '2'])
  publish('track', '5', attributes)
  expect(log.all()).toEqual([])
  publish('track', '6')
  expect(log.all().map(({ id }) => id)).toEqual(['6'])
})

it('looks away when it is closed', () => {
  const { log, publish } = watched()
  log.close()
  publish('track', '1')
  expect(log.all()).toEqual([])
})
