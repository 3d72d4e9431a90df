import { identifyFunction } from '../../functions/identify/handler.ts'
import { trackFunction } from '../../functions/track/handler.ts'
import { transactionalFunction } from '../../functions/transactional/handler.ts'
import { logRequests } from '../../shared/customerio/index.ts'
import { createFunction, type Host, type RequestHandler } from '../../shared/runtime/index.ts'
import { Account } from './account.ts'
import { Broker } from './broker.ts'
import { Choices } from './choices.ts'
import { SimulatedCustomerIo } from './customerio.ts'
import {
  environmentOf,
  HOUR_MS,
  LINGERS_MS,
  LONGEST_MS,
  memoryOf,
  RESERVED_ATTEMPTS,
  SECRETS,
  START_MS,
  topology,
} from './environment.ts'
import { createGoogle } from './google.ts'
import { judge } from './judge.ts'
import { counting } from './naming.ts'
import { networkOf } from './network.ts'
import { Operators } from './operators.ts'
import type { Hour, HourOptions } from './part.ts'
import { planOf, type Topic } from './plan.ts'
import { Pool } from './pool.ts'
import { SAFEGUARDS, type Sabotage } from './safeguards.ts'
import { isGentle, weatherOf } from './weather.ts'
import { World } from './world.ts'

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

/** Messages of applications, on their way to Customer.io. */
export async function simulateMessages({ seed, faults, ops, without, tells = false }: HourOptions): Promise<Hour> {
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
      memoryBytes: memoryOf(name),
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
  await world.run(() => left.size > 0 || operators.isBusy, START_MS + LONGEST_MS, LINGERS_MS)
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
