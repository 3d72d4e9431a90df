import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Request } from '@google-cloud/functions-framework'

/** What Express's body parsers go by. Without these headers they take a request for one without a body. */
const BODY_HEADERS = ['content-length', 'transfer-encoding', 'content-type', 'content-encoding'] as const

/**
 * Keeps the framework's hands off the bodies of our requests, so that `readBody` gets them as they were signed.
 *
 * The functions framework parses every body before it calls the function, whoever sent it: malformed JSON is answered
 * 400 (which makes Customer.io wait an hour) before a signature can be checked, an unknown charset 415, a body that is
 * cut off is logged as an exception with its stack, gzip is inflated, a gigabyte is buffered. It has no option against
 * that. Node announces each request on a diagnostics channel before the server's listeners run, which is where the
 * headers that the parsers go by are taken off; the stream itself is untouched. The path means nothing here and becomes
 * `/`, since the router answers some paths (`/robots.txt`, `/%zz`) on its own.
 *
 * @param isOurs the channel is that of the whole process, which may serve other functions too
 * @returns undoes it
 */
export function leaveBodiesUnread(isOurs: (request: IncomingMessage) => boolean): () => void {
  const onRequest = (announcement: unknown): void => {
    // `http.server.request.start`: https://nodejs.org/api/diagnostics_channel.html#http
    const { request } = announcement as { readonly request: IncomingMessage }
    if (!isOurs(request)) return
    for (const header of BODY_HEADERS) delete request.headers[header]
    request.url = '/'
  }
  subscribe('http.server.request.start', onRequest)
  return () => unsubscribe('http.server.request.start', onRequest)
}

/** Whether the framework was told, in either of its ways, to serve this one function in this process. */
export function servesOnly(name: string, env: NodeJS.ProcessEnv, argv: readonly string[]): boolean {
  return env.FUNCTION_TARGET === name || argv.includes(`--target=${name}`)
}

/**
 * Reads the body of a request, at most `maxBytes` of it and for at most `timeoutMs`.
 *
 * @returns the raw bytes; `too_large` as soon as the limit is passed; `too_slow` when the time is over; `aborted` when
 *   the sender went away.
 */
export function readBody(
  request: Request,
  maxBytes: number,
  timeoutMs: number,
): Promise<Buffer | 'too_large' | 'too_slow' | 'aborted'> {
  // Read by the framework already, where `leaveBodiesUnread` does not reach.
  const { rawBody } = request
  if (rawBody !== undefined) return Promise.resolve(rawBody.length > maxBytes ? 'too_large' : rawBody)
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const settle = (outcome: Buffer | 'too_large' | 'too_slow' | 'aborted') => {
      clearTimeout(timer)
      chunks.length = 0
      resolve(outcome)
    }
    const timer = setTimeout(settle, timeoutMs, 'too_slow')
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      // The rest flows on, unread: an answer sent to someone who is still writing would be lost.
      if (bytes > maxBytes) settle('too_large')
      else chunks.push(chunk)
    })
    request.on('end', () => settle(Buffer.concat(chunks)))
    request.on('error', () => settle('aborted'))
    request.on('close', () => settle('aborted'))
  })
}
