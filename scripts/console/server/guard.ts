import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** What a request says about itself. */
export interface Asking {
  readonly method: string
  readonly headers: IncomingHttpHeaders
}

export interface Refusal {
  readonly status: number
  readonly message: string
}

/** Header that carries the token of the page. A form cannot set it, and another origin may not. */
export const TOKEN_HEADER = 'x-console-token'

/**
 * Why a request is refused; undefined when it may go on. Loopback keeps other machines out, and this keeps out what other
 * pages in the same browser can do: a name that resolves to loopback (DNS rebinding) has a foreign host, a page of another
 * site has a foreign origin, and neither can read the token that every POST must carry.
 *
 * @param port where the console listens
 * @param token of the page that this console has served
 */
export function refusalOf({ method, headers }: Asking, port: number, token: string): Refusal | undefined {
  const hosts = ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`)
  if (!hosts.includes(headers.host ?? '')) {
    return { status: 403, message: `the console answers to ${hosts.join(', ')} only` }
  }
  const { origin, 'sec-fetch-site': site = 'none' } = headers
  const ownOrigin = origin === undefined || origin === `http://${headers.host}`
  if (!ownOrigin || (site !== 'same-origin' && site !== 'none')) {
    return { status: 403, message: 'the console answers to its own page only' }
  }
  if (method === 'GET') return undefined
  if (method !== 'POST') return { status: 405, message: 'the console takes GET and POST' }
  if (!isSame(headers[TOKEN_HEADER], token)) {
    return { status: 403, message: 'the page is of an earlier console: reload it' }
  }
  if (!/^application\/json(;|$)/.test(headers['content-type'] ?? '')) {
    return { status: 415, message: 'the console takes application/json' }
  }
  return undefined
}

/** Compares a secret with what was given, in a time that tells nothing of it. */
export function isSame(given: string | string[] | null | undefined, token: string): boolean {
  if (typeof given !== 'string') return false
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}
