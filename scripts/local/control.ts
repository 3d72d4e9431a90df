import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { deadLetterSubscriptions } from '../topology/topology.ts'
import type { Stack } from './stack.ts'

export interface Control {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  close(): Promise<void>
}

/** A time to seek to, so that every message counts as acknowledged. */
const AFTER_EVERYTHING = new Date('9999-12-31')

/** How long a request of the control server may wait for the pipeline. */
const SETTLE_LIMIT_MS = 30_000

/** Serves what a test asks of a running stack, from whichever process it runs in. The client is pipeline.ts. */
export async function startControl(stack: Stack): Promise<Control> {
  const server = createServer((request, response) => {
    void answer(stack, request).then(
      (body) => respond(response, 200, body ?? null),
      (error: unknown) => respond(response, 500, { error: error instanceof Error ? error.message : String(error) }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function respond(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function answer(stack: Stack, { method, url = '/' }: IncomingMessage): Promise<unknown> {
  const { pathname, searchParams } = new URL(url, 'http://127.0.0.1')
  switch (`${method} ${pathname}`) {
    case 'GET /endpoints':
      return stack.endpoints
    case 'POST /settled':
      return settled(stack)
    case 'POST /reset':
      return reset(stack)
    case 'GET /received':
      return received(stack, searchParams.getAll('kind'))
    case 'GET /dead-letters':
      return deadLetters(stack, searchParams.get('topic') ?? '')
    default:
      throw new Error(`the control server has no ${method} ${pathname}`)
  }
}

function received(stack: Stack, kinds: readonly string[]): unknown {
  return stack.customerio.inbox.of(...kinds).map(({ kind, body, result }) => ({ kind, body, result }))
}

/** Looks at the dead letters of a topic without taking them: first what failed, then what was not sent by decision. */
function deadLetters(stack: Stack, topic: string): unknown {
  const names = deadLetterSubscriptions(stack.topology, topic).map((name) => subscriptionName(stack, name))
  const waiting = names.flatMap((name) => stack.pubsub.backlog(name))
  return waiting.map(({ message: { data, attributes } }) => {
    const { reason, error, ...rest } = attributes
    return { reason, error, attributes: rest, body: Buffer.from(data).toString() }
  })
}

/** Resolves when no function has anything left to do, and the record says so. */
async function settled(stack: Stack): Promise<void> {
  await waitFor(stack, () => {
    const busy = deliveringSubscriptions(stack).flatMap((name) => {
      const { outstanding } = stack.pubsub.stats(subscriptionName(stack, name))
      return outstanding === 0 ? [] : [`${name} holds ${outstanding}`]
    })
    const { pending } = stack.customerio.webhooks.state
    return pending === 0 ? busy : [...busy, `${pending} webhooks wait`]
  })
}

/**
 * Makes the pipeline as it was at its start: lets what is being delivered come to its end, drops what waits, and empties
 * Customer.io, the ledger and the tables.
 */
async function reset(stack: Stack): Promise<void> {
  const { pubsub, customerio } = stack
  const pushed = deliveringSubscriptions(stack).map((name) => subscriptionName(stack, name))
  customerio.orders.clear()
  customerio.webhooks.clear()
  for (const name of pushed) pubsub.pause(name)
  try {
    await waitFor(stack, () =>
      pushed.filter((name) => pubsub.stats(name).leased > 0).map((name) => `${name} is being delivered`),
    )
    const names = Object.keys(stack.topology.subscriptions)
    await Promise.all(names.map((name) => stack.client.subscription(name).seek(AFTER_EVERYTHING)))
  } finally {
    for (const name of pushed) pubsub.resume(name)
  }
  customerio.inbox.clear()
  customerio.workspace.clear()
  stack.firestore.clear()
  await stack.bigquery.clear()
}

/** Waits until nothing is in the way, and looks again whenever the stack has come further. */
async function waitFor(stack: Stack, obstacles: () => readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(SETTLE_LIMIT_MS)
  while (obstacles().length > 0) {
    const further = new AbortController()
    const either = { signal: AbortSignal.any([signal, further.signal]) }
    try {
      const { events } = stack.pubsub
      await Promise.race([
        ...(['acknowledged', 'deadLettered', 'delivered', 'expired'] as const).map((name) =>
          once(events, name, either),
        ),
        once(stack.customerio.webhooks.events, 'attempt', either),
      ])
    } catch (cause) {
      throw new Error(`the pipeline has not settled within ${SETTLE_LIMIT_MS} ms: ${obstacles().join(', ')}`, { cause })
    } finally {
      further.abort()
    }
    // The event of an answer comes before what follows from it.
    await setImmediate()
  }
}

/** Those that deliver by themselves, by push or to BigQuery. */
function deliveringSubscriptions(stack: Stack): string[] {
  return Object.entries(stack.topology.subscriptions).flatMap(([name, { push, bigquery }]) =>
    bigquery !== undefined || (push !== undefined && push in stack.functions) ? [name] : [],
  )
}

function subscriptionName(stack: Stack, name: string): string {
  return `projects/${stack.endpoints.projectId}/subscriptions/${name}`
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the control server does not listen on a port')
  return address.port
}
