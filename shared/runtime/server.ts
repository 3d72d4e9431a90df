import { createServer, type Server, type ServerResponse } from 'node:http'
import type { RequestHandler } from './request-handler.ts'

/** As much of the framework's options as this server needs to know. */
export interface ServerOptions {
  readonly signatureType: string
}

/**
 * Replaces: the framework's own `getServer`, in a deployed bundle only (scripts/build/without-express.ts). That one puts an
 * Express application with five body parsers in front of the function; this one hands it Node's request and response. What
 * its users rely on holds: every path and method reaches the function, and what it rejects with is logged and answered 500.
 */
export function getServer(handler: RequestHandler, { signatureType }: ServerOptions): Server {
  if (signatureType !== 'http') {
    throw new Error(`FUNCTION_SIGNATURE_TYPE must be http: this bundle takes no ${signatureType} function`)
  }
  return createServer({ keepAliveTimeout: NEVER }, (request, response) => {
    const answered = handler(request, response)
    if (answered instanceof Promise) answered.catch((error: unknown) => answerFailure(error, response))
  })
}

/**
 * The platform's proxy holds the connections and closes them. An instance that also closed them might do so just as the proxy
 * sends the next request, and would set two timers per request for it.
 */
const NEVER = 0

/** As the framework in production: the stack to the log, the status and its header to the sender. */
function answerFailure(error: unknown, response: ServerResponse): void {
  console.error(error instanceof Error ? error.stack : error)
  if (response.headersSent) return
  response.writeHead(500, { 'X-Google-Status': 'crash' }).end('Internal Server Error')
}
