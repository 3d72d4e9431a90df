import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/** A push as Node hands it to a handler, with nobody at the other end of its connection. */
export function requestOf(body: Buffer, headers: Readonly<Record<string, string>> = {}): IncomingMessage {
  const request = new IncomingMessage(new Socket())
  request.method = 'POST'
  request.url = '/'
  request.rawHeaders = ['Content-Type', 'application/json', 'Content-Length', String(body.length)]
  Object.assign(request.headers, headers)
  request.complete = true
  request.push(body)
  request.push(null)
  return request
}

/** Hands the status over instead of writing it to a connection. */
export class Response extends ServerResponse {
  readonly #answered: (status: number) => void

  constructor(request: IncomingMessage, answered: (status: number) => void) {
    super(request)
    this.#answered = answered
  }

  override writeHead(status: number): this {
    this.statusCode = status
    return this
  }

  override end(): this {
    this.#answered(this.statusCode)
    this.emit('close')
    return this
  }
}
