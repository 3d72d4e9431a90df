import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

/**
 * What a function does with a request. It uses Node's own request and response and nothing that Express adds to them, so
 * that it runs on the functions framework and on the server of the deployed bundle (server.ts) alike.
 */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** Answers with a line of text for whoever looks at the answer. */
export function answerWithText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: OutgoingHttpHeaders = {},
): void {
  const about = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(text) }
  response.writeHead(status, { ...about, ...headers }).end(text)
}

/** A header that is sent once; undefined without it, or with several. @param name in lower case */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}
