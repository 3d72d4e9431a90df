import { EventEmitter, once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { systemClock } from '../clock/index.ts'
import { type BodyReaderOptions, createBodyReader } from './read-body.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

/** A server that tells what became of each body, and holds those that it has read until they are released. */
async function start(options: Partial<BodyReaderOptions> = {}) {
  const reader = createBodyReader({
    clock: systemClock,
    budgetBytes: 3_000,
    memoryPerByte: 1,
    maxBytes: 1_000,
    reservesAhead: true,
    ...options,
  })
  const events = new EventEmitter()
  const held: (() => void)[] = []
  const server = createServer(async (incoming, response) => {
    events.emit('request')
    const body = await reader.read(incoming, 100)
    events.emit('outcome', typeof body === 'string' ? body : body.bytes.toString())
    if (typeof body !== 'string') held.push(() => body.hold.release())
    response.writeHead(typeof body === 'string' ? 503 : 204).end()
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    held,
    events,
    /** Sends a body and gives back what became of it. */
    async send(body: string, headers: Record<string, string | number> = {}): Promise<unknown> {
      const outcome = once(events, 'outcome')
      const sent = request({ port, host: '127.0.0.1', method: 'POST', headers })
      sent.on('response', (response) => response.resume())
      sent.on('error', () => {})
      sent.end(body)
      return (await outcome)[0]
    },
  }
}

const chunked = { 'transfer-encoding': 'chunked' }

it.each([
  ['with a length', {}],
  ['in chunks', chunked],
  ['compressed, as it is', { 'content-encoding': 'gzip' }],
  ['without a type', {}],
])('reads a body %s', async (_, headers) => {
  const { send } = await start()
  expect(await send('a body', headers)).toBe('a body')
})

it.each([
  ['announced', {}],
  ['in chunks', chunked],
])('does not read one that is too large, %s', async (_, headers) => {
  const { send } = await start()
  expect(await send('x'.repeat(1_000), headers)).toHaveLength(1_000)
  expect(await send('x'.repeat(1_001), headers)).toBe('too_large')
})

it.each([
  ['announced', {}],
  ['in chunks', chunked],
])('has no room for one while others take the memory, %s', async (_, headers) => {
  const { send, held } = await start()
  for (let i = 0; i < 3; i++) await send('x'.repeat(1_000))
  expect(await send('x', headers)).toBe('no_room')
  held.pop()?.()
  expect(await send('x', headers)).toBe('x')
})

it('takes memory ahead for what is announced, or else only for what has come', async () => {
  for (const reservesAhead of [true, false]) {
    const { port, send, events } = await start({ reservesAhead, budgetBytes: 1_000 })
    const began = once(events, 'request')
    const slow = connect(port, '127.0.0.1')
    slow.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nx')
    await began
    expect(await send('y')).toBe(reservesAhead ? 'no_room' : 'y')
    slow.destroy()
  }
})

it.each(['cut off', 'too slow'])('gives back the memory of a body that is %s', async (how) => {
  const { port, send, events } = await start({ budgetBytes: 1_000 })
  for (let i = 0; i < 3; i++) {
    const outcome = once(events, 'outcome')
    const socket = connect(port, '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf of it')
    await once(socket, 'ready')
    if (how === 'cut off') socket.end()
    expect(await outcome).toEqual([how === 'cut off' ? 'aborted' : 'too_slow'])
    socket.destroy()
  }
  expect(await send('x'.repeat(1_000))).toHaveLength(1_000)
})

it('never reads more than was announced', async () => {
  const { port, events } = await start()
  const outcome = once(events, 'outcome')
  const socket = connect(port, '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nmore than four')
  expect(await outcome).toEqual(['more'])
  socket.destroy()
})
