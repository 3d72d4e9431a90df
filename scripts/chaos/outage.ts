import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Stack, startStack } from '../local/stack.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'
import { TOPICS, type Topic } from './messages.ts'
import { MessageWatch } from './watch.ts'

export interface OutageOptions {
  /** How long Customer.io answers everything with 503. */
  readonly seconds: number
  /** Messages of each topic that are published per second meanwhile. */
  readonly perSecond: Readonly<Partial<Record<Topic, number>>>
  /** The account's limit, shared out as in the cloud. */
  readonly requestsPerSecond: number
  /** Of Pub/Sub's back-off, the only thing that is scaled. */
  readonly backoffScale: number
  /** Further variables of the functions. */
  readonly environment?: Readonly<Record<string, string>>
}

export interface OutageResult {
  readonly published: number
  readonly deadLettered: number
  /** Requests that Customer.io saw while it was out. */
  readonly requestsDuringOutage: number
  /** The most requests that count for the rate in any two seconds, from beginning to end. */
  readonly mostInTwoSeconds: number
  readonly received: number
  readonly unsettled: number
  readonly drainSeconds: number
}

const DRAIN_LIMIT_MS = 600_000

/** Publishes while Customer.io is out, and lets the backlog drain. An uncertain send is sent again when it is not listed. */
export async function runOutage(options: OutageOptions): Promise<OutageResult> {
  mkdirSync(join(PROJECT_ROOT, '.local'), { recursive: true })
  const directory = mkdtempSync(join(PROJECT_ROOT, '.local', 'outage-'))
  const watch = new MessageWatch('outage')
  const topics = TOPICS.filter((topic) => options.perSecond[topic] !== undefined)
  const stack = await startStack({
    directory,
    projectId: 'outage',
    ports: { all: 0 },
    functions: topics,
    requestsPerSecond: options.requestsPerSecond,
    environment: { SEND_LEDGER_ON_NOT_FOUND: 'resend', ...options.environment },
    pubsub: { events: watch.events, backoffScale: options.backoffScale },
  })
  try {
    const { customerio } = stack
    const requestTimesMs: number[] = []
    customerio.events.on('received', ({ kind }) => {
      if (kind !== 'lookup') requestTimesMs.push(performance.now())
    })
    const order = customerio.orders.add({ fault: { do: 'answer', status: 503 } })
    const publishing = topics.map((topic) => publish(stack, topic, options, watch))
    const published = (await Promise.all(publishing)).reduce((sum, count) => sum + count, 0)
    const requestsDuringOutage = customerio.statistics().requests
    customerio.orders.remove(order)
    const endedAt = performance.now()
    await watch.allSettled(DRAIN_LIMIT_MS)
    const letters = topics.map((topic) => outstanding(stack, `${topic}-dead-letter`))
    const { workspace } = customerio
    const people = [...workspace.people.all()].filter(({ identifiers }) => identifiers.id?.startsWith('identify-'))
    return {
      published,
      deadLettered: letters.reduce((sum, count) => sum + count, 0),
      requestsDuringOutage,
      mostInTwoSeconds: mostWithin(2_000, requestTimesMs),
      received: people.length + workspace.events.all().length + workspace.sends.length,
      unsettled: watch.open,
      drainSeconds: (performance.now() - endedAt) / 1_000,
    }
  } finally {
    await stack.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Of times in rising order: how many fall into the fullest window. */
function mostWithin(windowMs: number, timesMs: readonly number[]): number {
  let first = 0
  return timesMs.reduce((most, timeMs, last) => {
    while (timeMs - (timesMs[first] ?? timeMs) > windowMs) first++
    return Math.max(most, last - first + 1)
  }, 0)
}

/**
 * What a rate allows in two seconds: each function may let one request more go after a quiet time, and on a busy machine
 * requests of up to half a second may arrive together with those after them.
 */
export function allowedInTwoSeconds(requestsPerSecond: number, functions: number): number {
  return requestsPerSecond * 2.5 + functions
}

async function publish(stack: Stack, topic: Topic, options: OutageOptions, watch: MessageWatch): Promise<number> {
  const total = Math.round((options.perSecond[topic] ?? 0) * options.seconds)
  const startedAt = performance.now()
  for (let number = 0; number < total; number++) {
    const data = JSON.stringify(bodyOf(topic, number))
    const message = { topic, atMs: 0, data, attributes: {}, nature: 'sound', mark: '', effect: '' } as const
    watch.published(message, await stack.client.topic(topic).publishMessage({ data: Buffer.from(data) }))
    await delay(Math.max(0, ((number + 1) / total) * options.seconds * 1_000 - (performance.now() - startedAt)))
  }
  return total
}

function bodyOf(topic: Topic, number: number): object {
  const identifiers = { id: `${topic}-${number}` }
  if (topic === 'identify') return { identifiers, attributes: { number } }
  if (topic === 'track') return { identifiers, name: 'order_completed', attributes: { number } }
  return { identifiers, channel: 'push', transactional_message_id: 1 + (number % 5) }
}

function outstanding(stack: Stack, subscription: string): number {
  return stack.pubsub.stats(`projects/${stack.endpoints.projectId}/subscriptions/${subscription}`).outstanding
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '6' } } })
  process.env.METADATA_SERVER_DETECTION ??= 'none'
  const seconds = 60 * Number(values.minutes)
  const requestsPerSecond = 10
  const result = await runOutage({
    seconds,
    perSecond: { identify: 10, track: 20, transactional: 2 },
    requestsPerSecond,
    backoffScale: 0.02,
  })
  console.log(`outage of ${seconds} s, account limit ${requestsPerSecond} requests/s\n`, result)
  const { published, received, deadLettered, mostInTwoSeconds } = result
  const withinRate = mostInTwoSeconds <= allowedInTwoSeconds(requestsPerSecond, TOPICS.length)
  const good = deadLettered === 0 && received === published && withinRate
  return good ? 0 : 1
}

if (process.argv[1] === import.meta.filename) {
  void main().then((exitCode) => {
    process.exitCode = exitCode
  })
}
