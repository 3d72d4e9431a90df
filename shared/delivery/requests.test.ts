import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { pushBody } from '../../scripts/testing/push.ts'
import { manualClock } from '../clock/testing/manual-clock.ts'
import { hashOfMessageKey } from '../identity/index.ts'
import { createLog } from '../logging/index.ts'
import type { PushHandlerOptions } from './handler.ts'
import { createPushHandler, type DeadLetter } from './index.ts'
import { LARGEST_PUSH_BYTES, pushBytes } from './push.ts'

/** What the handler makes of a request besides the outcome of its message. */

/** The least that lets in the largest push. */
const LEAST_MEMORY_BYTES = 10 * LARGEST_PUSH_BYTES

let server: Server
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

async function serve(options: Partial<PushHandlerOptions<string>> = {}) {
  const lines: Record<string, unknown>[] = []
  const clock = manualClock()
  const handler = createPushHandler<string>({
    work: {
      parse: (message) => ({ ok: true, value: String(message.data) }),
      deliver: async () => ({ kind: 'delivered' }),
    },
    ...{ deadLetters: { publish: async () => {} }, record: { topic: 'track' }, maxDeliveryAttempts: 100 },
    ...{ ackDeadlineMs: 60_000, bodyMemoryBytes: 300_000_000, clock, caughtUp: async () => {} },
    log: createLog({ clock, functionName: 'test', destination: { write: (line) => lines.push(JSON.parse(line)) } }),
    ...options,
  })
  server = createServer((request, response) => void handler(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  return {
    lines,
    clock,
    /** Announces a push of so many bytes, sends some of it, and waits until the handler has begun to read it. */
    async begin(announcedBytes: number, sent = ''): Promise<{ socket: Socket; request: IncomingMessage }> {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      const requests = once(server, 'request')
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${announcedBytes}\r\n\r\n${sent}`)
      const [request] = await requests
      return { socket, request }
    },
    async push(message: string): Promise<number> {
      const body = JSON.stringify(pushBody(message))
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body })
      await answer.arrayBuffer()
      return answer.status
    },
  }
}

/** As a sender that fails: the server reads the end of its connection. */
async function goAway(socket: Socket, request: IncomingMessage): Promise<void> {
  const closed = new Promise((resolve) => request.once('close', resolve))
  socket.destroy()
  await closed
}

describe('a request that is no push', () => {
  it('is answered 413 when it announces more than any push has, before it is sent', async () => {
    const { begin, lines } = await serve()
    const { socket } = await begin(LARGEST_PUSH_BYTES + 1)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 413 .*not a Pub\/Sub push: more than 14133336 bytes/s)
    expect(lines).toMatchObject([{ severity: 'WARNING', event: 'not_a_push', answer: 413 }])
  })

  it('is answered 408 when it is still being sent after its time, and loses its connection', async () => {
    const { begin, lines, clock } = await serve()
    const { socket } = await begin(100, 'x')
    clock.advance(8_000)
    const answer = await text(socket)
    expect(answer).toMatch(/^HTTP\/1\.1 408 .*connection: close.*still being sent after 8000 ms/is)
    expect(lines).toMatchObject([{ severity: 'WARNING', event: 'not_a_push', answer: 408 }])
  })

  it('is neither answered nor told of when its sender goes away', async () => {
    const { begin, lines } = await serve()
    const { socket, request } = await begin(100, 'x')
    await goAway(socket, request)
    await new Promise(setImmediate)
    expect(lines).toEqual([])
  })
})

describe('the memory for pushes', () => {
  it('is taken as soon as the length of one is known, and given back when its sender goes away', async () => {
    const { begin, push, lines } = await serve({ bodyMemoryBytes: LEAST_MEMORY_BYTES })
    const { socket, request } = await begin(LARGEST_PUSH_BYTES)
    expect(await push('no room')).toBe(503)
    const message = 'the messages that are held leave no memory for another; Pub/Sub will deliver it again'
    expect(lines).toMatchObject([{ severity: 'INFO', event: 'message_not_read', message, answer: 503 }])
    await goAway(socket, request)
    expect(await push('room again')).toBe(204)
  })

  it('holds one message at a time that is too long to be delivered, and room for all others beside it', async () => {
    const maxMessageBytes = 1_000
    const held = Promise.withResolvers<void>()
    const publishing = Promise.withResolvers<void>()
    const deadLetters: DeadLetter[] = []
    const { push } = await serve({
      bodyMemoryBytes: LEAST_MEMORY_BYTES + 10 * pushBytes(maxMessageBytes),
      work: {
        maxMessageBytes,
        parse: ({ data }) =>
          data.length > maxMessageBytes
            ? { ok: false, reason: 'contract', error: 'too long' }
            : { ok: true, value: String(data) },
        deliver: async () => ({ kind: 'delivered' }),
      },
      deadLetters: {
        async publish(deadLetter) {
          deadLetters.push(deadLetter)
          publishing.resolve()
          await held.promise
        },
      },
    })
    const tooLong = 'x'.repeat(pushBytes(maxMessageBytes))
    const first = push(tooLong)
    await publishing.promise
    expect(await push(tooLong)).toBe(503)
    expect(await push('short')).toBe(204)
    held.resolve()
    expect(await first).toBe(204)
    expect(await push(tooLong)).toBe(204)
    expect(deadLetters).toHaveLength(2)
  })
})

it('is recorded with what its message asks for and under which key, also when that fails', async () => {
  const key = { id: 'abcd1234', secret: 'a key of thirty-two characters..' }
  const { push, lines } = await serve({
    work: {
      parse: ({ data }) =>
        String(data) === 'unknown'
          ? { ok: false, reason: 'contract', error: 'name: is missing' }
          : { ok: true, value: String(data) },
      deliver: async (value) => {
        if (value === 'too much') throw new RangeError('no')
        return { kind: 'delivered' }
      },
    },
    record: {
      topic: 'track',
      about: (value) => ({ action: `asks for ${value}` }),
      keyOf: ({ data }) => `key of ${data}`,
      hashKeys: { current: async () => [key], isOutdated: async () => false },
    },
  })
  for (const message of ['a plan', 'too much', 'unknown']) await push(message)
  const messages = lines.filter(({ event }) => event === 'message')
  const recorded = (message: string) => ({ topic: 'track', key_hash: hashOfMessageKey(key, `key of ${message}`) })
  expect(messages).toMatchObject([
    { outcome: 'delivered', action: 'asks for a plan', ...recorded('a plan') },
    { outcome: 'retry', action: 'asks for too much', ...recorded('too much') },
    { outcome: 'refused', ...recorded('unknown') },
  ])
  expect(messages[2]).not.toHaveProperty('action')
})

it.each([
  [59_999, 204, 1],
  [60_000, 503, 0],
  [60_001, 503, 0],
])('that cannot succeed after %d ms of its 60 s is answered %d, with %d dead letters', async (ms, status, count) => {
  const deadLetters: DeadLetter[] = []
  const leftMs: number[] = []
  const { push, clock } = await serve({
    work: {
      parse: ({ data }) => ({ ok: true, value: String(data) }),
      async deliver(_value, _message, { untilRedeliveryMs }) {
        clock.advance(ms)
        leftMs.push(untilRedeliveryMs())
        return { kind: 'refused', reason: 'refused', error: 'Customer.io refused it' }
      },
    },
    deadLetters: { publish: async (deadLetter) => void deadLetters.push(deadLetter) },
  })
  expect(await push('late')).toBe(status)
  expect(deadLetters).toHaveLength(count)
  expect(leftMs).toEqual([Math.max(0, 60_000 - ms)])
})

it('whose time is over before it is read is answered 503, over a connection that is still open', async () => {
  const deliver = jest.fn()
  const clock = manualClock()
  const { push, lines } = await serve({
    work: { parse: ({ data }) => ({ ok: true, value: String(data) }), deliver },
    clock,
    caughtUp: async () => clock.advance(60_000),
  })
  expect(await push('stood still')).toBe(503)
  expect(deliver).not.toHaveBeenCalled()
  expect(lines).toEqual([])
})
