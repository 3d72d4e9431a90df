import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import { constants, createServer as createHttp2Server } from 'node:http2'
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net'
import { promisify } from 'node:util'
import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import { freePort } from '../../scripts/emulators/ports.ts'
import { type Clock, systemClock } from '../clock/index.ts'
import { manualClock } from '../clock/testing/manual-clock.ts'
import { type Channel, type ChannelOptions, createChannel } from './channel.ts'
import type { Call } from './connection.ts'
import { endpointsOf } from './endpoint.ts'
import { GrpcError, STATUS } from './status.ts'

/** gRPC's own server, which Google's clients speak with too. */

type Unary = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => void

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const asItIs = (bytes: Buffer): Buffer => bytes
async function serve(unary: Unary, port = 0): Promise<{ origin: string; server: Server; port: number }> {
  const server = new Server()
  const method = { requestSerialize: asItIs, requestDeserialize: asItIs, responseSerialize: asItIs }
  server.addService(
    { Do: { path: '/a.B/Do', requestStream: false, responseStream: false, responseDeserialize: asItIs, ...method } },
    { Do: unary },
  )
  const bound = await promisify(server.bindAsync.bind(server))(`127.0.0.1:${port}`, ServerCredentials.createInsecure())
  closing.push(() => server.forceShutdown())
  return { origin: `http://127.0.0.1:${bound}`, server, port: bound }
}

function channelTo(origin: string, options: Partial<ChannelOptions> & { readonly metadata?: string } = {}): Channel {
  const { metadata, ...rest } = options
  const channel = createChannel({ endpoint: { origin, metadata }, clock: systemClock, random: () => 0, ...rest })
  closing.push(() => channel.close())
  return channel
}

/** Pauses pass at once. What waits until the time of the call is over never does: the server answers, however long it takes. */
function hastyClock(untilMs: number): Clock {
  let nowMs = 0
  return {
    now: () => nowMs,
    after: (ms, work) => {
      if (nowMs + ms < untilMs) {
        nowMs += ms
        setImmediate(work)
      }
      return () => {}
    },
  }
}

const call: Call = {
  path: '/a.B/Do',
  request: Buffer.from('ask'),
  timeoutMs: 5_000,
  repeatAfter: [STATUS.UNAVAILABLE],
  headers: { 'x-goog-request-params': 'name=a%2Fb' },
}
const text = async (answers: Promise<Buffer[]>) => (await answers).map(String)

it('carries bytes there and back, also large ones, over one connection', async () => {
  const peers = new Set<string>()
  const { origin } = await serve((received, answer) => {
    peers.add(received.getPeer())
    answer(null, Buffer.concat([Buffer.from('got '), received.request]))
  })
  const channel = channelTo(origin)
  expect(await text(channel.call(call))).toEqual(['got ask'])
  const large = Buffer.alloc(3_000_000, 'x')
  const answers = await Promise.all([1, 2, 3].map(() => channel.call({ ...call, request: large })))
  expect(answers.map(([answer]) => answer?.length)).toEqual([3_000_004, 3_000_004, 3_000_004])
  expect(peers.size).toBe(1)
})

it('tells who calls, what about, and until when', async () => {
  const seen: Record<string, unknown>[] = []
  const { origin } = await serve((received, answer) => {
    seen.push({ ...received.metadata.getMap(), deadline: Number(received.getDeadline()) - Date.now() })
    answer(null, Buffer.alloc(0))
  })
  expect(await channelTo(origin).call(call)).toEqual([Buffer.alloc(0)])
  expect(seen).toMatchObject([{ authorization: 'Bearer owner', 'x-goog-request-params': 'name=a%2Fb' }])
  expect(seen[0]?.deadline).toBeGreaterThan(1_000)
  expect(seen[0]?.deadline).toBeLessThanOrEqual(5_000)
})

