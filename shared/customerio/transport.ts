import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Clock } from '../clock/index.ts'
import { codeOf, safeErrorName } from '../errors/index.ts'

// Not with `import`: that reads every export of `node:http`, among them WebSocket, which loads the whole of undici.
const http = process.getBuiltinModule('node:http')
const https = process.getBuiltinModule('node:https')

/** What came back from one HTTP request, or how it failed. Nothing here is an exception: every case has to be classified. */
export type Answer =
  /** A complete answer, whatever its status. Header names are lower case. */
  | {
      readonly kind: 'response'
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly body: string
    }
  /** No request could be made of it, so nothing was written: a credential holds what no header can. */
  | { readonly kind: 'no_request'; readonly code: string }
  /** No connection (with TLS: no secure one) came about, so nothing was written: the request was certainly not processed. */
  | { readonly kind: 'no_connection'; readonly code: string }
  /** Timeout, reset, or an answer cut off, on a connection that there was: the request may have been processed. */
  | { readonly kind: 'no_answer'; readonly code: string }

/** One request as the SDK shapes it. */
export interface SdkRequest {
  readonly method: string
  readonly uri: string
  readonly headers: Readonly<Record<string, string | number>>
  readonly body?: string | FormData | null
}

/** The part of an SDK client that this file takes the place of. */
interface SdkClient {
  request: { handler(options: SdkRequest): Promise<Record<string, unknown>> }
}

export interface TransportOptions {
  /** Of one request, with its answer. */
  readonly timeoutMs: number
  readonly clock: Clock
  /** In the place of HTTP, for a simulation. */
  readonly exchange?: Exchange | undefined
}

/** Makes one request. Never rejects. */
export type Exchange = (request: SdkRequest, options: Omit<TransportOptions, 'exchange'>) => Promise<Answer>

/**
 * Puts our own exchange in the place of an SDK client's `request.handler`: how the answer is read, which the SDK's own way
 * gives no means to classify. The SDK still decides path, headers, credentials and body. See
 * [the decision](../decisions/sdk-transport.md).
 */
export function useTransport(client: SdkClient, { exchange = exchangeOverHttp, ...options }: TransportOptions): void {
  client.request.handler = async (request) => ({ answer: await exchange(request, options) })
}

/** Runs one SDK method of a client with {@link useTransport} and returns the answer. */
export async function answerOf(call: () => Promise<{ answer?: Answer }>): Promise<Answer> {
  const { answer } = await call()
  if (answer === undefined) throw new Error('this SDK client does not use our transport')
  return answer
}

/**
 * Longest body that is read, in characters. The longest answer to a batch names each of 1,000 items with its reason, and a
 * value may be quoted; the longest list has 1,000 deliveries. What is cut off is no JSON, and is classified as that.
 */
const BODY_LIMIT = 2_000_000
const LIST_LIMIT = 10_000_000

/** Shorter than servers keep an idle connection, so that a request does not go out on one that is being closed. */
const KEEP_ALIVE = { keepAlive: true, timeout: 4_000 } as const
const httpAgent = new http.Agent(KEEP_ALIVE)
const httpsAgent = new https.Agent(KEEP_ALIVE)

/** One request. Not with `fetch`: to load undici takes a tenth of a cold start, and it does not tell whether it had a connection. */
function exchangeOverHttp(request: SdkRequest, { timeoutMs, clock }: TransportOptions): Promise<Answer> {
  return new Promise((resolve) => {
    let sent: ClientRequest
    try {
      sent = prepare(request)
    } catch (error) {
      // Its message shows the header, which is the credential.
      resolve({ kind: 'no_request', code: safeErrorName(error) })
      return
    }
    let connected = false
    const settle = (answer: Answer): void => {
      cancelTimeout()
      resolve(answer)
      // Answered before it was read to its end: the rest may never be taken, and would hold the connection.
      if (!sent.writableFinished) sent.destroy()
    }
    const fail = (code: string): void => settle({ kind: connected ? 'no_answer' : 'no_connection', code })
    const cancelTimeout = clock.after(timeoutMs, () => {
      fail('TIMEOUT')
      sent.destroy()
    })
    sent.on('socket', (socket) => {
      if (!socket.connecting) connected = true
      else socket.once(sent.protocol === 'https:' ? 'secureConnect' : 'connect', () => (connected = true))
    })
    sent.on('error', (error) => fail(networkCodeOf(error)))
    sent.on('upgrade', (_response, socket) => {
      socket.destroy()
      fail('UPGRADE')
    })
    const limit = request.method === 'GET' ? LIST_LIMIT : BODY_LIMIT
    sent.on('response', (response) => read(response, limit, settle, fail))
    sent.end(request.body)
  })
}

/** Throws when no request can be made of it. */
function prepare({ method, uri, headers, body }: SdkRequest): ClientRequest {
  if (typeof body === 'object' && body !== null) throw new TypeError('uploads are not supported')
  const url = new URL(uri)
  return url.protocol === 'http:'
    ? http.request(url, { method, headers, agent: httpAgent })
    : https.request(url, { method, headers, agent: httpsAgent })
}

function read(
  response: IncomingMessage,
  limit: number,
  settle: (answer: Answer) => void,
  fail: (code: string) => void,
): void {
  const answered = (body: string): void => {
    const headers = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
    settle({ kind: 'response', status: response.statusCode ?? 0, headers, body })
  }
  let body = ''
  response.setEncoding('utf8')
  response.on('data', (text: string) => {
    body += text
    if (body.length <= limit) return
    answered('cut off: longer than any answer that is known')
    response.destroy()
  })
  response.on('error', (error) => fail(networkCodeOf(error)))
  response.on('end', () => answered(body))
}

/** The system's code. Of a host with several addresses Node gives the error that of the first. */
function networkCodeOf(error: unknown): string {
  return String(codeOf(error) ?? safeErrorName(error))
}
