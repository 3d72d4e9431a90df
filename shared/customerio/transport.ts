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
  /** No connection came about, so nothing was written: the request was certainly not processed. */
  | { readonly kind: 'no_connection'; readonly code: string }
  /** Timeout, reset, or an answer cut off: the request may have been processed. */
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

/**
 * Puts our own exchange in the place of an SDK client's `request.handler`. The SDK still decides path, headers,
 * credentials and body; what is replaced is how the answer is read, because the SDK's own way cannot be classified:
 * it loses the status of an answer that is not JSON (an HTML 502 and an HTML 404 are the same plain `Error` to it),
 * follows redirects without end, and repeats a timed-out send.
 */
export function useTransport(client: SdkClient, timeoutMs: number): void {
  client.request.handler = async (request) => ({ answer: await exchange(request, timeoutMs) })
}

/** Runs one SDK method of a client with {@link useTransport} and returns the answer. */
export async function answerOf(call: () => Promise<{ answer?: Answer }>): Promise<Answer> {
  const { answer } = await call()
  if (answer === undefined) throw new Error('this SDK client does not use our transport')
  return answer
}

async function exchange(request: SdkRequest, timeoutMs: number): Promise<Answer> {
  let ready: Request
  try {
    ready = new Request(request.uri, {
      method: request.method,
      headers: Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]),
      body: request.body ?? null,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
  } catch (error) {
    // Its message shows the header, which is the credential.
    return { kind: 'no_request', code: textOf(error, 'name') ?? 'UNKNOWN' }
  }
  try {
    const response = await fetch(ready)
    const body = await response.text()
    return { kind: 'response', status: response.status, headers: Object.fromEntries(response.headers), body }
  } catch (error) {
    return networkFailure(error)
  }
}

const CONNECT_SYSCALLS: ReadonlySet<string | undefined> = new Set(['connect', 'getaddrinfo'])

/**
 * Tells a failure before anything was written from one after. `fetch` rejects with `TypeError('fetch failed')` and keeps
 * the system error as `cause`; a timeout is a `DOMException` named `TimeoutError` and may come at any moment.
 */
function networkFailure(error: unknown): Answer {
  if (textOf(error, 'name') === 'TimeoutError') return { kind: 'no_answer', code: 'TIMEOUT' }
  const cause = rootCause(error)
  const code = textOf(cause, 'code') ?? textOf(error, 'name') ?? 'UNKNOWN'
  const connecting = CONNECT_SYSCALLS.has(textOf(cause, 'syscall')) || code === 'UND_ERR_CONNECT_TIMEOUT'
  return { kind: connecting ? 'no_connection' : 'no_answer', code }
}

/** The system error below `fetch failed`; for a host with several addresses it is the first of an AggregateError. */
function rootCause(error: unknown): unknown {
  const cause = isObject(error) ? error.cause : undefined
  const several = isObject(cause) ? cause.errors : undefined
  return Array.isArray(several) && several.length > 0 ? several[0] : cause
}

function textOf(value: unknown, property: string): string | undefined {
  const text = isObject(value) ? value[property] : undefined
  return typeof text === 'string' ? text : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
