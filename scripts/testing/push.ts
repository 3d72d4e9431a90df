import { once } from 'node:events'
import { getTestServer } from '@google-cloud/functions-framework/testing'

export interface PushOverrides {
  readonly messageId?: string
  readonly attributes?: Record<string, string>
  readonly deliveryAttempt?: number
  readonly publishTime?: string
  readonly subscription?: string
  readonly orderingKey?: string
}

let messages = 0

/** The body of a Pub/Sub push: an object is the message, text is a broken one. */
export function pushBody(data: object | string, overrides: PushOverrides = {}) {
  const { messageId = `m${++messages}`, attributes = {}, publishTime = '2026-11-21T10:00:00Z', orderingKey } = overrides
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return {
    message: {
      data: Buffer.from(text).toString('base64'),
      messageId,
      publishTime,
      attributes,
      ...(orderingKey !== undefined && { orderingKey }),
    },
    subscription: overrides.subscription ?? 'projects/local-project/subscriptions/test',
    deliveryAttempt: overrides.deliveryAttempt ?? 1,
  }
}

let registrations = 0

/** Registers a function as it is put together from what `process.env` holds now: modules are loaded once, this one each time. */
export async function registerFunction(name: string): Promise<void> {
  await import(`../../functions/${name}/index.ts?registration=${++registrations}`)
}

/** A registered function on the functions framework, on a real port, and a way to push to it. */
export async function serveFunction(name: string) {
  const server = getTestServer(name)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  const url = `http://127.0.0.1:${address.port}/`
  return {
    url,
    /** Pushes a message and gives the status of the answer. */
    async push(data: object | string, overrides: PushOverrides = {}): Promise<number> {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(pushBody(data, overrides)),
      })
      await answer.arrayBuffer()
      return answer.status
    },
    async close(): Promise<void> {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