it("fails with the server's code and words, and does not repeat what must not be", async () => {
  let calls = 0
  const { origin } = await serve((_, answer) => {
    calls++
    answer({ code: STATUS.ALREADY_EXISTS, details: 'es gibt schön 100 %', metadata: new Metadata() })
  })
  const failed = channelTo(origin).call(call)
  await expect(failed).rejects.toThrow(GrpcError)
  await expect(failed).rejects.toMatchObject({ code: 6, message: '6: es gibt schön 100 %' })
  expect(calls).toBe(1)
})

it('repeats after the codes it is told, until the time is over', async () => {
  let calls = 0
  const { origin } = await serve((_, answer) => {
    calls++
    if (calls < 3) answer({ code: STATUS.UNAVAILABLE })
    else answer(null, Buffer.from('at last'))
  })
  expect(await text(channelTo(origin).call(call))).toEqual(['at last'])
  calls = Number.NEGATIVE_INFINITY
  const clock = hastyClock(120)
  const ended = channelTo(origin, { clock }).call({ ...call, timeoutMs: 120 })
  await expect(ended).rejects.toMatchObject({ code: STATUS.UNAVAILABLE })
  expect(clock.now()).toBeGreaterThan(0)
})

it('gives up a call that is not answered in time, and takes the next', async () => {
  const { origin } = await serve((received, answer) => {
    if (String(received.request) !== 'never') answer(null, Buffer.from('here'))
  })
  const channel = channelTo(origin)
  const never = { ...call, request: Buffer.from('never'), timeoutMs: 50 }
  await expect(channel.call(never)).rejects.toMatchObject({ code: STATUS.DEADLINE_EXCEEDED })
  expect(await text(channel.call(call))).toEqual(['here'])
})

it('repeats no call whose time was over while the process stood still', async () => {
  const clock = manualClock(0)
  let sent = 0
  const connect = () => ({
    ...{ isOver: false, destroy: () => {} },
    send() {
      sent++
      return Promise.reject(new GrpcError(STATUS.UNAVAILABLE, 'not now'))
    },
  })
  const endpoint = { origin: 'http://nowhere', metadata: undefined, connect }
  const failed = createChannel({ endpoint, clock, random: () => 0 }).call(call)
  let isOver = false
  const rejected = expect(failed.finally(() => (isOver = true))).rejects.toMatchObject({ code: STATUS.UNAVAILABLE })
  while (clock.pending.length === 0 && !isOver) await new Promise((resolve) => setImmediate(resolve))
  expect(clock.pending).toHaveLength(1)
  clock.set(call.timeoutMs)
  clock.advance(50)
  await rejected
  expect(sent).toBe(1)
})

it('connects again after the server has gone and come back', async () => {
  const { origin, server, port } = await serve((_, answer) => answer(null, Buffer.from('before')))
  const channel = channelTo(origin)
  expect(await text(channel.call(call))).toEqual(['before'])
  server.forceShutdown()
  const meanwhile = channel.call({ ...call, timeoutMs: 10_000 })
  await serve((_, answer) => answer(null, Buffer.from('after')), port)
  expect(await text(meanwhile)).toEqual(['after'])
})

it('says that nobody listens', async () => {
  const origin = `http://127.0.0.1:${await freePort()}`
  const failed = channelTo(origin, { clock: hastyClock(150) }).call({ ...call, timeoutMs: 150 })
  await expect(failed).rejects.toMatchObject({ code: STATUS.UNAVAILABLE, cause: { code: 'ECONNREFUSED' } })
})

it('leaves a connection that has died in silence', async () => {
  const { port } = await serve((_, answer) => answer(null, Buffer.from('alive')))
  const sockets: Socket[] = []
  const between = createTcpServer((socket) => {
    const onward = connect(port)
    sockets.push(socket, onward)
    socket.on('data', (chunk) => !dead.has(socket) && onward.write(chunk))
    onward.on('data', (chunk) => !dead.has(socket) && socket.write(chunk))
  }).listen(0)
  await once(between, 'listening')
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    between.close()
  })
  const dead = new Set<Socket>()
  const clock = manualClock(0)
  const channel = channelTo(`http://127.0.0.1:${(between.address() as AddressInfo).port}`, { clock })
  expect(await text(channel.call(call))).toEqual(['alive'])
  if (sockets[0] !== undefined) dead.add(sockets[0])
  await clock.advance(6_000)
  const again = channel.call({ ...call, timeoutMs: 60_000 })
  for (let waited = 0; waited < 20; waited++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    await clock.advance(200)
  }
  expect(await text(again)).toEqual(['alive'])
})

