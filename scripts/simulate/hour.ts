import { identifyFunction } from '../../functions/identify/handler.ts'
import { trackFunction } from '../../functions/track/handler.ts'
import { transactionalFunction } from '../../functions/transactional/handler.ts'
import { logRequests } from '../../shared/customerio/index.ts'
import { createFunction, type Host, type RequestHandler } from '../../shared/runtime/index.ts'
import type { Verdict } from '../history/check.ts'
import type { HistoryEvent } from '../history/format.ts'
import { functionEnvironment } from '../local/environment.ts'
import { bodyMemoryBytes, readTopology } from '../topology/topology.ts'
import { Account } from './account.ts'
import { Broker } from './broker.ts'
import { Choices } from './choices.ts'
import { SimulatedCustomerIo } from './customerio.ts'
import { createGoogle } from './google.ts'
import { judge } from './judge.ts'
import { counting, networkOf } from './network.ts'
import { Operators } from './operators.ts'
import { planOf, RECIPIENTS, type Topic } from './plan.ts'
import { Pool } from './pool.ts'
import { SAFEGUARDS, type Sabotage, type Safeguard } from './safeguards.ts'
import { isGentle, weatherOf } from './weather.ts'
import { World } from './world.ts'

export interface HourOptions {
  readonly seed: string
  /** Of the faults that chance would bring, those that happen; all by default. */
  readonly faults?: ReadonlySet<string>
  /** Of the publishes, those that happen; all by default. */
  readonly ops?: ReadonlySet<string>
  /** A safeguard that the product does without. */
  readonly without?: Safeguard | undefined
  /** Whether the result tells what happened, line by line. */
  readonly tells?: boolean
}

export interface Hour {
  /** Of everything that happened. */
  readonly hash: string
  readonly history: readonly HistoryEvent[]
  readonly verdict: Verdict
  /** The faults that happened. */
  readonly faults: readonly string[]
  readonly ops: readonly string[]
  readonly lines: readonly string[]
}

export const HOUR_MS = 3_600_000
/** A message whose attempts are a day apart has long been delivered or dead-lettered: whatever is open then is stuck. */
const LONGEST_MS = 24 * HOUR_MS
const START_MS = Date.parse('2026-11-26T00:00:00Z')
const REQUESTS_PER_SECOND = 100
const RESERVED_ATTEMPTS = 3
/** What pipeline.yaml leaves a function besides the bodies that it holds. */
const BESIDES_BODIES_BYTES = 256 * 1_024 ** 2

const topology = readTopology()
const HOSTS = {
  projectId: 'simulated',
  pubsub: 'pubsub.simulated',
  firestore: 'firestore.simulated',
  bigquery: 'http://bigquery.simulated',
  trackUrl: 'http://track.simulated/api/v1',
  appUrl: 'http://app.simulated/v1',
  webhookUrl: 'http://webhook.simulated',
  region: 'us',
  requestsPerSecond: REQUESTS_PER_SECOND,
  secretFile: () => '',
} as const
const SECRETS: Readonly<Record<string, string>> = {
  CUSTOMERIO_SITE_ID: 'site',
  CUSTOMERIO_TRACK_API_KEY: 'track-key',
  CUSTOMERIO_APP_API_KEY: 'app-key',
  PERSON_HASH_KEYS: 'a key of thirty-two characters..',
}

/** As after a rotation, and after `cio-gcp cancel`. */
const SECOND_REVISION = {
  PERSON_HASH_KEYS: `another key of thirty characters\n${SECRETS.PERSON_HASH_KEYS}`,
  CANCELLATIONS: JSON.stringify({
    rules: (['track', 'transactional'] as const).map((topic) => ({
      id: `cancel-${topic}`,
      where: { topic, ...(topic === 'track' ? { person: { kind: 'id', value: 'person-1' } } : { template: '1' }) },
      before: new Date(START_MS + HOUR_MS / 2).toISOString(),
      until: new Date(START_MS + LONGEST_MS).toISOString(),
      ...{ by: 'an operator', why: 'simulated' },
    })),
  }),
}

