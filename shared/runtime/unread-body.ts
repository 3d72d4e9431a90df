import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server } from 'node:http'

/** What Express's body parsers go by. Without these headers they take a request for one without a body. */
const BODY_HEADERS = ['content-length', 'transfer-encoding', 'content-type', 'content-encoding'] as const

/**
 * Replaces: the framework parses every body before it calls the function, whoever sent it. Malformed JSON is answered 400
 * before a signature can be checked, and 20 characters of it reach the log; an unknown charset is answered 415; a body that
 * is cut off is logged as an exception with its stack; gzip is inflated; a gigabyte is buffered. It has no option against
 * that. The framework also answers some paths (`/robots.txt`, `/%zz`) on its own.
 *
 * Node announces each request on a diagnostics channel before the server's listeners run. There the headers that the
 * parsers go by are taken off, and the path, which means nothing here, becomes `/`. The stream itself is untouched.
 *
 * @returns undoes it
 */
export function leaveBodiesUnread(): () => void {
  subscribe('http.server.request.start', hideBody)
  return () => unsubscribe('http.server.request.start', hideBody)
}

/** `http.server.request.start`: https://nodejs.org/api/diagnostics_channel.html#http */
function hideBody(announcement: unknown): void {
  const { request, server } = announcement as { readonly request: IncomingMessage; readonly server: Server }
  if (!isFrameworks(server)) return
  // Not deleted: an object that loses properties becomes a hash table, and every later look at a header takes longer.
  for (const header of BODY_HEADERS) if (request.headers[header] !== undefined) request.headers[header] = undefined
  request.url = '/'
}

/** The channel is that of the whole process, which may hold other servers. The framework's is the one of an Express application. */
function isFrameworks(server: Server): boolean {
  return server.listeners('request').some((listener) => 'mountpath' in listener)
}
