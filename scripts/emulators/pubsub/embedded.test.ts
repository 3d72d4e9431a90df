import { once } from 'node:events'
import type { PubSub, Topic, v1 } from '@google-cloud/pubsub'
import { status } from '@grpc/grpc-js'
import type { PubSubServer } from './index.ts'
import { ManualClock } from './testing/manual-clock.ts'
import { nextEvent, Started } from './testing/started.ts'

/** What Google documents and its emulator does not do, or does too slowly to be asked in a test. */
describe('the embedded Pub/Sub', () => {
  const started = new Started()
  const clock = new ManualClock()
  let server: PubSubServer
  let client: PubSub
  let puller: v1.SubscriberClient

  beforeEach(async () => {
    server = await started.pubSub(clock)
    client = started.client(server)
    puller = started.puller(client)
  })

  afterEach(() => started.close())

  const text = (value: string) => ({ data: Buffer.from(value) })

  /** What is there now; nothing when nothing is. */
  async function pullNow(subscription: string, maxMessages = 100) {
    const [response] = await puller.pull({ subscription, maxMessages, returnImmediately: true })
    return response.receivedMessages ?? []
  }

  const texts = (received: Awaited<ReturnType<typeof pullNow>>) => received.map(({ message }) => String(message?.data))

  describe('refuses to publish', () => {
    let topic: Topic
    beforeEach(async () => {
      ;[topic] = await client.createTopic('limits')
    })

    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']))

    it.each([
      ['more than 100 attributes', { attributes: many(101) }, 'attribute_count'],
      ['an attribute key of more than 256 bytes', { attributes: { ['ä'.repeat(129)]: 'v' } }, 'attribute_key_size'],
      ['an attribute value of more than 1,024 bytes', { attributes: { key: '€'.repeat(342) } }, 'attribute_value_size'],
      ['more than 10 MB', { data: Buffer.alloc(10_000_000) }, 'request_size'],
      ['an empty attribute key', { attributes: { '': 'v' } }, 'empty key'],
      ['a reserved attribute key', { attributes: { googclient: 'v' } }, 'reserved'],
      ['nothing at all', { data: Buffer.alloc(0) }, 'is empty'],
    ])('%s', async (_, message, words) => {
      await expect(topic.publishMessage(message)).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
        message: expect.stringContaining(words),
      })
    })

    it('an ordering key of more than 1,024 bytes', async () => {
      topic.setPublishOptions({ messageOrdering: true })
      await expect(topic.publishMessage({ ...text('x'), orderingKey: 'k'.repeat(1025) })).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
      })
    })

    it('nothing that is just within the limits', async () => {
      const attributes = { ...many(98), ['k'.repeat(256)]: 'v', value: 'v'.repeat(1024) }
      await topic.publishMessage({ attributes })
      topic.setPublishOptions({ messageOrdering: true })
      await topic.publishMessage({ ...text('x'), orderingKey: 'k'.repeat(1024) })
    })
  })

  describe('a filter', () => {
    it('lets through what matches, and acknowledges the rest', async () => {
      const [topic, { name }] = await started.subscription(client, { filter: 'attributes.metric = "bounced"' })
      await topic.publishMessage({ ...text('yes'), attributes: { metric: 'bounced' } })
      await topic.publishMessage({ ...text('no'), attributes: { metric: 'opened' } })
      expect(texts(await pullNow(name))).toEqual(['yes'])
      expect(server.stats(name).outstanding).toBe(1)
    })

    it('that is none is refused when the subscription is made', async () => {
      const [topic] = await client.createTopic('filtered')
      await expect(
        topic.createSubscription('filtered', { filter: 'attributes.metric = bounced' }),
      ).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
        message: expect.stringContaining('expected a string in double quotes at 20'),
      })
    })
  })

  describe('an update', () => {
    it('changes what may change', async () => {
      const [, subscription] = await started.subscription(client, { ackDeadlineSeconds: 10 })
      await subscription.setMetadata({ ackDeadlineSeconds: 120, retryPolicy: { minimumBackoff: { seconds: 1 } } })
      const [metadata] = await subscription.getMetadata()
      expect(metadata).toMatchObject({ ackDeadlineSeconds: 120, retryPolicy: { minimumBackoff: { seconds: '1' } } })
    })

    it.each([{ filter: 'attributes:k' }, { enableMessageOrdering: true }, { ackDeadlineSeconds: 601 }])(
      'refuses %o',
      async (change) => {
        const [, subscription] = await started.subscription(client)
        const [before] = await subscription.getMetadata()
        await expect(subscription.setMetadata(change)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT })
        expect((await subscription.getMetadata())[0]).toEqual(before)
      },
    )
  })

  it.each([
    ['an ack deadline below 10 s', { ackDeadlineSeconds: 9 }],
    [
      'a minimum back-off above the maximum',
      { retryPolicy: { minimumBackoff: { seconds: 9 }, maximumBackoff: { seconds: 8 } } },
    ],
    ['a push address that is none', { pushEndpoint: 'functions/identify' }],
  ])('refuses a subscription with %s', async (_, options) => {
    const [topic] = await client.createTopic('topic')
    await expect(topic.createSubscription('subscription', options)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    })
  })

  it.each(['ab', '1abc', 'googabc', 'a b c', 'a'.repeat(256)])('refuses the topic name %s', async (name) => {
    await expect(client.createTopic(name)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT })
  })

  it('lists in pages', async () => {
    for (const name of ['one', 'two', 'three']) await client.createTopic(`topic-${name}`)
    const [first, next] = await client.getTopics({ pageSize: 2, autoPaginate: false })
    expect(first).toHaveLength(2)
    const [second] = await client.getTopics({ ...next, autoPaginate: false })
    expect(second.map(({ name }) => name)).toEqual(['projects/local/topics/topic-three'])
  })

  it('delivers again when the ack deadline is over, and still takes the late acknowledgement', async () => {
    const [topic, { name }] = await started.subscription(client, { ackDeadlineSeconds: 30 })
    await topic.publishMessage(text('x'))
    const [first] = await pullNow(name)
    clock.advance(29_999)
    expect(await pullNow(name)).toEqual([])
    clock.advance(1)
    expect(texts(await pullNow(name))).toEqual(['x'])
    await puller.acknowledge({ subscription: name, ackIds: [first?.ackId ?? ''] })
    clock.advance(60_000)
    expect(await pullNow(name)).toEqual([])
  })

  it('refuses an ack id that is none, and ignores one of another subscription', async () => {
    const [topic, { name }] = await started.subscription(client)
    const [other] = await topic.createSubscription('other')
    await topic.publishMessage(text('x'))
    const [received] = await pullNow(name)
    await expect(puller.acknowledge({ subscription: name, ackIds: ['nonsense'] })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    })
    await puller.acknowledge({ subscription: other.name, ackIds: [received?.ackId ?? ''] })
    expect(server.allStats().map(({ outstanding }) => outstanding)).toEqual([1, 1])
  })

  it('forgets a message that is older than the retention', async () => {
    const [topic, { name }] = await started.subscription(client, { messageRetentionDuration: 600 })
    const messageId = await topic.publishMessage(text('old'))
    clock.advance(599_999)
    expect(server.stats(name)).toMatchObject({ outstanding: 1, oldestUnackedAgeMs: 599_999 })
    const expired = nextEvent(server, 'expired')
    clock.advance(1)
    expect(await pullNow(name)).toEqual([])
    expect(await expired).toEqual({ subscription: name, messageId, attempts: 0 })
    expect(server.stats(name)).toMatchObject({ outstanding: 0 })
  })

  it('keeps acknowledged messages for a seek no longer than the retention', async () => {
    const [topic, subscription] = await started.subscription(client, {
      messageRetentionDuration: 600,
      retainAckedMessages: true,
    })
    const startMs = clock.now()
    for (const value of ['1', '2']) {
      await topic.publishMessage(text(value))
      const [received] = await pullNow(subscription.name)
      await puller.acknowledge({ subscription: subscription.name, ackIds: [received?.ackId ?? ''] })
      clock.advance(300_000)
    }
    await subscription.seek(new Date(startMs))
    expect(texts(await pullNow(subscription.name))).toEqual(['2'])
  })

  describe('a topic with message retention', () => {
    const HOUR_MS = 3_600_000
    const keeping = async (hours: number): Promise<Topic> => {
      const [topic] = await client.createTopic({ name: 'kept', messageRetentionDuration: { seconds: hours * 3_600 } })
      return topic
    }

    it('gives a subscription that is made later what was published since the time that it seeks', async () => {
      const topic = await keeping(24)
      await topic.publishMessage(text('before'))
      clock.advance(HOUR_MS)
      const fromMs = clock.now()
      for (const value of ['1', '2']) await topic.publishMessage(text(value))
      const [later] = await topic.createSubscription('later')
      expect(await pullNow(later.name)).toEqual([])
      await later.seek(new Date(fromMs))
      expect(texts(await pullNow(later.name))).toEqual(['1', '2'])
    })

    it('gives an acknowledged message again, once, and what a filter leaves out never', async () => {
      const topic = await keeping(24)
      const [filtered] = await topic.createSubscription('filtered', { filter: 'attributes.lane = "bulk"' })
      const fromMs = clock.now()
      for (const lane of ['bulk', 'other']) await topic.publishMessage({ ...text(lane), attributes: { lane } })
      const [first] = await pullNow(filtered.name)
      await puller.acknowledge({ subscription: filtered.name, ackIds: [first?.ackId ?? ''] })
      await topic.publishMessage({ ...text('waiting'), attributes: { lane: 'bulk' } })
      await filtered.seek(new Date(fromMs))
      expect(texts(await pullNow(filtered.name))).toEqual(['bulk', 'waiting'])
    })

    it('forgets what is older, and keeps the rest over a restart', async () => {
      const topic = await keeping(1)
      const fromMs = clock.now()
      await topic.publishMessage(text('old'))
      clock.advance(HOUR_MS / 2)
      await topic.publishMessage(text('kept'))
      clock.advance(HOUR_MS / 2)
      const snapshot = server.snapshot()
      const again = started.client(await started.pubSub({ ...clock, restore: snapshot }))
      const [later] = await again.topic('kept').createSubscription('later')
      await later.seek(new Date(fromMs))
      const [response] = await started
        .puller(again)
        .pull({ subscription: later.name, maxMessages: 9, returnImmediately: true })
      expect(texts(response.receivedMessages ?? [])).toEqual(['kept'])
    })

    it('keeps a message for a subscription whose own retention is shorter', async () => {
      const topic = await keeping(24)
      const [brief] = await topic.createSubscription('brief', { messageRetentionDuration: 600 })
      await topic.publishMessage(text('1'))
      clock.advance(HOUR_MS)
      expect(texts(await pullNow(brief.name))).toEqual(['1'])
    })

    it.each([599, 31 * 86_400 + 1])('refuses to keep messages for %d seconds', async (seconds) => {
      const creating = client.createTopic({ name: 'kept', messageRetentionDuration: { seconds } })
      await expect(creating).rejects.toMatchObject({ code: status.INVALID_ARGUMENT })
    })
  })

  describe('ordering', () => {
    const ordered = async (): Promise<[Topic, string]> => {
      const [topic, { name }] = await started.subscription(client, {
        enableMessageOrdering: true,
        retainAckedMessages: true,
      })
      topic.setPublishOptions({ messageOrdering: true })
      return [topic, name]
    }

    it('holds back the messages of one key and not those of others', async () => {
      const [topic, name] = await ordered()
      for (const [value, orderingKey] of [
        ['a1', 'a'],
        ['a2', 'a'],
        ['b1', 'b'],
        ['free', ''],
      ] as const) {
        await topic.publishMessage({ ...text(value), orderingKey })
      }
      const first = await pullNow(name)
      expect(texts(first)).toEqual(['a1', 'b1', 'free'])
      await puller.modifyAckDeadline({ subscription: name, ackIds: [first[0]?.ackId ?? ''], ackDeadlineSeconds: 0 })
      const again = await pullNow(name)
      expect(texts(again)).toEqual(['a1'])
      await puller.acknowledge({ subscription: name, ackIds: [again[0]?.ackId ?? ''] })
      expect(texts(await pullNow(name))).toEqual(['a2'])
    })

    it('is that of publishing again after a seek', async () => {
      const [topic, name] = await ordered()
      const startMs = clock.now()
      for (const value of ['1', '2', '3']) await topic.publishMessage({ ...text(value), orderingKey: 'a' })
      const [first] = await pullNow(name)
      await puller.acknowledge({ subscription: name, ackIds: [first?.ackId ?? ''] })
      await client.subscription(name).seek(new Date(startMs))
      const order: string[] = []
      for (let pulls = 0; pulls < 3; pulls += 1) {
        const received = await pullNow(name)
        order.push(...texts(received))
        await puller.acknowledge({ subscription: name, ackIds: received.map(({ ackId }) => ackId ?? '') })
      }
      expect(order).toEqual(['1', '2', '3'])
    })
  })

  describe('dead-lettering', () => {
    beforeEach(async () => {
      server = await started.pubSub({ now: clock.now, schedule: clock.schedule, backoffScale: 0 })
      client = started.client(server)
      puller = started.puller(client)
    })

    it('is told, and keeps data, attributes and ordering key', async () => {
      const { url } = await started.endpoint(() => 500)
      const [deadLetterTopic, deadLetters] = await started.subscription(client)
      const [topic, { name }] = await started.subscription(client, {
        pushEndpoint: url,
        enableMessageOrdering: true,
        deadLetterPolicy: { deadLetterTopic: deadLetterTopic.name, maxDeliveryAttempts: 6 },
      })
      topic.setPublishOptions({ messageOrdering: true })
      const deadLettered = nextEvent(server, 'deadLettered')
      const messageId = await topic.publishMessage({ ...text('hopeless'), orderingKey: 'person' })
      const event = await deadLettered
      expect(event).toMatchObject({ subscription: name, messageId, attempts: 6, deadLetterTopic: deadLetterTopic.name })
      const [received] = await pullNow(deadLetters.name)
      expect(received?.message).toMatchObject({
        messageId: event.deadLetterMessageId,
        data: Buffer.from('hopeless'),
        orderingKey: 'person',
        attributes: {
          CloudPubSubDeadLetterSourceDeliveryCount: '6',
          CloudPubSubDeadLetterSourceTopicPublishTime: new Date(clock.now()).toISOString(),
        },
      })
      expect(server.stats(name)).toMatchObject({ outstanding: 0, deadLettered: 1 })
    })

    it('keeps a message whose dead-letter topic has been deleted', async () => {
      const { url, received } = await started.endpoint((_push, index) => (index < 7 ? 500 : 204))
      const [deadLetterTopic] = await client.createTopic('dead')
      const [topic] = await started.subscription(client, {
        pushEndpoint: url,
        deadLetterPolicy: { deadLetterTopic: deadLetterTopic.name, maxDeliveryAttempts: 5 },
      })
      await deadLetterTopic.delete()
      await topic.publishMessage(text('x'))
      expect((await received(8))[7]?.deliveryAttempt).toBe(8)
    })
  })

  describe('a stream', () => {
    it("answers its client's pings", async () => {
      const [, { name }] = await started.subscription(client)
      const stream = puller.streamingPull()
      stream.write({ subscription: name, streamAckDeadlineSeconds: 10 })
      await once(stream, 'data')
      stream.write({})
      await once(stream, 'data')
      stream.end()
      await once(stream, 'end')
    })

    it('ends with NOT_FOUND when its subscription is deleted', async () => {
      const [topic, subscription] = await started.subscription(client)
      const failed = once(subscription, 'error')
      const delivered = nextEvent(server, 'delivered')
      subscription.on('message', () => {})
      await topic.publishMessage(text('x'))
      await delivered
      await puller.deleteSubscription({ subscription: subscription.name })
      const [error] = await failed
      expect(error).toMatchObject({ code: status.NOT_FOUND, message: expect.stringContaining(subscription.name) })
    })

    it('cannot be opened on a subscription that does not exist', async () => {
      const missing = client.subscription('missing')
      const failed = once(missing, 'error')
      missing.on('message', () => {})
      expect((await failed)[0]).toMatchObject({ code: status.NOT_FOUND })
    })
  })

  it('holds nothing of what has been acknowledged', async () => {
    const { url } = await started.endpoint(() => 204)
    const [topic, { name }] = await started.subscription(client, { pushEndpoint: url })
    const count = 500
    let left = count
    const all = nextEvent(server, 'acknowledged', () => --left === 0)
    await Promise.all(Array.from({ length: count }, (_, index) => topic.publishMessage(text(`${index}`))))
    await all
    expect(server.stats(name)).toMatchObject({ outstanding: 0, leased: 0, deliveries: count, acknowledged: count })
    expect(server.snapshot().subscriptions).toMatchObject([{ backlog: [], retained: [] }])
  })
})
