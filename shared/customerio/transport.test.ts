import { once } from 'node:events'
import { Agent, createServer as createHttpsServer } from 'node:https'
import { createServer, type Server, type Socket } from 'node:net'
import { selfSigned } from '../../scripts/testing/self-signed.ts'
import { type Clock, systemClock } from '../clock/index.ts'
import { manualClock } from '../clock/testing/manual-clock.ts'
import { type Answer, answerOf, useTransport } from './transport.ts'

let server: Server
let url: string
let onConnection: (socket: Socket) => void
beforeAll(async () => {
  server = createServer((socket) => onConnection(socket.on('error', () => {})))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  url = `127.0.0.1:${address.port}/`
})
afterAll(() => server.close())

/** One request through the transport of an SDK client. */
async function request(
  method: 'GET' | 'POST',
  uri: string,
  body: string,
  { timeoutMs = 5_000, clock = systemClock }: { readonly timeoutMs?: number; readonly clock?: Clock } = {},
): Promise<Answer> {
  const client: Parameters<typeof useTransport>[0] = { request: { handler: () => Promise.reject(new Error('unused')) } }
  useTransport(client, { timeoutMs, clock })
  const headers = { 'Content-Length': Buffer.byteLength(body) }
  const { answer } = (await client.request.handler({ method, uri, headers, body })) as { answer: Answer }
  return answer
}

const post = (uri: string, body: string, options?: Parameters<typeof request>[3]) => request('POST', uri, body, options)

it('knows that nothing was sent over a connection that never became secure', async () => {
  const clock = manualClock()
  onConnection = (socket) => {
    socket.once('data', () => clock.advance(5_000))
  }
  expect(await post(`https://${url}`, 'x', { clock })).toEqual({ kind: 'no_connection', code: 'TIMEOUT' })
})

it('does not know it of a request that was not answered in time, and drops its connection', async () => {
  const clock = manualClock()
  const closed = new Promise((resolve) => {
    onConnection = (socket) => {
      socket.once('close', resolve)
      socket.once('data', () => clock.advance(5_000))
    }
  })
  expect(await post(`http://${url}`, 'x', { clock })).toEqual({ kind: 'no_answer', code: 'TIMEOUT' })
  await closed
})

it('waits for nothing more once it is answered', async () => {
  const clock = manualClock()
  onConnection = (socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}'))
  }
  expect(await post(`http://${url}`, 'x', { clock })).toMatchObject({ kind: 'response', status: 200 })
  expect(clock.pending).toEqual([])
})

it('knows that nothing was sent when no request could be made', async () => {
  expect(await post('no address', 'x')).toEqual({ kind: 'no_request', code: 'TypeError' })
})

it('makes no request of an upload, which it cannot write', async () => {
  const client: Parameters<typeof useTransport>[0] = { request: { handler: () => Promise.reject(new Error('unused')) } }
  useTransport(client, { timeoutMs: 5_000, clock: systemClock })
  const upload = { method: 'POST', uri: `http://${url}`, headers: {}, body: new FormData() }
  expect(await client.request.handler(upload)).toEqual({ answer: { kind: 'no_request', code: 'TypeError' } })
})

it('takes no answer from a client that has kept its own transport', async () => {
  await expect(answerOf(async () => ({}))).rejects.toThrow('does not use our transport')
})

describe('over a secure connection', () => {
  const certificate = selfSigned()
  const server = createHttpsServer(certificate)
  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { createConnection } = Agent.prototype
    jest.spyOn(Agent.prototype, 'createConnection').mockImplementation(function (this: Agent, options, done) {
      return createConnection.call(this, { ...options, ca: certificate.cert }, done)
    })
  })
  afterAll(() => {
    jest.restoreAllMocks()
    server.closeAllConnections()
    server.close()
  })
  const uri = () => {
    const address = server.address()
    return typeof address === 'object' ? `https://127.0.0.1:${address?.port}/` : ''
  }

  it('makes the request as it is', async () => {
    server.once('request', ({ method, headers }, response) => {
      // The next request makes a connection of its own.
      response.setHeader('connection', 'close')
      response.end(JSON.stringify({ method, length: headers['content-length'] }))
    })
    const answer = await post(uri(), 'text')
    expect(answer).toMatchObject({ kind: 'response', body: '{"method":"POST","length":"4"}' })
  })

  it('does not know whether a request was processed that was not answered in time', async () => {
    const clock = manualClock()
    server.once('request', () => clock.advance(5_000))
    expect(await post(uri(), 'x', { clock })).toEqual({ kind: 'no_answer', code: 'TIMEOUT' })
  })
})

it('drops a connection on which it was answered before it had said everything', async () => {
  const closed = new Promise<number>((resolve) => {
    onConnection = (socket) => {
      socket.once('data', () => {
        socket.pause().write('HTTP/1.1 413 Payload Too Large\r\ncontent-length: 2\r\n\r\n{}')
        socket.once('close', () => resolve(socket.bytesRead))
        setImmediate(() => socket.resume())
      })
    }
  })
  expect(await post(`http://${url}`, 'x'.repeat(32_000_000))).toMatchObject({
    kind: 'response',
    status: 413,
    body: '{}',
  })
  expect(await closed).toBeLessThan(32_000_000)
})

it('does not wait for the rest of an answer whose connection broke', async () => {
  onConnection = (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"id":')
      setImmediate(() => socket.destroy())
    })
  }
  expect(await post(`http://${url}`, 'x')).toEqual({ kind: 'no_answer', code: 'ECONNRESET' })
})

it('drops a connection that is no longer HTTP', async () => {
  const closed = new Promise((resolve) => {
    onConnection = (socket) => {
      socket.once('close', resolve)
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      )
    }
  })
  expect(await post(`http://${url}`, 'x')).toEqual({ kind: 'no_answer', code: 'UPGRADE' })
  await closed
})

it.each([
  ['POST', 2_000_000, 2_000_000],
  ['POST', 2_000_001, 'cut off: longer than any answer that is known'.length],
  ['GET', 2_000_001, 2_000_001],
] as const)('reads of an answer to %s of %d characters %d: a list may be longer', async (method, length, read) => {
  onConnection = (socket) => {
    socket.once('data', () =>
      socket.write(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n${'x'.repeat(length)}`),
    )
  }
  const answer = await request(method, `http://${url}`, 'x')
  expect(answer.kind === 'response' && answer.body.length).toBe(read)
})

it('reads no more of an answer than any that is known is long, and keeps its status', async () => {
  const closed = new Promise<number>((resolve) => {
    onConnection = (socket) => {
      socket.once('close', () => resolve(socket.bytesWritten))
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"errors":[')
        const more = () => {
          while (!socket.destroyed && socket.write(`"${'x'.repeat(65_536)}",`));
        }
        socket.on('drain', more)
        more()
      })
    }
  })
  const answer = await post(`http://${url}`, 'x')
  expect(answer).toMatchObject({ kind: 'response', status: 200, body: expect.stringMatching(/^cut off/) })
  expect(await closed).toBeLessThan(20_000_000) // what the sockets of both sides hold comes on top of 2 MB
})
