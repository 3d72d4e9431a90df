import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Instance } from './instance.ts'

/** A push as an instance answered it. */
export interface BalancedPush {
  readonly messageId: string
  /** Pub/Sub's count, 1 for the first. */
  readonly attempt: number
  /** Process id of the instance. */
  readonly pid: number | undefined
  /**
   * `done`: acknowledged. `again`: Pub/Sub delivers it again, or the message goes on as another. `none`: no answer was seen.
   */
  readonly answer: 'done' | 'again' | 'none'
}

const MESSAGE_ID = '"messageId":"'

/** Without parsing: the largest pushes are 13 MB. Of the message's names only `data` may be long, and it has no quotes. */
function messageIdOf(push: Buffer): string {
  const start = push.lastIndexOf(MESSAGE_ID) + MESSAGE_ID.length
  return push.toString('latin1', start, push.indexOf('"', start))
}

/** It stands at the beginning, since every subscription here has a dead-letter policy. */
const attemptOf = (push: Buffer): number =>
  Number(/^{"deliveryAttempt":(\d+),/.exec(push.toString('latin1', 0, 40))?.[1])

/** Undefined for a push that the function was not given: its process was shutting down, and said so in the body. */
function answerOf({ statusCode, headers }: IncomingMessage): BalancedPush['answer'] | undefined {
  if (statusCode === 204) return 'done'
  if (statusCode === 202) return 'again'
  if (statusCode !== 503) return 'none'
  return Number(headers['content-length'] ?? 0) > 0 ? undefined : 'again'
}

/**
 * One address for several instances, as Cloud Run has it: pushes go round, an instance holds no more than its
 * concurrency, and a push for which no instance has a place is answered 429. `instances` may grow later.
 */
export async function startBalancer(
  instances: readonly Instance[],
  concurrency: number,
  onPush: (push: BalancedPush) => void,
): Promise<{ readonly url: string; readonly close: () => void }> {
  let turn = 0

  function next(): Instance | undefined {
    for (let step = 0; step < instances.length; step++) {
      const instance = instances[turn++ % instances.length]
      if (instance?.routed && !instance.spared && instance.inFlight < concurrency) return instance
    }
    return undefined
  }

  async function route(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of incoming) chunks.push(chunk)
    } catch {
      return
    }
    const body = Buffer.concat(chunks)
    const instance = next()
    if (instance === undefined) {
      outgoing.writeHead(429).end('no instance')
      return
    }
    const messageId = messageIdOf(body)
    const { pid } = instance.process
    let answer: BalancedPush['answer'] | undefined = 'none'
    instance.held.add(messageId)
    instance.inFlight++
    const { authorization, 'content-type': contentType } = incoming.headers
    const forwarded = httpRequest(instance.process.url, {
      method: 'POST',
      agent: instance.agent,
      headers: {
        'content-type': contentType,
        'content-length': body.length,
        ...(authorization !== undefined && { authorization }),
      },
    })
    forwarded.on('close', () => {
      instance.held.delete(messageId)
      instance.inFlight--
      if (answer !== undefined) onPush({ messageId, attempt: attemptOf(body), pid, answer })
    })
    forwarded.on('response', (response) => {
      answer = answerOf(response)
      outgoing.writeHead(response.statusCode ?? 502)
      response.pipe(outgoing)
      response.on('error', () => outgoing.destroy())
    })
    forwarded.on('error', () => {
      if (!outgoing.headersSent) outgoing.writeHead(502).end('the instance is gone')
    })
    outgoing.on('close', () => {
      // Pub/Sub has stopped waiting; the instance works on, as on Cloud Run.
      if (!outgoing.writableFinished) forwarded.destroy()
    })
    forwarded.end(body)
  }

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => void route(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the balancer is not listening on a port')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
