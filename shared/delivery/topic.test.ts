import { promisify } from 'node:util'
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import { manualClock } from '../clock/testing/manual-clock.ts'
import { endpointsOf, fieldsOf, type OutgoingMessage } from '../google-api/index.ts'
import { createTopic } from './topic.ts'

type Publish = (request: Buffer, answer: (error: { readonly code: number } | null) => void, peer: string) => void

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.forceShutdown()
})

/** A topic on a server of gRPC that publishes as `publish` says. */
async function topicOn(publish: Publish) {
  const server = new Server()
  const asItIs = (bytes: Buffer) => bytes
  server.addService(
    {
      Publish: {
        ...{ path: '/google.pubsub.v1.Publisher/Publish', requestStream: false, responseStream: false },
        ...{ requestSerialize: asItIs, requestDeserialize: asItIs },
        ...{ responseSerialize: asItIs, responseDeserialize: asItIs },
      },
    },
    {
      Publish: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
        publish(call.request, (error) => done(error, Buffer.alloc(0)), call.getPeer()),
    },
  )
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure())
  const clock = manualClock()
  const topic = createTopic({
    endpoint: endpointsOf({ PUBSUB_EMULATOR_HOST: `127.0.0.1:${port}` }).pubsub,
    ...{ projectId: 'project', topic: 'track-dead-letter', clock, random: () => 0 },
  })
  servers.push(server)
  return { topic, clock }
}

const message = (text: string): OutgoingMessage => ({ data: Buffer.from(text), attributes: { reason: 'refused' } })

it('publishes one message after the other to its topic, over one connection', async () => {
  const requests: Buffer[] = []
  const peers = new Set<string>()
  const published = await topicOn((request, answer, peer) => {
    requests.push(request)
    peers.add(peer)
    answer(null)
  })
  for (const text of ['first', 'second']) await published.topic.publish(message(text))
  const told = requests.map((request) => {
    const [name, ...messages] = fieldsOf(request)
    return [String(name?.bytes), ...messages.map(({ bytes }) => String(fieldsOf(bytes)[0]?.bytes))]
  })
  const name = 'projects/project/topics/track-dead-letter'
  expect(told).toEqual([
    [name, 'first'],
    [name, 'second'],
  ])
  expect(peers.size).toBe(1)
})

it('rejects what Pub/Sub refuses', async () => {
  const denied = await topicOn((_, answer) => answer({ code: status.PERMISSION_DENIED }))
  await expect(denied.topic.publish(message('x'))).rejects.toMatchObject({ code: status.PERMISSION_DENIED })
})

it('rejects in time for a redelivery when it is not answered', async () => {
  const asked = Promise.withResolvers<void>()
  const silent = await topicOn(() => asked.resolve())
  const publishing = silent.topic.publish(message('x'))
  await asked.promise
  silent.clock.advance(10_000)
  await expect(publishing).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED })
})
