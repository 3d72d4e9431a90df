import { once } from 'node:events'
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { z } from 'zod'
import { freePort } from '../emulators/ports.ts'
import type { FunctionProcess } from '../local/function-process.ts'
import { TOPICS, type Topic } from './messages.ts'

/** One process of a function. */
export interface Instance {
  readonly process: FunctionProcess
  /** Ids of the messages whose pushes it holds. */
  readonly held: Set<string>
  /** False: it gets no pushes, being ended or not yet up. A frozen one does get them. */
  routed: boolean
  readonly agent: Agent
}

const push = z.object({ message: z.object({ messageId: z.string() }) })

/** Several instances of one function behind one address, as Cloud Run runs them: pushes go round. */
export class InstancePool {
  readonly instances: readonly Instance[]
  readonly #server: Server
  #turn = 0
  #port = 0

  private constructor(processes: readonly FunctionProcess[]) {
    this.instances = processes.map((process) => ({
      process,
      held: new Set(),
      routed: true,
      agent: new Agent({ keepAlive: true }),
    }))
    this.#server = createServer(
      { keepAliveTimeout: 60_000 },
      (request, response) => void this.#route(request, response),
    )
  }

  /** Takes a running process and starts others beside it. */
  static async start(first: FunctionProcess, count: number): Promise<InstancePool> {
    const others = await Promise.all(Array.from({ length: count - 1 }, async () => first.another(await freePort())))
    const pool = new InstancePool([first, ...others])
    await Promise.all(others.map((process) => process.start()))
    pool.#server.listen(0, '127.0.0.1')
    await once(pool.#server, 'listening')
    const address = pool.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the balancer is not listening on a port')
    pool.#port = address.port
    return pool
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`
  }

  /** Lets every instance finish what it holds, and ends it. */
  async drain(): Promise<void> {
    for (const instance of this.instances) instance.routed = false
    await Promise.all(this.instances.map(({ process }) => process.stop('SIGTERM')))
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    for (const { process, agent } of this.instances) {
      await process.close()
      agent.destroy()
    }
  }

  #next(): Instance | undefined {
    for (let step = 0; step < this.instances.length; step++) {
      const instance = this.instances[this.#turn++ % this.instances.length]
      if (instance?.routed) return instance
    }
    return undefined
  }

  async #route(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of incoming) chunks.push(chunk)
    } catch {
      return
    }
    const body = Buffer.concat(chunks)
    const instance = this.#next()
    if (instance === undefined) {
      outgoing.writeHead(429).end('no instance')
      return
    }
    const { messageId } = push.parse(JSON.parse(body.toString())).message
    instance.held.add(messageId)
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
    const over = () => instance.held.delete(messageId)
    forwarded.on('response', (answer) => {
      over()
      outgoing.writeHead(answer.statusCode ?? 502)
      answer.pipe(outgoing)
      answer.on('error', () => outgoing.destroy())
    })
    forwarded.on('error', () => {
      over()
      if (!outgoing.headersSent) outgoing.writeHead(502).end('the instance is gone')
    })
    outgoing.on('close', () => {
      // Pub/Sub has stopped waiting; the instance works on, as on Cloud Run.
      if (!outgoing.writableFinished) forwarded.destroy()
    })
    forwarded.end(body)
  }
}

/** The instances of all functions. */
export interface InstancePools {
  readonly of: Readonly<Record<Topic, InstancePool>>
  drain(): Promise<void>
  close(): Promise<void>
}

export async function startPools(
  functions: Readonly<Record<string, FunctionProcess>>,
  counts: Readonly<Record<Topic, number>>,
): Promise<InstancePools> {
  const start = async (topic: Topic): Promise<InstancePool> => {
    const first = functions[topic]
    if (first === undefined) throw new Error(`no function ${topic}`)
    return await InstancePool.start(first, counts[topic])
  }
  const [identify, track, transactional] = await Promise.all([
    start('identify'),
    start('track'),
    start('transactional'),
  ])
  const of = { identify, track, transactional }
  return {
    of,
    drain: async () => void (await Promise.all(TOPICS.map((topic) => of[topic].drain()))),
    close: async () => void (await Promise.all(TOPICS.map((topic) => of[topic].close()))),
  }
}
