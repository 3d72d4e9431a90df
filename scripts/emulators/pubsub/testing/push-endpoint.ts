import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { z } from 'zod'

const pushSchema = z.strictObject({
  deliveryAttempt: z.number().optional(),
  message: z.strictObject({
    data: z.string().default(''),
    attributes: z.record(z.string(), z.string()).default({}),
    messageId: z.string(),
    message_id: z.string(),
    publishTime: z.iso.datetime(),
    publish_time: z.iso.datetime(),
    orderingKey: z.string().optional(),
  }),
  subscription: z.string(),
})

export interface ReceivedPush extends z.infer<typeof pushSchema> {
  readonly text: string
  readonly headers: IncomingHttpHeaders
  readonly receivedMs: number
}

/** What to answer: a status; or whatever the function does with the response. */
export type Answer = number | ((response: ServerResponse, request: IncomingMessage) => void)

export interface PushEndpoint {
  readonly url: string
  readonly pushes: readonly ReceivedPush[]
  /** Resolves with the first `count` pushes once so many have come. */
  received(count: number): Promise<readonly ReceivedPush[]>
  close(): Promise<void>
}

/** An HTTP server that pushes go to, and that remembers them. */
export async function startPushEndpoint(answer: (push: ReceivedPush, index: number) => Answer): Promise<PushEndpoint> {
  const pushes: ReceivedPush[] = []
  const arrivals = new EventEmitter().setMaxListeners(0)
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = pushSchema.parse(JSON.parse(Buffer.concat(chunks).toString()))
    const text = Buffer.from(body.message.data, 'base64').toString()
    const push = { ...body, text, headers: request.headers, receivedMs: Date.now() }
    const reply = answer(push, pushes.push(push) - 1)
    if (typeof reply === 'number') response.writeHead(reply).end()
    else reply(response, request)
    arrivals.emit('push')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the push endpoint has no port')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    pushes,
    received: async (count) => {
      while (pushes.length < count) await once(arrivals, 'push')
      return pushes.slice(0, count)
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
