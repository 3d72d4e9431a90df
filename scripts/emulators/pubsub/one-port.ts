import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

/** What every HTTP/2 connection begins with ("PRI * HTTP/2.0"), and no HTTP/1.1 request: RFC 9113, section 3.4. */
const HTTP2_PREFACE = Buffer.from('PRI')

export interface OnePort {
  readonly port: number
  /** Cuts all connections. */
  close(): Promise<void>
}

/** Listens on one port for both versions of HTTP, and hands each connection on by its first bytes. Rejects when the port is taken. */
export async function listenOnOnePort(
  options: { readonly port: number; readonly host: string },
  handlers: { readonly http1: (socket: Socket) => void; readonly http2: (socket: Socket) => void },
): Promise<OnePort> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let head = Buffer.alloc(0)
    const onData = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk])
      if (head.length < HTTP2_PREFACE.length) return
      socket.off('data', onData)
      socket.pause()
      socket.unshift(head)
      const isHttp2 = head.subarray(0, HTTP2_PREFACE.length).equals(HTTP2_PREFACE)
      handlers[isHttp2 ? 'http2' : 'http1'](socket)
      process.nextTick(() => socket.resume())
    }
    socket.on('data', onData)
  })
  server.listen(options)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return {
    port: address.port,
    close: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
