import { EventEmitter, once } from 'node:events'
import type { Message } from '@google-cloud/pubsub'
import { ManualClock } from './testing/manual-clock.ts'
import { nextEvent, Started } from './testing/started.ts'

const text = (value: string) => ({ data: Buffer.from(value) })

describe('faults on demand', () => {
  const started = new Started()
  afterEach(() => started.close())

  it.each(['together', 'after'] as const)('pushes the next messages twice (%s), and then once again', async (when) => {
    const server = await started.pubSub()
    const { url, pushes } = await started.endpoint(() => 204)
    const [topic, { name }] = await started.subscription(started.client(server), { pushEndpoint: url })
    server.duplicatePushes(name, 2, when)
    expect(server.duplicatesDue(name)).toBe(2)
    for (const value of ['1', '2', '3']) {
      const acknowledged = nextEvent(server, 'acknowledged')
      await topic.publishMessage(text(value))
      await acknowledged
    }
    expect(pushes.map((push) => push.text)).toEqual(['1', '1', '2', '2', '3'])
    expect(server.stats(name)).toMatchObject({ outstanding: 0, acknowledged: 3 })
    expect(server.duplicatesDue(name)).toBe(0)
  })

  it('lets nothing of the same ordering key overtake a duplicate', async () => {
    const server = await started.pubSub()
    const { url, received } = await started.endpoint(() => 204)
    const [topic, { name }] = await started.subscription(started.client(server), {
      pushEndpoint: url,
      enableMessageOrdering: true,
    })
    topic.setPublishOptions({ messageOrdering: true })
    server.duplicatePushes(name, 2, 'after')
    await Promise.all(['1', '2', '3'].map((value) => topic.publishMessage({ ...text(value), orderingKey: 'person' })))
    expect((await received(5)).map((push) => push.text)).toEqual(['1', '1', '2', '2', '3'])
  })

  it('delivers nothing of a paused subscription until it is resumed', async () => {
    const server = await started.pubSub()
    const { url, pushes, received } = await started.endpoint(() => 204)
    const [topic, { name }] = await started.subscription(started.client(server), { pushEndpoint: url })
    const [other] = await topic.createSubscription('other', { pushEndpoint: url })
    server.pause(name)
    const elsewhere = nextEvent(server, 'acknowledged', (event) => event.subscription === other.name)
    await topic.publishMessage(text('x'))
    await elsewhere
    expect(pushes).toHaveLength(1)
    expect(server.stats(name)).toMatchObject({ paused: true, outstanding: 1, deliveries: 0 })
    server.resume(name)
    await received(2)
  })
})

describe('a restart', () => {
  const started = new Started()
  afterEach(() => started.close())

  it('cuts connections and loses no message, no attempt and no back-off', async () => {
    const clock = new ManualClock()
    const first = await started.pubSub(clock)
    const { url, received } = await started.endpoint((_push, index) => (index === 0 ? 503 : 204))
    const client = started.client(first)
    const [deadLetterTopic] = await client.createTopic('dead')
    const [topic, subscription] = await started.subscription(client, {
      pushEndpoint: url,
      retryPolicy: { minimumBackoff: { seconds: 60 }, maximumBackoff: { seconds: 600 } },
      deadLetterPolicy: { deadLetterTopic: deadLetterTopic.name, maxDeliveryAttempts: 5 },
    })
    const failed = nextEvent(first, 'delivered')
    const waiting = await topic.publishMessage(text('waiting'))
    await failed
    await new Promise(setImmediate)
    first.pause(subscription.name)
    const ready = await topic.publishMessage(text('ready'))
    await first.close()

    const { events } = first // who watches goes on watching
    const second = await started.pubSub({ ...clock, events, port: first.port, restore: first.snapshot() })
    expect(second.events).toBe(events)
    expect(await nextEvent(second, 'acknowledged')).toMatchObject({ messageId: ready, attempt: 1 })
    clock.advance(59_999)
    expect(second.stats(subscription.name).waiting).toBe(1)
    clock.advance(1)
    expect((await received(3))[2]).toMatchObject({ deliveryAttempt: 2, message: { messageId: waiting } })

    const acknowledged = nextEvent(second, 'acknowledged')
    const afterwards = await topic.publishMessage(text('the same client goes on'))
    await acknowledged
    expect(BigInt(afterwards)).toBeGreaterThan(BigInt(ready))
  })

  it('is survived by a streaming subscriber and by a message that it held', async () => {
    const first = await started.pubSub()
    const client = started.client(first)
    const [topic, subscription] = await started.subscription(client)
    const seen = new EventEmitter()
    const held: string[] = []
    subscription.on('message', (message: Message) => {
      held.push(message.id)
      if (held.length > 1) message.ack()
      seen.emit('message')
    })
    const firstSeen = once(seen, 'message')
    const id = await topic.publishMessage(text('held'))
    await firstSeen
    const seenAgain = once(seen, 'message')
    await first.close()
    const second = await started.pubSub({ port: first.port, restore: first.snapshot() })
    const acknowledged = nextEvent(second, 'acknowledged')
    await seenAgain
    await acknowledged
    expect(held).toEqual([id, id])
    expect(second.stats(subscription.name).outstanding).toBe(0)
    await subscription.close()
  })
})
