import { EventEmitter, on, once } from 'node:events'
import { promisify } from 'node:util'
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import { loadServices } from '../../scripts/emulators/pubsub/protos.ts'
import { systemClock } from '../../shared/clock/index.ts'
import { createPublisher, type Publish } from './publish.ts'

/** A Pub/Sub that shows each request and waits to be told what to answer. */

type Answer = sendUnaryData<{ messageIds: string[] }>
type Request = { readonly topic: string; readonly messages: readonly { readonly data: Buffer }[] }
interface Arrived {
  readonly topic: string
  readonly texts: readonly string[]
  readonly accept: () => void
  readonly fail: (code: status) => void
}

const arrivals = new EventEmitter<{ publish: [Arrived] }>()
let server: Server
let publish: Publish
const timers: (() => void)[] = []
/** Ends the time between two publishes. */
const endSpacing = () => {
  for (const work of timers.splice(0)) work()
}

beforeAll(async () => {
  server = new Server()
  server.addService(loadServices().publisher, {
    Publish: ({ request }: ServerUnaryCall<Request, unknown>, answer: Answer) => {
      const texts = request.messages.map(({ data }) => data.toString())
      arrivals.emit('publish', {
        topic: request.topic,
        texts,
        accept: () => answer(null, { messageIds: texts }),
        fail: (code) => answer({ code, details: 'by order' }),
      })
    },
  })
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure())
  publish = createPublisher({
    endpoint: { origin: `http://127.0.0.1:${port}`, metadata: undefined },
    random: Math.random,
    projectId: 'p',
    topic: 'webhook-events',
    timeoutMs: 2_000,
    clock: {
      now: systemClock.now,
      after: (ms, work) => {
        // The time of a call, which is over before.
        if (ms > 100) return systemClock.after(ms, work)
        timers.push(work)
        return () => {}
      },
    },
  })
})

afterAll(() => {
  server.forceShutdown()
})

const message = (text: string) => ({
  data: Buffer.from(text),
  attributes: { signature_timestamp: '1763740000', received_at: '2026-11-21T10:00:00Z' },
})

async function nextRequest(): Promise<Arrived> {
  const [arrived] = await once(arrivals, 'publish')
  return arrived
}

/** Publishes one that is held, and the others behind it. */
async function behindAnother(...texts: string[]) {
  endSpacing()
  const arrived = nextRequest()
  const first = publish(message('first'))
  const { accept } = await arrived
  const settled = Promise.allSettled([first, ...texts.map((text) => publish(message(text)))])
  return { accept, outcomes: settled.then((all) => all.map((each) => each.status)) }
}

it('publishes at once when nothing is under way', async () => {
  endSpacing()
  const arrived = nextRequest()
  const published = publish(message('alone'))
  const { topic, texts, accept } = await arrived
  expect([topic, texts]).toEqual(['projects/p/topics/webhook-events', ['alone']])
  accept()
  await published
})

it('publishes together what arrives while another publish is under way', async () => {
  const { accept, outcomes } = await behindAnother('a', 'b', 'c')
  const second = nextRequest()
  endSpacing()
  accept()
  const { texts, accept: acceptSecond } = await second
  expect(texts).toEqual(['a', 'b', 'c'])
  acceptSecond()
  expect(await outcomes).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'])
})

it('does not wait for a slow publish once there is enough for another', async () => {
  const requests = on(arrivals, 'publish')
  const texts = Array.from({ length: 16 }, (_, index) => `m${index}`)
  const { accept, outcomes } = await behindAnother(...texts)
  await requests.next() // the one before
  const { value } = await requests.next()
  const full = value?.[0]
  expect(full?.texts).toEqual(texts)
  full?.accept()
  accept()
  expect(new Set(await outcomes)).toEqual(new Set(['fulfilled']))
})

it('lets a message that Pub/Sub refuses take no others with it', async () => {
  const { accept, outcomes } = await behindAnother('a', 'bad', 'c', 'd')
  const answer = ({ texts, accept, fail }: Arrived) =>
    texts.includes('bad') ? fail(status.INVALID_ARGUMENT) : accept()
  arrivals.on('publish', answer)
  endSpacing()
  accept()
  expect(await outcomes).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  arrivals.off('publish', answer)
})

it('rejects with the error of Pub/Sub, for every message of the request', async () => {
  endSpacing()
  const arrived = nextRequest()
  const published = publish(message('forbidden'))
  const { fail } = await arrived
  fail(status.PERMISSION_DENIED)
  await expect(published).rejects.toMatchObject({ code: status.PERMISSION_DENIED })
})