/** A server that takes connections and never says a word. */
async function silent(): Promise<{ host: string; server: TcpServer }> {
  const sockets: Socket[] = []
  const server = createTcpServer((socket) => void sockets.push(socket.on('error', () => {}).resume())).listen(0)
  await once(server, 'listening')
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

it.each([
  ['over TLS', 'https', Buffer.from('ask'), true],
  ['with more than its window takes', 'http', Buffer.alloc(300_000), false],
])('gives up in time a call to a server that says nothing, %s', async (_, scheme, request, unsent) => {
  const failed = channelTo(`${scheme}://${(await silent()).host}`).call({
    ...call,
    request,
    timeoutMs: 50,
    repeatAfter: [],
  })
  await expect(failed).rejects.toMatchObject({ code: STATUS.DEADLINE_EXCEEDED, unsent })
})

it('gives up in time a call for which the metadata server has no token', async () => {
  const clock = manualClock(0)
  const { origin } = await serve((_, answer) => answer(null, Buffer.alloc(0)))
  const failed = channelTo(origin, { metadata: `http://${(await silent()).host}`, clock }).call({
    ...call,
    timeoutMs: 50,
  })
  const rejected = expect(failed).rejects.toMatchObject({ code: STATUS.DEADLINE_EXCEEDED, unsent: true })
  clock.advance(50)
  await rejected
})

it('connects again when a connection does not come about', async () => {
  const clock = manualClock(0)
  const { host, server } = await silent()
  const connected = once(server, 'connection')
  const failed = channelTo(`https://${host}`, { clock }).call({ ...call, timeoutMs: 60_000, repeatAfter: [] })
  const rejected = expect(failed).rejects.toMatchObject({ code: STATUS.DEADLINE_EXCEEDED, unsent: true })
  await connected
  const again = once(server, 'connection')
  clock.advance(5_000)
  while (!clock.pending.includes(50)) await new Promise((resolve) => setImmediate(resolve))
  clock.advance(50)
  await again
  clock.advance(55_000)
  await rejected
})

it('sends many large requests at once', async () => {
  const { origin } = await serve((received, answer) => answer(null, Buffer.from(`${received.request.length}`)))
  const channel = channelTo(origin)
  // gRPC's server takes 4 MB.
  const request = Buffer.alloc(4_000_000)
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => text(channel.call({ ...call, request, repeatAfter: [] }))),
  )
  expect(new Set(answers.flat())).toEqual(new Set(['4000000']))
})

it('repeats a call that the server refused to begin, whatever may be repeated', async () => {
  let calls = 0
  const server = createHttp2Server()
  server.on('stream', (stream) => {
    calls++
    stream.on('error', () => {})
    if (calls === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM)
    else stream.respond({ 'grpc-status': calls === 2 ? '0' : 'none' }, { endStream: true })
  })
  await once(server.listen(0), 'listening')
  closing.push(() => server.close())
  const channel = channelTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect(await channel.call({ ...call, repeatAfter: [] })).toEqual([])
  await expect(channel.call({ ...call, repeatAfter: [] })).rejects.toMatchObject({ code: STATUS.UNKNOWN })
  expect(calls).toBe(3)
})

it.each([
  [401, STATUS.UNAUTHENTICATED],
  [403, STATUS.PERMISSION_DENIED],
  [404, STATUS.UNIMPLEMENTED],
  [500, STATUS.UNKNOWN],
])('takes HTTP status %i of a server without gRPC for code %i', async (status, code) => {
  const server = createHttp2Server((_, response) => response.writeHead(status).end('<html>')).listen(0)
  await once(server, 'listening')
  closing.push(() => server.close())
  const channel = channelTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await expect(channel.call({ ...call, repeatAfter: [] })).rejects.toMatchObject({ code })
  channel.close()
})

