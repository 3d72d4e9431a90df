import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Stack, startStack } from '../local/stack.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import type { FloodOptions, FloodResult } from './simulate-flood.ts'

const CUSTOMERIO_LATENCY_MS = 50
/** So many acknowledgements make the push window as large as it becomes. */
const WARM_UP = 3_000
const OUTAGE_SECONDS = 10
const PATIENCE_SECONDS = 60

/** What `simulateFlood` tells, of the built function behind the local Pub/Sub: it depends on the machine and its load. */
export async function measureFlood(options: FloodOptions): Promise<FloodResult> {
  return await withIdentify(async (stack) => {
    const watched = watch(stack)
    const publish = publisherOf(stack)
    await bring(stack, watched, options)
    const { peoplePerSecond, seconds, flood, floodIn } = options
    const flooding = await publish(
      Array.from({ length: flood }, (_, version) => objectUpdate(version)),
      {
        ...(floodIn === 'order' && { orderingKey: 'object:1:acme' }),
        ...(floodIn === 'bulk lane' && { attributes: { lane: 'bulk' } }),
      },
    )
    const startedMs = performance.now()
    const ids: string[] = []
    for (let tick = 0; tick < seconds * 10; tick++) {
      ids.push(...(await publish(people(`person-${tick}`, peoplePerSecond / 10))))
      await delay(Math.max(0, startedMs + (tick + 1) * 100 - performance.now()))
    }
    await delay(1_000)
    const { delivered, medianMs } = watched.of(ids)
    const isOver = () => (performance.now() - startedMs) / 1_000 > PATIENCE_SECONDS
    while (watched.of(ids).delivered < ids.length && !isOver()) await delay(50)
    return {
      published: ids.length,
      inTime: delivered,
      medianMs,
      allAfterSeconds: isOver() ? undefined : Math.round((performance.now() - startedMs) / 100) / 10,
      refusals: watched.of(flooding).failures,
    }
  })
}

/** Brings the subscription into a state. */
async function bring(stack: Stack, watched: Watched, { state, peoplePerSecond }: FloodOptions): Promise<void> {
  const publish = publisherOf(stack)
  if (state === 'warm') {
    await publish(people('warm', WARM_UP))
    await watched.acknowledged(WARM_UP)
  }
  if (state === 'throttled') {
    const outage = stack.customerio.orders.add({ fault: { do: 'answer', status: 503 } })
    for (let second = 0; second < OUTAGE_SECONDS; second++) {
      await publish(people(`outage-${second}`, peoplePerSecond))
      await delay(1_000)
    }
    stack.customerio.orders.remove(outage)
  }
}

/** How many pushes of innocent items were answered by a failure because items that Customer.io answers 503 were among them. */
export async function measureNeedlessRetries(poison: number, innocent: number): Promise<number> {
  return await withIdentify(async (stack) => {
    const watched = watch(stack)
    const publish = publisherOf(stack)
    await publish(people('warm', WARM_UP))
    await watched.acknowledged(WARM_UP)
    stack.customerio.orders.add({ on: 'batch', containing: ['"poison-'], fault: { do: 'answer', status: 503 } })
    const ids: string[] = []
    for (let part = 0; part < poison; part++) {
      const [, ...others] = await Promise.all([
        publish(people(`poison-${part}`, 1)),
        publish(people(`innocent-${part}`, innocent / poison)),
      ])
      ids.push(...others.flat())
    }
    const untilMs = performance.now() + 30_000
    while (watched.of(ids).delivered < ids.length && performance.now() < untilMs) await delay(200)
    return watched.of(ids).failures
  })
}

async function withIdentify<T>(work: (stack: Stack) => Promise<T>): Promise<T> {
  // Inside the project, where the bundles find the packages that they leave out.
  const local = join(PROJECT_ROOT, '.local')
  await mkdir(local, { recursive: true })
  const directory = await mkdtemp(join(local, 'flood-'))
  const stack = await startStack({
    directory,
    announce: false,
    ports: { all: 0 },
    functions: ['identify'],
    customerio: { latencyMs: CUSTOMERIO_LATENCY_MS },
    pubsub: { maxOutstandingPushes: WARM_UP },
  })
  try {
    return await work(stack)
  } finally {
    await stack.close()
    await rm(directory, { recursive: true })
  }
}

type Watched = ReturnType<typeof watch>

function watch(stack: Stack) {
  const publishedMs = new Map<string, number>()
  const deliveredMs = new Map<string, number>()
  const failures = new Map<string, number>()
  stack.pubsub.events.on('published', ({ messageId }) => publishedMs.set(messageId, performance.now()))
  stack.pubsub.events.on('acknowledged', ({ messageId }) => deliveredMs.set(messageId, performance.now()))
  stack.pubsub.events.on('delivered', ({ messageId, status }) => {
    if (status === undefined || status >= 300) failures.set(messageId, (failures.get(messageId) ?? 0) + 1)
  })
  return {
    async acknowledged(count: number): Promise<void> {
      while (deliveredMs.size < count) await delay(50)
    },
    of(ids: readonly string[]) {
      const times = ids.flatMap((id) => {
        const at = deliveredMs.get(id)
        return at === undefined ? [] : [at - (publishedMs.get(id) ?? at)]
      })
      times.sort((a, b) => a - b)
      return {
        delivered: times.length,
        medianMs: times[times.length >> 1],
        failures: ids.reduce((sum, id) => sum + (failures.get(id) ?? 0), 0),
      }
    },
  }
}

function publisherOf(stack: Stack) {
  const topic = stack.client.topic('identify', { messageOrdering: true })
  return (
    messages: readonly object[],
    how: { orderingKey?: string; attributes?: Record<string, string> } = {},
  ): Promise<string[]> => Promise.all(messages.map((json) => topic.publishMessage({ json, ...how })))
}

function people(name: string, count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({
    identifiers: { id: `${name}-${index}` },
    attributes: { plan: 'pro' },
  }))
}

function objectUpdate(version: number): object {
  return { type: 'object', identifiers: { object_type_id: '1', object_id: 'acme' }, attributes: { version } }
}