/** Runs an hour of the pipeline, and whatever it takes until everything has ended, and judges it by its history. */
export async function simulateHour({ seed, faults, ops, without, tells = false }: HourOptions): Promise<Hour> {
  const sabotage: Sabotage = without === undefined ? {} : SAFEGUARDS[without]
  const choices = new Choices(seed, faults)
  const world = new World(START_MS, choices, tells)
  const weather = weatherOf(choices)
  const account = new Account(world)
  const customerio = new SimulatedCustomerIo(world, weather, (event) => account.add(event))
  const maxAttempts = choices.pick('most attempts', [5, 8, 20, 100])
  const onNotFound = choices.pick('not found', ['dead_letter', 'resend'])
  const defect = (instance: string) => (why: string) =>
    account.add({ f: 'crash', atMs: world.elapsedMs, process: instance, why })

  const nameOf = counting()
  const google = createGoogle({
    now: () => world.nowMs,
    publish: (topic, message) => broker.publish(topic, message),
    ...(sabotage.rewrite && { rewrite: sabotage.rewrite }),
  })
  const poolOf = (name: Topic) => {
    const size = choices.between(`instances of ${name}`, 1, 3)
    return new Pool({
      ...{ world, weather, name, size },
      envOf: (revision) => ({
        ...environmentOf(name, size, maxAttempts),
        SEND_LEDGER_ON_NOT_FOUND: onNotFound,
        ...(revision === 1 && SECOND_REVISION),
        ...sabotage.env,
      }),
      memoryBytes: bodyMemoryBytes(topology.functions[name]?.memory ?? '1Gi') + BESIDES_BODIES_BYTES,
      networkOf(instance) {
        const network = networkOf(instance, world, weather, { google, customerio: customerio.serve, nameOf })
        return { ...network, exchange: sabotage.exchange?.(network.exchange) ?? network.exchange }
      },
      handlerOf: (host) => handlerOf(name, host),
      ...(sabotage.host && { hostOf: sabotage.host }),
      onDefect: defect(name),
      onCut: (pushes) => isGentle(weather) && defect(name)(`cuts off ${pushes} pushes at its end, as planned`),
    })
  }
  const pools = { identify: poolOf('identify'), track: poolOf('track'), transactional: poolOf('transactional') }
  const left = new Set<string>()
  const broker = new Broker({
    ...{ world, weather, topology, maxAttempts },
    push(name, pushName, body, answered) {
      if (!isTopic(name)) throw new Error(`there is no function ${name}`)
      const close = pools[name].push(pushName, body, answered)
      return sabotage.keepsConnections ? () => {} : close
    },
    onAcknowledged(op) {
      left.delete(op)
      account.acknowledged(op)
    },
    onRedelivery: (op) => account.add({ f: 'redelivery', atMs: world.elapsedMs, op }),
    onDeadLetter(op, letter, attempts) {
      account.deadLettered(op, letter, attempts)
      const published = byOp.get(op)
      if (published !== undefined) operators.deadLettered(published.topic, op, published.key, letter)
    },
  })
  const operators = new Operators({
    ...{ world, topology, google },
    hasSend: (key) => customerio.hasSend(key),
    publish(topic, message) {
      left.add(broker.publish(topic, message))
    },
    record: (event) => account.add(event),
  })

  const planned = planOf(choices, START_MS).filter(({ op }) => ops?.has(op) ?? true)
  const byOp = new Map(planned.map((each) => [each.op, each]))
  for (const each of planned) {
    left.add(each.op)
    world.after(each.atMs, () => {
      account.published(each)
      broker.publish(each.topic, sabotage.publish?.(each) ?? each, each.op)
    })
  }
  world.after(HOUR_MS, () => choices.stopFaults())
  await world.run(() => left.size > 0 || operators.isBusy, START_MS + LONGEST_MS)
  // Nothing that happens afterwards belongs to the hour.
  const history = account.history(`simulated hour ${seed}`, maxAttempts - RESERVED_ATTEMPTS, (person) =>
    customerio.shows(person),
  )
  return {
    hash: world.hash(),
    history,
    verdict: judge(history, isGentle(weather)),
    faults: choices.happened,
    ops: planned.map(({ op }) => op),
    lines: world.lines,
  }
}

function isTopic(name: string): name is Topic {
  return name === 'identify' || name === 'track' || name === 'transactional'
}

export function environmentOf(name: Topic, instances: number, maxAttempts: number): Record<string, string> {
  const env = functionEnvironment(topology, name, { ...HOSTS, instances: { [name]: instances } })
  for (const [variable, value] of Object.entries(SECRETS)) {
    if (delete env[`${variable}_FILE`]) env[variable] = value
  }
  return { ...env, RECIPIENTS, MAX_DELIVERY_ATTEMPTS: String(maxAttempts) }
}

/** The functions as they are registered, but for the listeners that somebody may add. */
function handlerOf(name: Topic, host: Host): RequestHandler {
  switch (name) {
    case 'identify':
      return createFunction(identifyFunction(logRequests), host)
    case 'track':
      return createFunction(trackFunction(logRequests), host)
    case 'transactional': {
      const newToken = () => `token ${host.random()}`
      return createFunction(transactionalFunction({ newToken, addListeners: logRequests }), host)
    }
  }
}
