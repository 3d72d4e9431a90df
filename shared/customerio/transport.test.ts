import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { systemClock } from '../clock/index.ts'
import { type Answer, useTransport } from './transport.ts'

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
async function post(uri: string, body: string, timeoutMs = 5_000): Promise<Answer> {
  const client: Parameters<typeof useTransport>[0] = { request: { handler: () => Promise.reject(new Error('unused')) } }
  useTransport(client, { timeoutMs, clock: systemClock })
  const headers = { 'Content-Length': Buffer.byteLength(body) }
  const { answer } = (await client.request.handler({ method: 'POST', uri, headers, body })) as { answer: Answer }
  return answer
}

it('knows that nothing was sent over a connection that never became secure', async () => {
  let accepted: Socket | undefined
  onConnection = (socket) => {
    accepted = socket.resume()
  }
  expect(await post(`https://${url}`, 'x', 100)).toEqual({ kind: 'no_connection', code: 'TIMEOUT' })
  accepted?.destroy()
})

it('does not know it of a request that was not answered in time', async () => {
  onConnection = (socket) => socket.resume()
  expect(await post(`http://${url}`, 'x', 100)).toEqual({ kind: 'no_answer', code: 'TIMEOUT' })
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

it('does not wait for what becomes of a connection that is no longer HTTP', async () => {
  onConnection = (socket) => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    )
  }
  expect(await post(`http://${url}`, 'x')).toEqual({ kind: 'no_answer', code: 'UPGRADE' })
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
