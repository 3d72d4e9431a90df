import { type EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { type Answer, NO_SUCH_PATH, rateLimited } from './answers.ts'
import type { Context, Route } from './context.ts'
import type { Credentials } from './credentials.ts'
import type { EndpointKind, FaultOrders } from './faults.ts'
import { type Ending, misbehave, unauthorized } from './misbehave.ts'
import type { RequestRate } from './rates.ts'
import { findRoute, type RouteMatch } from './routes.ts'

export interface SeenRequest {
  readonly endpoint: string
  readonly kind: EndpointKind
  /** Which rate limit it counts for. */
  readonly budget: Route['budget']
  readonly body: Buffer
}

export interface CustomerIoEvents {
  /** A request was read, and is about to be answered, delayed or left hanging. */
  received: [request: SeenRequest]
  /** A request was ended: by an answer with this status, or `reset`, `cut`. */
  answered: [request: SeenRequest & { readonly status: string }]
}

export interface ServerParts {
  readonly context: Context
  readonly orders: FaultOrders
  readonly credentials: Credentials
  readonly rates: Readonly<Record<'track' | 'app', RequestRate | undefined>>
  readonly latencyMs: number
  readonly events: EventEmitter<CustomerIoEvents>
  /** Answers everything under `/_local`. */
  readonly local: (method: string, url: URL, body: Buffer) => Answer
}

/** Keeps idle connections open for longer than the SDK's connection pool does, so that none is closed under a request. */
const KEEP_ALIVE_MS = 60_000
/** What a cut answer announces beyond what it sends. */
const MISSING_BYTES = 64

/** The HTTP side: reads a request, finds its endpoint, follows an order to misbehave or does it, and answers. */
export function createApiServer(parts: ServerParts) {
  const { context, events, orders } = parts
  const closing = new AbortController()
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    void serve(request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    )
  })

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request)
    const { method = 'GET', url: target = '/' } = request
    if (target.startsWith('/_local')) {
      write(response, parts.local(method, new URL(target, 'http://local'), body))
      return
    }
    const [path = '/', query = ''] = target.split('?', 2)
    const match = findRoute(method, path)
    if (match === undefined) {
      context.statistics.request('no such path', context.now(), false)
      context.statistics.answer('no such path', '404')
      write(response, NO_SUCH_PATH)
      return
    }
    const { route } = match
    context.statistics.request(route.name, context.now(), route.budget === 'track')
    const order = orders.take(route.kind, body)
    const process = (refusesItem?: Parameters<Parameters<typeof misbehave>[3]>[0]) =>
      answerFor(match, request.headers.authorization, {
        endpoint: route.name,
        params: match.params,
        query: new URLSearchParams(query),
        body,
        refusesItem,
      })
    const ending: Ending = order ? misbehave(order.fault, route, orders, process) : { end: 'answer', answer: process() }
    const seen: SeenRequest = { endpoint: route.name, kind: route.kind, budget: route.budget, body }
    events.emit('received', seen)
    const delayMs = parts.latencyMs + (order?.delayMs ?? 0)
    if (delayMs > 0) await wait(delayMs, undefined, { signal: closing.signal }).catch(() => undefined)
    finish(response, ending, seen)
  }

  function answerFor(
    { route }: RouteMatch,
    authorization: string | undefined,
    received: Parameters<Route['handle']>[0],
  ): Answer {
    if (route.credentials === 'track' && !parts.credentials.allowsTrack(authorization)) return unauthorized(route)
    if (route.credentials === 'app' && !parts.credentials.allowsApp(authorization)) return unauthorized(route)
    const rate = route.budget === 'none' ? undefined : parts.rates[route.budget]
    if (rate !== undefined && !rate.take()) return rateLimited(context.behaviour.retryAfterSeconds, rate.perSecond)
    return route.handle(received, context)
  }

  function finish(response: ServerResponse, ending: Ending, seen: SeenRequest): void {
    switch (ending.end) {
      case 'answer':
        write(response, ending.answer)
        break
      case 'cut':
        writeCut(response, ending.answer)
        break
      case 'reset':
        response.socket?.resetAndDestroy()
        break
      case 'hang':
        context.statistics.answer(seen.endpoint, 'hung')
        return
    }
    const status = ending.end === 'answer' ? String(ending.answer.status) : ending.end
    context.statistics.answer(seen.endpoint, status)
    events.emit('answered', { ...seen, status })
  }

  async function listen(port: number, host: string): Promise<number> {
    server.listen(port, host)
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error(`Not listening on a port: ${String(address)}`)
    return address.port
  }

  /** Refuses connections from now on and cuts those that are open. */
  async function stop(): Promise<void> {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  async function close(): Promise<void> {
    closing.abort()
    await stop()
  }

  return { listen, stop, close, isListening: () => server.listening }
}

function read(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
    request.on('error', reject)
  })
}

function write(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, {
    'content-type': answer.contentType,
    'content-length': Buffer.byteLength(answer.body),
    ...answer.headers,
  })
  response.end(answer.body)
}

/** Sends half of a body that was announced as longer, then ends the connection. */
function writeCut(response: ServerResponse, answer: Answer): void {
  const announced = Buffer.byteLength(answer.body) + MISSING_BYTES
  response.writeHead(answer.status, { 'content-type': answer.contentType, 'content-length': announced })
  response.write(answer.body.slice(0, Math.ceil(answer.body.length / 2)), () => response.destroy())
}
