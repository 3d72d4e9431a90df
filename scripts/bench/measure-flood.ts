import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Stack, startStack } from '../local/stack.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'

export interface FloodOptions {
  /** Updates of one object, without an ordering key, published at once. */
  readonly flood: number
  /** Updates of one person each, published evenly. */
  readonly peoplePerSecond: number
  readonly seconds: number
  /** Items that Customer.io answers with 503 for as long as they are there, among `innocent` others. */
  readonly poison: number
  readonly innocent: number
}

export interface FloodResult {
  /** People delivered within `seconds` and one more, without and with the flood; of those published. */
  readonly people: { readonly published: number; readonly alone: number; readonly flooded: number }
  readonly medianMs: { readonly alone: number; readonly flooded: number }
  /** 503s that the flood met meanwhile. */
  readonly floodRefusals: number
  /** Pushes of the innocent that were answered by a failure, while poison was among them; 0 when no poison was asked for. */
  readonly needlessRetries: number
}

const CUSTOMERIO_LATENCY_MS = 50
/** So many acknowledgements make the push window as large as it becomes. */
const WARM_UP = 3_000

export async function measureFlood(options: FloodOptions): Promise<FloodResult> {
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
    const watched = watch(stack)
    const publish = publisherOf(stack)
    await publish(people('warm', WARM_UP))
    await watched.acknowledged(WARM_UP)
    const retries = options.poison === 0 ? 0 : await needlessRetries(stack, watched, options)

    const { peoplePerSecond, seconds, flood } = options
    const steady = async (name: string) => {
      const ids: string[] = []
      for (let tick = 0; tick < seconds * 10; tick++) {
        ids.push(...(await publish(people(`${name}-${tick}`, peoplePerSecond / 10))))
        await delay(100)
      }
      await delay(1_000)
      return watched.of(ids)
    }
    const alone = await steady('alone')
    const flooding = await publish(Array.from({ length: flood }, (_, version) => objectUpdate(version)))
    const flooded = await steady('flooded')
    const floodRefusals = watched.of(flooding).failures

    return {
      people: { published: peoplePerSecond * seconds, alone: alone.delivered, flooded: flooded.delivered },
      medianMs: { alone: alone.medianMs, flooded: flooded.medianMs },
      floodRefusals,
      needlessRetries: retries,
    }
  } finally {
    await stack.close()
    await rm(directory, { recursive: true })
  }
}

async function needlessRetries(stack: Stack, watched: Watched, { poison, innocent }: FloodOptions): Promise<number> {
  stack.customerio.orders.add({ on: 'batch', containing: ['"poison-'], fault: { do: 'answer', status: 503 } })
  const publish = publisherOf(stack)
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
  const { failures } = watched.of(ids)
  stack.customerio.orders.clear()
  return failures
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
        medianMs: Math.round(times[times.length >> 1] ?? Number.POSITIVE_INFINITY),
        failures: ids.reduce((sum, id) => sum + (failures.get(id) ?? 0), 0),
      }
    },
  }
}

function publisherOf(stack: Stack): (messages: readonly object[]) => Promise<string[]> {
  const topic = stack.client.topic('identify')
  return (messages) => Promise.all(messages.map((json) => topic.publishMessage({ json })))
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
