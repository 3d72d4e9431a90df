import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { type ApiRequest, answer, type Backend } from './api.ts'
import { ApiError } from './errors.ts'
import { type Misbehaviour, refusalOf } from './misbehaviour.ts'
import { Queries } from './query.ts'
import { Storage } from './storage.ts'
import { Streaming } from './streaming.ts'

const REQUEST_BYTES = 10 * 1024 * 1024

export interface BigQueryOptions {
  /** Any free one by default. */
  readonly port?: number
  /** The clock, in milliseconds: for insert ids, the streaming buffer, partitions and CURRENT_TIMESTAMP(). */
  readonly now?: () => number
  /** A DuckDB file, which is made when there is none; in memory by default. */
  readonly file?: string
  /** How long a streamed row is refused to DELETE and UPDATE, as by BigQuery's streaming buffer; 0 by default. */
  readonly streamingBufferMs?: number
  /** Told of every request when it arrives, before anything is done. */
  readonly onRequest?: (request: { readonly method: string; readonly path: string; readonly body: unknown }) => void
}

/** A running local BigQuery. */
export interface LocalBigQuery {
  readonly port: number
  /** For `BIGQUERY_EMULATOR_HOST`. */
  readonly url: string
  /**
   * Appends rows to `project.dataset.table`, as a BigQuery subscription of Pub/Sub does by the Storage Write API. Resolves
   * with why rows were refused, by index; rejects, and stores nothing, without such a table or by order.
   */
  append(
    table: string,
    rows: readonly unknown[],
    options: { readonly dropUnknown: boolean },
  ): Promise<ReadonlyMap<number, string>>
  /** Sets what goes wrong from now on; nothing when it is called without an order. */
  misbehave(order?: Misbehaviour): void
  /** What was set so. */
  readonly misbehaviour: Misbehaviour | undefined
  /** Deletes all rows and forgets all insert ids; datasets, tables and views stay. */
  clear(): Promise<void>
  /** Cuts what is under way, and closes the database: a file can be opened again afterwards. */
  close(): Promise<void>
}

/** Starts a BigQuery on 127.0.0.1 that the real client library talks to. It runs on DuckDB: see README.md for what that means. */
export async function startBigQuery(options: BigQueryOptions = {}): Promise<LocalBigQuery> {
  const now = options.now ?? Date.now
  const storage = await Storage.open(options.file ?? ':memory:', now)
  let order: Misbehaviour | undefined
  const streaming = new Streaming(storage, now)
  const backend: Backend = {
    storage,
    queries: new Queries(storage, now, options.streamingBufferMs ?? 0),
    streaming,
    misbehaviour: () => order,
  }
  const underWay = new Set<Promise<void>>()
  const server = createServer((request, response) => {
    const work = serve(request, response, backend, options.onRequest).catch(() => {
      response.destroy()
    })
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  })
  // A client's idle connection must not be closed just as it is used again.
  server.keepAliveTimeout = 0
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    append: async (name, rows, { dropUnknown }) => {
      const [, dataset = '', table = ''] = name.split('.')
      if (order?.kind === 'down' || order?.kind === 'unreachable') throw new Error('Down by order.')
      return await streaming.append({ dataset, table }, rows, dropUnknown, refusalOf(order))
    },
    misbehave: (next) => {
      order = next
    },
    get misbehaviour() {
      return order
    },
    clear: async () => {
      streaming.clear()
      await storage.clear()
    },
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      await Promise.all(underWay)
      await storage.close()
    },
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the local BigQuery does not listen on a port')
  return address.port
}

async function serve(
  incoming: IncomingMessage,
  response: ServerResponse,
  backend: Backend,
  onRequest: BigQueryOptions['onRequest'],
): Promise<void> {
  const order = backend.misbehaviour()
  try {
    if (order?.kind === 'unreachable') return void incoming.socket.destroy()
    const request = await readRequest(incoming)
    onRequest?.({ method: request.method, path: `/${request.path.join('/')}`, body: request.body })
    if (order?.kind === 'slow') await delay(order.delayMs, undefined, { signal: closedSignal(response) })
    if (order?.kind === 'held') await order.until
    if (order?.kind === 'down') {
      throw new ApiError(order.httpStatus ?? 503, order.reason ?? 'backendError', 'Down by order.')
    }
    const result = await answer(request, backend)
    if (order?.kind === 'answerLost') return void incoming.socket.destroy()
    send(response, result === undefined ? 204 : 200, result)
  } catch (error) {
    if (error instanceof ApiError) return send(response, error.httpStatus, error.body)
    if (error instanceof Error && error.name === 'AbortError') return
    const message = error instanceof Error ? error.message : String(error)
    send(response, 500, new ApiError(500, 'internalError', message).body)
  }
}

function closedSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  response.once('close', () => controller.abort())
  return controller.signal
}

function send(response: ServerResponse, httpStatus: number, body: unknown): void {
  response.writeHead(httpStatus, { 'content-type': 'application/json' })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

/** `/projects/<project>/…`, with or without `/bigquery/v2` before it. */
async function readRequest(incoming: IncomingMessage): Promise<ApiRequest> {
  const url = new URL(incoming.url ?? '/', 'http://localhost')
  const [, project, rest] = url.pathname.match(/^(?:\/bigquery\/v2)?\/projects\/([^/]+)\/(.+?)\/?$/) ?? []
  if (project === undefined || rest === undefined) throw new ApiError(404, 'notFound', `Not found: ${url.pathname}`)
  const text = await readBody(incoming)
  return {
    method: incoming.method ?? 'GET',
    path: rest.split('/').map(decodeURIComponent),
    project: decodeURIComponent(project),
    query: url.searchParams,
    body: text === '' ? undefined : json(text),
  }
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming) {
    if (!(chunk instanceof Buffer)) continue
    bytes += chunk.length
    if (bytes <= REQUEST_BYTES) chunks.push(chunk)
  }
  if (bytes > REQUEST_BYTES) {
    throw new ApiError(413, 'requestTooLarge', `Request payload size exceeds the limit: ${REQUEST_BYTES} bytes.`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ApiError(400, 'parseError', 'Parse Error')
  }
}
