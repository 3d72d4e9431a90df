/** Pub/Sub's REST API: the methods of the gRPC services at the paths that their definitions name (`google.api.http`). */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { status } from '@grpc/grpc-js'
import { isObject } from '../json.ts'
import { RpcError } from '../rpc-error.ts'
import { fromJson, toJson } from './proto-json.ts'
import { loadRestMethods, type RestMethod } from './protos.ts'
import { invalidArgument } from './refusals.ts'
import type { Method } from './services.ts'

/** Google's limit of a request's body. */
const MAX_BODY_BYTES = 10_485_760

/** https://cloud.google.com/apis/design/errors#handling_errors; what is not here is 500. */
const HTTP_STATUS: Readonly<Partial<Record<status, number>>> = {
  [status.INVALID_ARGUMENT]: 400,
  [status.FAILED_PRECONDITION]: 400,
  [status.OUT_OF_RANGE]: 400,
  [status.UNAUTHENTICATED]: 401,
  [status.PERMISSION_DENIED]: 403,
  [status.NOT_FOUND]: 404,
  [status.ABORTED]: 409,
  [status.ALREADY_EXISTS]: 409,
  [status.RESOURCE_EXHAUSTED]: 429,
  [status.CANCELLED]: 499,
  [status.UNIMPLEMENTED]: 501,
  [status.UNAVAILABLE]: 503,
  [status.DEADLINE_EXCEEDED]: 504,
}

/** Parameters of every Google API, which say nothing about the request. */
const SYSTEM_PARAMETERS = /^\$|^(?:access_token|alt|callback|fields|key|oauth_token|prettyPrint|quotaUser|upload\w*)$/

/** Answers requests of HTTP/1.1. `methods`: by name, such as `publish`. */
export function restListener(methods: Readonly<Record<string, Method>>): RequestListener {
  // At the first request: reading the definitions takes a tenth of a second, and most servers get no such request.
  let routes: Route[] | undefined
  return async (request, response) => {
    try {
      routes ??= loadRestMethods().map((method) => ({ ...method, pattern: pathPattern(method.path) }))
      const url = URL.parse(request.url ?? '/', 'http://localhost')
      if (url === null) throw invalidArgument('Invalid path.')
      for (const route of routes) {
        const [, name] = (request.method === route.verb && route.pattern.exec(url.pathname)) || []
        if (name === undefined) continue
        const method = methods[route.name]
        if (method === undefined) throw new RpcError(status.UNIMPLEMENTED, `This server has no ${route.name}.`)
        const fields = route.hasBody ? await bodyOf(request) : parametersOf(url)
        const message = fromJson(route.requestType, withName(fields, route.path, decoded(name)))
        const answer = await method(route.asReceived(message), aborted(response))
        send(response, 200, toJson(route.responseType, route.asSent(answer)))
        return
      }
      throw new RpcError(status.NOT_FOUND, `Pub/Sub has no ${request.method} ${url.pathname}.`)
    } catch (error) {
      const code = error instanceof RpcError ? error.code : status.INTERNAL
      const message = error instanceof Error ? error.message : String(error)
      const httpStatus = HTTP_STATUS[code] ?? 500
      send(response, httpStatus, { error: { code: httpStatus, message, status: status[code] } })
    }
  }
}

interface Route extends RestMethod {
  readonly pattern: RegExp
}

/** `/v1/{topic=projects/∗/topics/∗}:publish` as a pattern whose group is the name. */
function pathPattern(path: string): RegExp {
  const pattern = path.replace(/\{[\w.]+=([^}]+)\}/, (_, name: string) => `(${name.replaceAll('*', '[^/:]+')})`)
  return new RegExp(`^${pattern}$`)
}

/** The request with the name that its path holds, which wins over one in the body. */
function withName(fields: Readonly<Record<string, unknown>>, path: string, name: string): Record<string, unknown> {
  const [, outer = '', inner] = /\{(\w+)(?:\.(\w+))?=/.exec(path) ?? []
  if (inner === undefined) return { ...fields, [outer]: name }
  const around = fields[outer]
  return { ...fields, [outer]: { ...(isObject(around) ? around : {}), [inner]: name } }
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    throw invalidArgument(`Invalid name: ${name} is not URL-encoded.`)
  }
}

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
  }
  if (bytes > MAX_BODY_BYTES) throw invalidArgument(`Request payload size exceeds the limit: ${MAX_BODY_BYTES} bytes.`)
  if (bytes === 0) return {}
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString())
    if (isObject(body)) return body
  } catch {
    // Refused below, like JSON that is no object.
  }
  throw invalidArgument('Invalid JSON payload received.')
}

function parametersOf(url: URL): Record<string, unknown> {
  return Object.fromEntries([...url.searchParams].filter(([name]) => !SYSTEM_PARAMETERS.test(name)))
}

/** Aborts when the caller hangs up. */
function aborted(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  response.once('close', () => controller.abort())
  return controller.signal
}

function send(response: ServerResponse, httpStatus: number, body: unknown): void {
  response.writeHead(httpStatus, { 'content-type': 'application/json; charset=UTF-8' })
  response.end(`${JSON.stringify(body, null, 2)}\n`)
}
