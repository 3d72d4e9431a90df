import { PubSub, v1 } from '@google-cloud/pubsub'
import { credentials } from '@grpc/grpc-js'
import { type Clock, systemClock } from '../../../shared/clock/index.ts'
import { manualClock } from '../../../shared/clock/testing/manual-clock.ts'
import { type PubSubServer, startPubSub } from '../../emulators/pubsub/index.ts'
import { DeadLetterSubscription } from './subscription.ts'

let server: PubSubServer
let client: PubSub
let subscriber: v1.SubscriberClient

beforeAll(async () => {
  server = await startPubSub({ port: 0 })
  const emulated = { servicePath: '127.0.0.1', port: server.port, sslCreds: credentials.createInsecure() }
  client = new PubSub({ projectId: 'local', ...emulated })
  subscriber = new v1.SubscriberClient({ projectId: 'local', ...emulated })
  await client.createTopic('track-dead-letter')
  await client.createSubscription('track-dead-letter', 'track-dead-letter')
})
afterEach(() => jest.restoreAllMocks())
afterAll(async () => {
  await Promise.all([client?.close(), subscriber?.close()])
  await server?.close()
})

function open(clock: Clock, local = true): DeadLetterSubscription {
  const source = {
    name: 'track',
    topic: 'track',
    deployedTopic: 'track',
    deadLetterSubscription: 'track-dead-letter',
    ackDeadlineMs: 60_000,
  }
  return new DeadLetterSubscription({ subscriber, projectId: 'local', source, clock, local })
}

it('acknowledges a dead letter that came again meanwhile under the ack id that counts now', async () => {
  await client.topic('track-dead-letter').publishMessage({ data: Buffer.from('{}') })
  const subscription = open(systemClock)
  try {
    const take = async () => {
      for await (const deadLetters of subscription.pulls()) return deadLetters
      return []
    }
    const deadLetters = await take()
    // As when the lease runs out: it is everybody's again, and comes to us a second time.
    await subscription.release(deadLetters)
    const again = await take()
    expect(again.map(({ id }) => id)).toEqual(deadLetters.map(({ id }) => id))
    expect(again.map(({ ackId }) => ackId)).not.toEqual(deadLetters.map(({ ackId }) => ackId))
    const acknowledge = jest.spyOn(subscriber, 'acknowledge')
    await subscription.acknowledge(deadLetters)
    // Here any of its ack ids would do, in the cloud the last one only.
    expect(acknowledge.mock.calls[0]?.[0]).toMatchObject({ ackIds: again.map(({ ackId }) => ackId) })
    expect(server.stats('projects/local/subscriptions/track-dead-letter').outstanding).toBe(0)
  } finally {
    await subscription[Symbol.asyncDispose]()
  }
})

it('knows until when it holds what it pulled, and after a sleep that somebody else may have it', async () => {
  await client.topic('track-dead-letter').publishMessage({ data: Buffer.from('{}') })
  const clock = manualClock(1_000)
  const subscription = open(clock)
  const extend = jest.spyOn(subscriber, 'modifyAckDeadline')
  const heartbeat = async () => {
    clock.advance(10_000)
    await extend.mock.results.at(-1)?.value
  }
  try {
    expect(subscription.heldUntilMs).toBe(Number.POSITIVE_INFINITY)
    for await (const _ of subscription.pulls());
    expect(subscription.heldUntilMs).toBe(61_000)
    await heartbeat()
    expect(subscription.heldUntilMs).toBe(41_000)
    // No timer runs while the machine sleeps.
    clock.set(100_000)
    await heartbeat()
    expect(extend).toHaveBeenCalledTimes(2)
    expect(subscription.heldUntilMs).toBe(41_000)
  } finally {
    await subscription[Symbol.asyncDispose]()
  }
  expect(subscription.heldUntilMs).toBe(Number.POSITIVE_INFINITY)
})

it('in the cloud takes five empty answers in a row for the end, and waits between them alone', async () => {
  const clock = manualClock()
  const subscription = open(clock, false)
  const message = { ackId: '1', message: { messageId: '1', data: '' } }
  const answers = [[], [], [], [], [message], [], [], [], [], []]
  const calls: number[] = []
  jest.spyOn(subscriber, 'pull').mockImplementation(() => {
    calls.push(clock.now())
    // The pause before the next one begins when this one was read.
    setImmediate(() => clock.advance(500))
    return [{ receivedMessages: answers.shift() }]
  })
  jest.spyOn(subscriber, 'modifyAckDeadline').mockImplementation(() => {})
  const found: number[] = []
  for await (const page of subscription.pulls()) found.push(page.length)
  await subscription[Symbol.asyncDispose]()
  expect(found).toEqual([1])
  expect(answers).toEqual([])
  expect(calls).toEqual([0, 500, 1_000, 1_500, 2_000, 2_000, 2_500, 3_000, 3_500, 4_000])
})
