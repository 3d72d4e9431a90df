import { promisify } from 'node:util'
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import { serveBench } from '../lab/child.ts'
import { latencyOptions } from './options.ts'
import { messagesInPublish, publishAnswer } from './publish-wire.ts'

/** Takes `Publish`, counts the messages and keeps nothing; reads no more of a request than how many there are. */
const { latencyMs } = latencyOptions.parse(JSON.parse(process.argv[2] ?? '{}'))
let requests = 0
let items = 0

const asItIs = (bytes: Buffer): Buffer => bytes
const server = new Server({ 'grpc.max_receive_message_length': -1 })
server.addService(
  {
    Publish: {
      path: '/google.pubsub.v1.Publisher/Publish',
      requestStream: false,
      responseStream: false,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    },
  },
  {
    Publish: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      const messages = messagesInPublish(call.request)
      requests++
      items += messages
      const acknowledge = () => answer(null, publishAnswer(items, messages))
      if (latencyMs > 0) setTimeout(acknowledge, latencyMs)
      else acknowledge()
    },
  },
)
const bind = promisify(server.bindAsync.bind(server))
const port = await bind('127.0.0.1:0', ServerCredentials.createInsecure())

await serveBench({ port }, async () => ({ requests, items }))
