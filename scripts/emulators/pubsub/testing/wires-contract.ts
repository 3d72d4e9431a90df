import { randomUUID } from 'node:crypto'
import { PubSub } from '@google-cloud/pubsub'
import type { Server } from './contract.ts'
import { grpcWire, type Received, Refused, restWire, type Wire } from './wires.ts'

const JAVA_START_MS = 60_000
const PROJECT = `projects/local`
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** One contract for both ways to call Pub/Sub. */
export function bothWiresKeepTheContract(start: () => Promise<Server>): void {
  let server: Server
  let pubsub: PubSub
  let wires: Readonly<Record<string, Wire>>

  beforeAll(async () => {
    server = await start()
    pubsub = new PubSub({ projectId: 'local', apiEndpoint: server.host })
    wires = { REST: restWire(server.host), gRPC: grpcWire(server.host) }
  }, JAVA_START_MS)

  afterAll(async () => {
    for (const wire of Object.values(wires)) await wire.close()
    await pubsub.close()
    await server.close()
  })

  describe.each(['REST', 'gRPC'])('over %s', (name) => {
    let wire: Wire
    beforeAll(() => {
      const found = wires[name]
      if (found === undefined) throw new Error(`no wire ${name}`)
      wire = found
    })

    async function newTopic(): Promise<{ topic: string; subscription: string }> {
      const [topic] = await pubsub.createTopic(`topic-${randomUUID()}`)
      const [subscription] = await topic.createSubscription(`sub-${randomUUID()}`, {
        ackDeadlineSeconds: 30,
        enableMessageOrdering: true,
      })
      return { topic: topic.name, subscription: subscription.name }
    }

    /** One pull after another until a message has come. */
    async function pullOne(subscription: string): Promise<Received> {
      const [first] = await wire.pull(subscription, 1)
      return first ?? (await pullOne(subscription))
    }

    const refusal = (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => 'OK',
        (error) => (error instanceof Refused ? error.status : error),
      )

    it('publishes bytes, attributes and an ordering key, and pulls them as they were', async () => {
      const { topic, subscription } = await newTopic()
      const data = Buffer.from([0, 0xff, 0xfe, 0xc3]).toString('base64')
      const [id] = await wire.publish(topic, [{ data, attributes: { a: 'ä', empty: '' }, orderingKey: 'k' }])
      const { message, deliveryAttempt } = await pullOne(subscription)
      expect(message).toMatchObject({ messageId: id, data, attributes: { a: 'ä', empty: '' }, orderingKey: 'k' })
      expect(Math.abs(Date.parse(message.publishTime) - Date.now())).toBeLessThan(60_000)
      expect(deliveryAttempt).toBeUndefined() // told only where there is a dead-letter policy
    })

    it('gives one id per message, in the order of the request', async () => {
      const { topic, subscription } = await newTopic()
      const ids = await wire.publish(topic, [{ data: base64('a') }, { attributes: { no: 'data' } }])
      expect(new Set(ids).size).toBe(2)
      const first = await pullOne(subscription)
      await wire.acknowledge(subscription, [first.ackId])
      const second = await pullOne(subscription)
      const byId = new Map([first, second].map(({ message }) => [message.messageId, message.data]))
      expect(ids.map((id) => byId.get(id))).toEqual([base64('a'), ''])
    })

    it('delivers again what is given back, and not what is acknowledged', async () => {
      const { topic, subscription } = await newTopic()
      await wire.publish(topic, [{ data: base64('a') }])
      const first = await pullOne(subscription)
      await wire.modifyAckDeadline(subscription, [first.ackId], 0)
      const second = await pullOne(subscription)
      expect(second.message.messageId).toBe(first.message.messageId)
      await wire.acknowledge(subscription, [second.ackId])
      await wire.publish(topic, [{ data: base64('b') }])
      expect((await pullOne(subscription)).message.data).toBe(base64('b'))
    })

    it('reads topics and subscriptions, in pages', async () => {
      const { topic, subscription } = await newTopic()
      const [more] = await pubsub.topic(topic).createSubscription(`sub-${randomUUID()}`)
      expect(await wire.topic(topic)).toMatchObject({ name: topic })
      expect(await wire.subscription(subscription)).toMatchObject({ name: subscription, topic, ackDeadlineSeconds: 30 })
      expect((await wire.topics(PROJECT, {})).names).toContain(topic)
      expect((await wire.subscriptions(PROJECT, {})).names).toEqual(expect.arrayContaining([subscription, more.name]))
      const first = await wire.topicSubscriptions(topic, { pageSize: 1 })
      expect(first.names).toHaveLength(1)
      const second = await wire.topicSubscriptions(topic, { pageSize: 1, pageToken: first.nextPageToken ?? '' })
      expect([...first.names, ...second.names].toSorted()).toEqual([subscription, more.name].toSorted())
    })

    it.each<[string, string, (wire: Wire) => Promise<unknown>]>([
      ['a topic that is not there', 'NOT_FOUND', (w) => w.publish(`${PROJECT}/topics/none`, [{ data: base64('a') }])],
      ['a subscription that is not there', 'NOT_FOUND', (w) => w.pull(`${PROJECT}/subscriptions/none`, 1)],
      ['to read what is not there', 'NOT_FOUND', (w) => w.topic(`${PROJECT}/topics/none`)],
    ])('refuses %s with %s', async (_what, code, call) => {
      expect(await refusal(call(wire))).toBe(code)
    })

    it('refuses a message without content, and to pull no messages, with INVALID_ARGUMENT', async () => {
      const { topic, subscription } = await newTopic()
      expect(await refusal(wire.publish(topic, [{ orderingKey: 'k' }]))).toBe('INVALID_ARGUMENT')
      expect(await refusal(wire.pull(subscription, 0))).toBe('INVALID_ARGUMENT')
    })
  })
}
