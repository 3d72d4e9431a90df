import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Clock } from '../../../shared/clock/index.ts'
import { type Area, ConsoleError, SandboxedDocument } from './area.ts'
import { readJson } from './body.ts'
import { refusalOf } from './guard.ts'
import { COMMON_HEADERS, DATA_POLICY, documentPolicy, PAGE_POLICY } from './headers.ts'
import { addressWith, admissionOf } from './key.ts'
import { feedsOf, stream } from './live.ts'
import { documentOf, type Page, type PageFacts } from './page.ts'
import { routerOf } from './routes.ts'

const compress = promisify(gzip)

export interface ServerOptions {
  /** 0 means any free one. */
  readonly port: number
  readonly areas: readonly Area[]
  readonly page: Page
  readonly facts: PageFacts
  readonly clock: Clock
  /** Given: it answers only to a browser that has opened the address with this key. */
  readonly key?: string | undefined
  /** Is told of errors that no area foresaw. The page is told only that there was one. */
  readonly onError: (error: unknown) => void
}

export interface ConsoleServer {
  /** What a person opens. */
  readonly url: string
  close(): Promise<void>
}

/** Serves the page, the areas and their feeds on loopback. Rejects when the port is taken. */
export async function serve(options: ServerOptions): Promise<ConsoleServer> {
  const { areas, page, facts, clock, key, onError } = options
  const route = routerOf(areas)
  const feeds = feedsOf(areas)
  const fixed: Readonly<Record<string, { readonly type: string; readonly body: Buffer }>> = {
    '/': { type: 'text/html', body: await compress(documentOf(facts)) },
    '/page.js': { type: 'text/javascript', body: await compress(page.script) },
    '/page.css': { type: 'text/css', body: await compress(page.style) },
  }
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => fail(response, error, onError))
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request
    const refusal = refusalOf({ method, headers }, portOf(server), facts.token)
    if (refusal !== undefined) throw new ConsoleError(refusal.message, { status: refusal.status })
    const url = URL.parse(`http://console${request.url}`)
    if (url === null) throw new ConsoleError('the address cannot be read')
    const admission = key === undefined ? undefined : admissionOf(url, headers, portOf(server), key)
    if (admission?.kind === 'admitted') {
      response.writeHead(303, { ...COMMON_HEADERS, ...admission.headers }).end()
      return
    }
    if (admission?.kind === 'stranger') {
      throw new ConsoleError('open the address that the command has printed: it has a key in it', { status: 401 })
    }
    const { pathname, searchParams: query } = url
    const asset = method === 'GET' && Object.hasOwn(fixed, pathname) ? fixed[pathname] : undefined
    if (asset !== undefined) {
      const type = `${asset.type}; charset=utf-8`
      const own = { 'content-type': type, 'content-encoding': 'gzip', 'content-security-policy': PAGE_POLICY }
      response.writeHead(200, { ...COMMON_HEADERS, ...own }).end(asset.body)
      return
    }
    if (method === 'GET' && pathname === '/api/live') return live(response, query.getAll('feed'))
    const found = route(method, pathname)
    if (found === undefined) throw new ConsoleError(`the console has no ${method} ${pathname}`, { status: 404 })
    const body = method === 'POST' ? await readJson(request) : undefined
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    respond(response, await found.route.run({ params: found.params, query, body, signal: gone.signal }))
  }

  function live(response: ServerResponse, names: readonly string[]): void {
    const chosen = new Map(
      names.map((name) => {
        const feed = feeds.get(name)
        if (feed === undefined) throw new ConsoleError(`there is no feed ${name}`, { status: 404, field: 'feed' })
        return [name, feed] as const
      }),
    )
    response.writeHead(200, { ...COMMON_HEADERS, 'content-type': 'text/event-stream' })
    response.once('close', stream(response, chosen, clock))
  }

  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: addressWith(key, portOf(server)),
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function respond(response: ServerResponse, result: unknown): void {
  if (result instanceof SandboxedDocument) {
    const policy = documentPolicy(result.remoteImages)
    const own = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy }
    response.writeHead(200, { ...COMMON_HEADERS, ...own }).end(result.html)
    return
  }
  json(response, 200, result ?? null)
}

function fail(response: ServerResponse, error: unknown, onError: (error: unknown) => void): void {
  const isForeseen = error instanceof ConsoleError
  if (!isForeseen) onError(error)
  if (response.headersSent) {
    response.destroy()
    return
  }
  const message = isForeseen ? error.message : 'the console failed; its terminal says why'
  // What is left of a body that was not read must not be taken for the next request.
  response.shouldKeepAlive = false
  json(response, isForeseen ? error.status : 500, { error: { message, ...(isForeseen && { field: error.field }) } })
}

function json(response: ServerResponse, status: number, value: unknown): void {
  const own = { 'content-type': 'application/json', 'content-security-policy': DATA_POLICY }
  response.writeHead(status, { ...COMMON_HEADERS, ...own }).end(JSON.stringify(value))
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the console does not listen on a port')
  return address.port
}
