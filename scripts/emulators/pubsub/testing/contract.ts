import { randomUUID } from 'node:crypto'
import { EventEmitter, on, once } from 'node:events'
import {
  type CreateSubscriptionOptions,
  type Message,
  PubSub,
  type protos,
  type Subscription,
  type Topic,
  v1,
} from '@google-cloud/pubsub'
import { status } from '@grpc/grpc-js'
import { type Answer, type PushEndpoint, type ReceivedPush, startPushEndpoint } from './push-endpoint.ts'

/** Java takes its time on a busy machine. */
const JAVA_START_MS = 60_000

type ReceivedMessage = protos.google.pubsub.v1.IReceivedMessage

/** A Pub/Sub under test, at `host:port`. */
export interface Server {
  readonly host: string
  close(): Promise<unknown>
}

/**
 * What the project relies on in Pub/Sub, through the real client: the embedded server must do it (contract.test.ts), and Google's
 * own emulator says whether the expectations are right (google.long.test.ts). What the emulator does not do (filters,
 * `deliveryAttempt`, ordering key and token in pushes, 202 as a success, back-off below a second) is in embedded.test.ts.
 */
export function keepsTheContract(start: () => Promise<Server>): void {
  let server: Server
  let pubsub: PubSub
  let puller: v1.SubscriberClient
  const endpoints: PushEndpoint[] = []

  beforeAll(async () => {
    server = await start()
    pubsub = new PubSub({ projectId: 'local', apiEndpoint: server.host })
    puller = new v1.SubscriberClient({ ...pubsub.options, projectId: 'local' })
  }, JAVA_START_MS)

  afterEach(async () => {
    await Promise.all(endpoints.splice(0).map((endpoint) => endpoint.close()))
  })

  afterAll(async () => {
    await puller.close()
    await pubsub.close()
    await server.close()
  })

  const newName = () => `name-${randomUUID()}`
  const newTopic = async (): Promise<Topic> => (await pubsub.createTopic(newName()))[0]

  async function newSubscription(options: CreateSubscriptionOptions = {}): Promise<[Topic, Subscription]> {
    const topic = await newTopic()
    const [subscription] = await topic.createSubscription(newName(), options)
    return [topic, subscription]
  }

  async function endpoint(answer: (push: ReceivedPush, index: number) => Answer): Promise<PushEndpoint> {
    const started = await startPushEndpoint(answer)
    endpoints.push(started)
    return started
  }

  /** One pull after another until so many messages have come. */
  async function pull(subscription: Subscription, count = 1): Promise<ReceivedMessage[]> {
    const [response] = await puller.pull({ subscription: subscription.name, maxMessages: count })
    const received = response.receivedMessages ?? []
    return received.length >= count ? received : [...received, ...(await pull(subscription, count - received.length))]
  }

  const pullOne = async (subscription: Subscription) => {
    const [received] = await pull(subscription)
    if (received?.ackId == null || received.message == null) throw new Error('a pulled message has no ack id')
    return { ...received, ackId: received.ackId, message: received.message, text: String(received.message.data) }
  }

  const acknowledge = (subscription: Subscription, ackId: string) =>
    puller.acknowledge({ subscription: subscription.name, ackIds: [ackId] })

  const setDeadline = (subscription: Subscription, ackId: string, ackDeadlineSeconds: number) =>
    puller.modifyAckDeadline({ subscription: subscription.name, ackIds: [ackId], ackDeadlineSeconds })

  const publish = (
    topic: Topic,
    text: string,
    rest: { orderingKey?: string; attributes?: Record<string, string> } = {},
  ) => topic.publishMessage({ data: Buffer.from(text), ...rest })

  /** The texts of the messages that a subscription still holds, and which are acknowledged by looking. */
  async function drain(subscription: Subscription, count: number): Promise<string[]> {
    const received = await pull(subscription, count)
    await puller.acknowledge({ subscription: subscription.name, ackIds: received.map(({ ackId }) => ackId ?? '') })
    return received.map(({ message }) => String(message?.data))
  }

  describe('topics and subscriptions', () => {
    it('creates, gets, lists and deletes them', async () => {
      const [topic, subscription] = await newSubscription({ ackDeadlineSeconds: 30, enableMessageOrdering: true })
      const [metadata] = await subscription.getMetadata()
      expect(metadata).toMatchObject({
        name: subscription.name,
        topic: topic.name,
        ackDeadlineSeconds: 30,
        enableMessageOrdering: true,
      })
      expect((await pubsub.getTopics())[0].map(({ name }) => name)).toContain(topic.name)
      expect((await pubsub.getSubscriptions())[0].map(({ name }) => name)).toContain(subscription.name)
      expect((await topic.getSubscriptions())[0].map(({ name }) => name)).toEqual([subscription.name])

      await subscription.delete()
      await topic.delete()
      expect(await subscription.exists()).toEqual([false])
      expect(await topic.exists()).toEqual([false])
    })

    it('says ALREADY_EXISTS for a second one of the same name', async () => {
      const [topic, subscription] = await newSubscription()
      await expect(pubsub.createTopic(topic.name)).rejects.toMatchObject({ code: status.ALREADY_EXISTS })
      await expect(topic.createSubscription(subscription.name)).rejects.toMatchObject({ code: status.ALREADY_EXISTS })
    })

    it('says NOT_FOUND for what does not exist', async () => {
      const missing = pubsub.topic('missing')
      await expect(missing.publishMessage({ data: Buffer.from('x') })).rejects.toMatchObject({ code: status.NOT_FOUND })
      await expect(missing.createSubscription(newName())).rejects.toMatchObject({ code: status.NOT_FOUND })
      await expect(pubsub.subscription('missing').getMetadata()).rejects.toMatchObject({ code: status.NOT_FOUND })
      await expect(pubsub.subscription('missing').delete()).rejects.toMatchObject({ code: status.NOT_FOUND })
    })

    it('refuses a dead-letter topic that does not exist', async () => {
      const topic = await newTopic()
      const deadLetterPolicy = { deadLetterTopic: 'projects/local/topics/missing', maxDeliveryAttempts: 5 }
      await expect(topic.createSubscription(newName(), { deadLetterPolicy })).rejects.toMatchObject({
        code: status.NOT_FOUND,
      })
    })

    it('refuses a retention below 10 minutes', async () => {
      const topic = await newTopic()
      await expect(topic.createSubscription(newName(), { messageRetentionDuration: 60 })).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
      })
    })

    it('keeps the backlog of a subscription whose topic is deleted', async () => {
      const [topic, subscription] = await newSubscription()
      await publish(topic, 'left')
      await topic.delete()
      expect(await drain(subscription, 1)).toEqual(['left'])
      expect((await subscription.getMetadata())[0].topic).toBe('_deleted-topic_')
    })
  })

  describe('publishing', () => {
    it('delivers data, attributes, id and publish time to every subscription', async () => {
      const [topic, first] = await newSubscription()
      const [second] = await topic.createSubscription(newName())
      const before = Date.now()
      const id = await publish(topic, 'Zoë 🚀', { attributes: { idempotency_key: 'k1', alphabet: 'ελληνικά' } })
      for (const subscription of [first, second]) {
        const { text, message } = await pullOne(subscription)
        expect(text).toBe('Zoë 🚀')
        expect(message).toMatchObject({
          messageId: id,
          attributes: { idempotency_key: 'k1', alphabet: 'ελληνικά' },
          orderingKey: '',
        })
        const publishedMs = Number(message.publishTime?.seconds) * 1000 + (message.publishTime?.nanos ?? 0) / 1e6
        expect(publishedMs).toBeGreaterThanOrEqual(before - 1)
        expect(publishedMs).toBeLessThanOrEqual(Date.now() + 1)
      }
    })

    it('takes a message that has attributes only', async () => {
      const [topic, subscription] = await newSubscription()
      await topic.publishMessage({ attributes: { only: 'this' } })
      expect((await pullOne(subscription)).message).toMatchObject({ attributes: { only: 'this' } })
    })

    it('refuses an empty message', async () => {
      const topic = await newTopic()
      await expect(publish(topic, '')).rejects.toMatchObject({ code: status.INVALID_ARGUMENT })
    })

    it('carries a message close to 10 MB', async () => {
      const [topic, subscription] = await newSubscription()
      await publish(topic, 'x'.repeat(9_900_000))
      expect((await pullOne(subscription)).text).toHaveLength(9_900_000)
    })
  })

  describe('pulling', () => {
    it('delivers again what was given back, and not what was acknowledged', async () => {
      const [topic, subscription] = await newSubscription()
      await publish(topic, 'once')
      const first = await pullOne(subscription)
      await setDeadline(subscription, first.ackId, 0)
      const second = await pullOne(subscription)
      expect(second.message.messageId).toBe(first.message.messageId)
      await acknowledge(subscription, second.ackId)
      await publish(topic, 'next')
      expect(await drain(subscription, 1)).toEqual(['next'])
    })

    it('delivers again when the ack deadline is over', async () => {
      const [topic, subscription] = await newSubscription()
      await publish(topic, 'late')
      const first = await pullOne(subscription)
      await setDeadline(subscription, first.ackId, 1)
      expect((await pullOne(subscription)).message.messageId).toBe(first.message.messageId)
    })

    it('counts delivery attempts where there is a dead-letter policy, and nowhere else', async () => {
      const deadLetters = await newTopic()
      const [topic, counted] = await newSubscription({
        deadLetterPolicy: { deadLetterTopic: deadLetters.name, maxDeliveryAttempts: 5 },
      })
      const [uncounted] = await topic.createSubscription(newName())
      await publish(topic, 'x')
      const first = await pullOne(counted)
      await setDeadline(counted, first.ackId, 0)
      expect([first.deliveryAttempt, (await pullOne(counted)).deliveryAttempt]).toEqual([1, 2])
      expect((await pullOne(uncounted)).deliveryAttempt).toBe(0)
    })

    it('seeks over the backlog', async () => {
      const [topic, subscription] = await newSubscription()
      await publish(topic, 'skipped')
      await subscription.seek(new Date(Date.now() + 60_000))
      // A seek to the future is over messages that are published before that time, so seek back for what comes next.
      await subscription.seek(new Date())
      await publish(topic, 'kept')
      expect(await drain(subscription, 1)).toEqual(['kept'])
    })

    it('seeks back to acknowledged messages that it was told to retain', async () => {
      const [topic, subscription] = await newSubscription({ retainAckedMessages: true })
      await publish(topic, 'again')
      await drain(subscription, 1)
      await subscription.seek(new Date(Date.now() - 60_000))
      expect(await drain(subscription, 1)).toEqual(['again'])
    })
  })

  describe('streaming', () => {
    it('hands messages to a listener, again after a nack and not after an ack', async () => {
      const [topic, subscription] = await newSubscription()
      const seen = new Set<string>()
      const done = new EventEmitter()
      const acknowledged: string[] = []
      subscription.on('message', (message: Message) => {
        if (!seen.has(message.id)) {
          seen.add(message.id)
          message.nack()
          return
        }
        message.ack()
        acknowledged.push(String(message.data))
        if (acknowledged.length === 3) done.emit('all')
      })
      const all = once(done, 'all')
      await Promise.all(['a', 'b', 'c'].map((text) => publish(topic, text)))
      await all
      expect(acknowledged.sort()).toEqual(['a', 'b', 'c'])
      await subscription.close()
    })

    it('holds back what its flow control has no room for', async () => {
      const [topic, subscription] = await newSubscription()
      const limited = pubsub.subscription(subscription.name, {
        flowControl: { maxMessages: 1 },
        streamingOptions: { maxStreams: 1 },
      })
      await Promise.all(['a', 'b', 'c'].map((text) => publish(topic, text)))
      let held = 0
      let most = 0
      let count = 0
      for await (const [message] of on(limited, 'message') as AsyncIterable<[Message]>) {
        held += 1
        most = Math.max(most, held)
        await new Promise(setImmediate)
        held -= 1
        message.ack()
        count += 1
        if (count === 3) break
      }
      expect(most).toBe(1)
      await limited.close()
    })
  })

  describe('pushing', () => {
    it('posts the wrapped message and takes 204 for an acknowledgement', async () => {
      const { url, received, pushes } = await endpoint(() => 204)
      const [topic, subscription] = await newSubscription({ pushEndpoint: url })
      const id = await publish(topic, 'hello', { attributes: { idempotency_key: 'k1' } })
      const [push] = await received(1)
      expect(push).toMatchObject({
        subscription: subscription.name,
        text: 'hello',
        message: { messageId: id, message_id: id, attributes: { idempotency_key: 'k1' } },
      })
      expect(push?.headers['content-type']).toMatch(/^application\/json/)
      expect(push?.message.publishTime).toBe(push?.message.publish_time)
      await publish(topic, 'second')
      expect((await received(2))[1]?.text).toBe('second')
      expect(pushes).toHaveLength(2)
    })

    it('delivers again after an error, a redirect and a closed connection', async () => {
      const failures: Answer[] = [500, 503, 429, 404, 302, (response) => response.destroy()]
      const redelivered = failures.map(async (failure) => {
        const { url, received } = await endpoint((_push, index) => (index === 0 ? failure : 204))
        const [topic] = await newSubscription({ pushEndpoint: url })
        const id = await publish(topic, 'again')
        expect((await received(2)).map(({ message }) => message.messageId)).toEqual([id, id])
      })
      await Promise.all(redelivered)
    })

    it('waits for the minimum back-off of a retry policy', async () => {
      const { url, received } = await endpoint((_push, index) => (index === 0 ? 500 : 204))
      const [topic] = await newSubscription({
        pushEndpoint: url,
        retryPolicy: { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 2 } },
      })
      await publish(topic, 'later')
      const [first, second] = await received(2)
      expect((second?.receivedMs ?? 0) - (first?.receivedMs ?? 0)).toBeGreaterThanOrEqual(990)
    })

    it('starts and stops as the push configuration says', async () => {
      const { url, received } = await endpoint(() => 204)
      const [topic, subscription] = await newSubscription()
      await publish(topic, 'waiting')
      await subscription.modifyPushConfig({ pushEndpoint: url })
      expect((await received(1))[0]?.text).toBe('waiting')
      await subscription.modifyPushConfig({})
      await publish(topic, 'pulled')
      expect(await drain(subscription, 1)).toEqual(['pulled'])
    })
  })

  describe('ordering', () => {
    it('pushes the next message of a key only after the one before is acknowledged', async () => {
      const { url, received } = await endpoint((_push, index) => (index === 0 ? 500 : 204))
      const [topic] = await newSubscription({ pushEndpoint: url, enableMessageOrdering: true })
      topic.setPublishOptions({ messageOrdering: true })
      await Promise.all(['1', '2', '3'].map((text) => publish(topic, text, { orderingKey: 'person' })))
      expect((await received(4)).map(({ text }) => text)).toEqual(['1', '1', '2', '3'])
    })

    it('pulls the messages of a key in their order', async () => {
      const [topic, subscription] = await newSubscription({ enableMessageOrdering: true })
      topic.setPublishOptions({ messageOrdering: true })
      await Promise.all(['1', '2', '3'].map((text) => publish(topic, text, { orderingKey: 'person' })))
      const texts: string[] = []
      while (texts.length < 3) texts.push(...(await drain(subscription, 1)))
      expect(texts).toEqual(['1', '2', '3'])
    })
  })

  describe('dead-lettering', () => {
    it('forwards a message after the last attempt, as a new one that names where it comes from', async () => {
      const [deadLetterTopic, deadLetters] = await newSubscription()
      const { url, received } = await endpoint(() => 500)
      const [topic, subscription] = await newSubscription({
        pushEndpoint: url,
        deadLetterPolicy: { deadLetterTopic: deadLetterTopic.name, maxDeliveryAttempts: 5 },
      })
      const id = await publish(topic, 'hopeless', { attributes: { kept: 'yes' } })
      const { message, text } = await pullOne(deadLetters)
      expect(text).toBe('hopeless')
      expect(message.messageId).not.toBe(id)
      expect(message.attributes).toEqual({
        kept: 'yes',
        CloudPubSubDeadLetterSourceDeliveryCount: '5',
        CloudPubSubDeadLetterSourceSubscription: subscription.name.split('/').at(-1),
        CloudPubSubDeadLetterSourceSubscriptionProject: 'local',
        CloudPubSubDeadLetterSourceTopicPublishTime: expect.stringMatching(
          /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/,
        ),
      })
      expect(await received(5)).toHaveLength(5)
    })
  })
}
