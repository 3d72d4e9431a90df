import { randomInt } from 'node:crypto'
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

/** Above the well-known ones, below those that systems give to outgoing connections: there a free port is soon taken again. */
const PORTS = { from: 10_000, to: 32_000 } as const
const TRIES = 100
const given = new Set<number>()

/** A port that was free a moment ago, for a process that cannot tell which one it took. None is given twice. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < TRIES; tried++) {
    const port = randomInt(PORTS.from, PORTS.to)
    if (given.has(port) || !(await canListen(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`no free port among ${TRIES} from ${PORTS.from} to ${PORTS.to}`)
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer()
  try {
    // On all addresses, as the functions framework does.
    await once(server.listen(port), 'listening')
    return true
  } catch {
    return false
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}
