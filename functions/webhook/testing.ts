import { once } from 'node:events'
import { Agent, type IncomingMessage, request, type Server } from 'node:http'
import { type HttpFunction, http } from '@google-cloud/functions-framework'
import { getTestServer } from '@google-cloud/functions-framework/testing'
import { leaveBodiesUnread } from '../../shared/runtime/index.ts'
import { signWebhook } from '../../shared/webhooks/index.ts'

/** What the tests of this function share: the function on a real port, and a sender that signs as Customer.io does. */

/** Serves a handler through the functions framework on a free port. */
export async function serve(handler: HttpFunction): Promise<{ port: number; close: () => Promise<void> }> {
  leaveBodiesUnread()
  http('under-test', handler)
  const server: Server = getTestServer('under-test')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    port: address.port,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

export interface Sent {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string | string[]>
  readonly body?: string | Buffer
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

/** Sends a request and resolves with the status and headers of its answer; rejects when the connection is cut. */
export async function send(port: number, sent: Sent): Promise<{ status: number; headers: IncomingMessage['headers'] }> {
  const { method = 'POST', path = '/', headers, body } = sent
  const outgoing = request({ port, host: '127.0.0.1', method, path, agent, headers })
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject)
  })
  outgoing.end(body)
  const response = await answer
  response.resume()
  await once(response, 'end')
  return { status: response.statusCode ?? 0, headers: response.headers }
}

/** A webhook signed with a key, as Customer.io would send it. */
export function webhook(
  key: string,
  body: string | Buffer,
  timestamp = '1763740000',
): Required<Pick<Sent, 'headers' | 'body'>> {
  const signature = signWebhook(key, timestamp, Buffer.from(body))
  const headers = { 'content-type': 'application/json', 'x-cio-timestamp': timestamp, 'x-cio-signature': signature }
  return { headers, body }
}
