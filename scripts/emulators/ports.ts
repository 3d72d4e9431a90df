import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'

/** Whether anybody takes connections on a port, of this machine by default. */
export async function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = createConnection({ port, host })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** A port that was free a moment ago, for a process that cannot tell which one it took. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
