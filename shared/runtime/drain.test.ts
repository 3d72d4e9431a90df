import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Request, Response } from '@google-cloud/functions-framework'
import { systemClock } from '../clock/index.ts'
import { manualClock } from '../clock/testing/manual-clock.ts'
import { createDrain } from './drain.ts'

/** Stands for the process: keeps its SIGTERM listeners, and says when it would have ended. */
class FakeProcess extends EventEmitter {
  readonly exited: Promise<number>
  exit: (code: number) => void = () => {}
  constructor() {
    super()
    this.exited = new Promise((resolve) => {
      this.exit = resolve
    })
  }
}

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

/** A server whose handler holds each request until it is released. */
async function start(limitMs?: number) {
  const process = new FakeProcess()
  let cut = false
  process.on('SIGTERM', () => {
    cut = true
  })
  const drain = createDrain(process, systemClock, limitMs)
  const held: Response[] = []
  const arrivals = new EventEmitter()
  const server = createServer((request, response) => {
    if (!drain.begin(request as Request, response as Response)) {
      response.writeHead(503, { connection: 'close' }).end()
      return
    }
    held.push(response as Response)
    arrivals.emit('held')
  })
  servers.push(server)
  server.listen(0)
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return { process, server, url, held, arrivals, wasCut: () => cut }
}

it('answers what is held before it lets the process end', async () => {
  const { process, url, held, arrivals, wasCut } = await start()
  const answers = []
  for (let i = 0; i < 3; i++) {
    const arrived = once(arrivals, 'held')
    answers.push(fetch(url, { method: 'POST' }))
    await arrived
  }
  process.emit('SIGTERM')
  for (const response of held) response.writeHead(204).end()
  expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([204, 204, 204])
  expect(await process.exited).toBe(0)
  expect(wasCut()).toBe(false)
})

it('takes no new connection once it drains', async () => {
  const { process, url, held, arrivals } = await start()
  const arrived = once(arrivals, 'held')
  const answer = fetch(url, { method: 'POST' })
  await arrived
  process.emit('SIGTERM')
  await expect(fetch(url)).rejects.toThrow('fetch failed')
  held[0]?.writeHead(204).end()
  expect((await answer).status).toBe(204)
  await process.exited
})

it('ends at once when nothing is held', async () => {
  const { process, url, held, arrivals } = await start()
  const arrived = once(arrivals, 'held')
  const answer = fetch(url)
  await arrived
  held[0]?.end()
  await (await answer).text()
  process.emit('SIGTERM')
  expect(await process.exited).toBe(0)
})

it('ends in time even if something it holds never finishes', async () => {
  const { process, url, arrivals, server } = await start(30)
  const arrived = once(arrivals, 'held')
  const answer = fetch(url).catch((error: Error) => error.message)
  await arrived
  process.emit('SIGTERM')
  expect(await process.exited).toBe(0)
  server.closeAllConnections()
  expect(await answer).toBe('fetch failed')
})

it('counts a request whose client went away as finished', async () => {
  const { process, url, arrivals } = await start()
  const arrived = once(arrivals, 'held')
  const abort = new AbortController()
  const answer = fetch(url, { signal: abort.signal }).catch(() => 'aborted')
  await arrived
  abort.abort()
  expect(await answer).toBe('aborted')
  process.emit('SIGTERM')
  expect(await process.exited).toBe(0)
})

it('tells how long the process goes on', () => {
  const process = new FakeProcess()
  const clock = manualClock(1_000)
  const drain = createDrain(process, clock, 9_500)
  drain.begin({ socket: {} } as Request, new EventEmitter() as unknown as Response)
  clock.advance(60_000)
  expect(drain.timeLeftMs()).toBe(Number.POSITIVE_INFINITY)
  process.emit('SIGTERM')
  clock.advance(4_000)
  expect(drain.timeLeftMs()).toBe(5_500)
  clock.advance(6_000)
  expect(drain.timeLeftMs()).toBe(0)
})

it('refuses a request that still comes in while it drains, and does without a server to close', () => {
  const process = new FakeProcess()
  const drain = createDrain(process, systemClock)
  const request = { socket: {} } as Request
  const response = new EventEmitter() as unknown as Response
  expect(drain.begin(request, response)).toBe(true)
  process.emit('SIGTERM')
  expect(drain.begin(request, response)).toBe(false)
  response.emit('close')
})