describe('an access token', () => {
  let metadata: HttpServer
  let origin: string
  let reads = 0
  let status = 200
  beforeAll(async () => {
    metadata = createServer((request, response) => {
      reads++
      const isAsked = request.headers['metadata-flavor'] === 'Google' && request.url?.endsWith('/default/token')
      response.writeHead(isAsked ? status : 403)
      response.end(JSON.stringify({ access_token: `token ${reads}`, expires_in: 3_600, token_type: 'Bearer' }))
    }).listen(0)
    await once(metadata, 'listening')
    origin = `http://127.0.0.1:${(metadata.address() as AddressInfo).port}`
  })
  beforeEach(() => {
    reads = 0
    status = 200
  })
  afterAll(() => void metadata.close())

  const tokens: unknown[] = []
  const served = (refuse: (token: unknown) => boolean = () => false) =>
    serve((received, answer) => {
      const [token] = received.metadata.get('authorization')
      tokens.push(token)
      if (refuse(token)) answer({ code: STATUS.UNAUTHENTICATED })
      else answer(null, Buffer.alloc(0))
    })

  it('is read once for many calls, and again before it expires, for which no call waits', async () => {
    tokens.length = 0
    const clock = manualClock(0)
    const channel = channelTo((await served()).origin, { metadata: origin, clock })
    await Promise.all([channel.call(call), channel.call(call)])
    clock.advance(3_374_000)
    await channel.call(call)
    expect(reads).toBe(1)
    clock.advance(2_000)
    await channel.call(call)
    expect(tokens).toEqual(Array(4).fill('Bearer token 1'))
    while (tokens.at(-1) !== 'Bearer token 2') await channel.call(call)
    expect(reads).toBe(2)
  })

  it('serves until it expires while the metadata server is in trouble, and not longer', async () => {
    tokens.length = 0
    const clock = manualClock(0)
    const channel = channelTo((await served()).origin, { metadata: origin, clock })
    await channel.call(call)
    status = 503
    for (const passedMs of [3_400_000, 160_000]) {
      clock.advance(passedMs)
      await channel.call(call)
    }
    clock.advance(20_000)
    await expect(channel.call({ ...call, timeoutMs: 50 })).rejects.toMatchObject({ code: STATUS.UNAVAILABLE })
    expect(tokens).toEqual(Array(3).fill('Bearer token 1'))
    status = 200
    await channel.call(call)
    expect(tokens.at(-1)).toMatch(/^Bearer token [^1]/)
  })

  it('that was refused is read again', async () => {
    tokens.length = 0
    const channel = channelTo((await served((token) => token === 'Bearer token 1')).origin, { metadata: origin })
    await expect(channel.call(call)).rejects.toMatchObject({ code: STATUS.UNAUTHENTICATED })
    await channel.call(call)
    expect(tokens).toEqual(['Bearer token 1', 'Bearer token 2'])
  })

  it('that cannot be had leaves the call unsent', async () => {
    status = 503
    const clock = hastyClock(100)
    const failed = channelTo((await served()).origin, { metadata: origin, clock }).call({ ...call, timeoutMs: 100 })
    await expect(failed).rejects.toMatchObject({ code: STATUS.UNAVAILABLE, unsent: true })
  })
})

it('finds Google, or the emulators that the environment names', () => {
  expect(endpointsOf({})).toEqual({
    pubsub: { origin: 'https://pubsub.googleapis.com', metadata: 'http://metadata.google.internal' },
    firestore: { origin: 'https://firestore.googleapis.com', metadata: 'http://metadata.google.internal' },
  })
  const env = { PUBSUB_EMULATOR_HOST: 'localhost:1', FIRESTORE_EMULATOR_HOST: '', GCE_METADATA_HOST: '10.0.0.1:80' }
  expect(endpointsOf(env)).toEqual({
    pubsub: { origin: 'http://localhost:1', metadata: undefined },
    firestore: { origin: 'https://firestore.googleapis.com', metadata: 'http://10.0.0.1:80' },
  })
})
