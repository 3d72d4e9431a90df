import { hash } from 'node:crypto'
import { warehouseFunction } from '../../functions/warehouse/compose.ts'
import { webhookFunction } from '../../functions/webhook/compose.ts'
import { createFunction, type Host, type RequestHandler } from '../../shared/runtime/index.ts'
import { Account } from './account.ts'
import { createBigQuery, type Stored } from './bigquery.ts'
import { Broker } from './broker.ts'
import { Choices } from './choices.ts'
import {
  environmentOf,
  HOUR_MS,
  LINGERS_MS,
  LONGEST_MS,
  memoryOf,
  RESERVED_ATTEMPTS,
  START_MS,
  topology,
} from './environment.ts'
import { createGoogle } from './google.ts'
import { judge } from './judge.ts'
import { counting } from './naming.ts'
import { networkOf } from './network.ts'
import type { Hour, HourOptions } from './part.ts'
import { Pool } from './pool.ts'
import { SAFEGUARDS, type Sabotage } from './safeguards.ts'
import { isGentle, weatherOf } from './weather.ts'
import { type PlannedWebhook, webhooksOf } from './webhook-plan.ts'
import { WebhookSender } from './webhook-sender.ts'
import { World } from './world.ts'

const digestOf = (body: Buffer): string => hash('sha1', body, 'base64url')

/**
 * Customer.io's webhooks, on their way through a topic into BigQuery. In the history each is an event that has its effect once
 * all its rows are safe.
 */
export async function simulateWebhooks({ seed, faults, ops, without, tells = false }: HourOptions): Promise<Hour> {
  const sabotage: Sabotage = without === undefined ? {} : SAFEGUARDS[without]
  const choices = new Choices(`${seed} webhooks`, faults)
  const world = new World(START_MS, choices, tells)
  const weather = weatherOf(choices)
  const account = new Account(world)
  const maxAttempts = choices.pick('most attempts', [5, 8, 20, 100])
  const defect = (process: string) => (why: string) => account.add({ f: 'crash', atMs: world.elapsedMs, process, why })
  const planned = webhooksOf(choices, START_MS).filter(({ op }) => ops?.has(op) ?? true)
  const byOp = new Map(planned.map((each) => [each.op, each]))
  const byBody = new Map(planned.map(({ op, body }) => [digestOf(body), op]))

  const stored = new Map(planned.map(({ op, tables }) => [op, new Set<string>(tables)]))
  function store(table: string, { event_id, body }: Stored): void {
    const op = event_id ?? byBody.get(digestOf(Buffer.from(body ?? '', 'base64'))) ?? 'unknown'
    const missing = stored.get(op)
    world.tell(`BigQuery has ${op} in ${table}`)
    if (missing === undefined) defect('warehouse')(`BigQuery has what nobody sent: ${op} in ${table}`)
    if (!missing?.delete(table) || missing.size > 0) return
    account.add({ f: 'apply', type: 'ok', atMs: world.elapsedMs, key: op, content: op, effect: true, eventId: op })
  }

  const published = new Set<string>()
  const redelivered = (op: string) => account.add({ f: 'redelivery', atMs: world.elapsedMs, op })
  const nameOf = counting()
  const ends = {
    google: createGoogle({
      now: () => world.nowMs,
      publish(topic, message) {
        const op = byBody.get(digestOf(message.data))
        // What is taken twice is published twice, and each may end otherwise.
        if (op !== undefined && published.has(op)) redelivered(op)
        if (op !== undefined) published.add(op)
        broker.publish(topic, message, op)
      },
    }),
    insert: sabotage.insert?.(createBigQuery(store)) ?? createBigQuery(store),
    nameOf,
  }
  const poolOf = (name: 'webhook' | 'warehouse', functionOf: (host: Host, dataset: Dataset) => RequestHandler) => {
    const size = choices.between(`instances of ${name}`, 1, 3)
    return new Pool({
      ...{ world, weather, name, size },
      envOf: () => ({ ...environmentOf(name, size, maxAttempts), ...sabotage.env }),
      memoryBytes: memoryOf(name),
      networkOf(instance) {
        const network = networkOf(instance, world, weather, ends)
        return { ...network, connect: sabotage.connect?.(network.connect) ?? network.connect }
      },
      handlerOf: (host, instance) => functionOf(host, networkOf(instance, world, weather, ends).dataset),
      ...(sabotage.host && { hostOf: sabotage.host }),
      onDefect: defect(name),
      onCut: (pushes) => isGentle(weather) && defect(name)(`cuts off ${pushes} pushes at its end, as planned`),
    })
  }
  const pools = {
    webhook: poolOf('webhook', (host) =>
      createFunction(
        webhookFunction(() => {}),
        host,
      ),
    ),
    warehouse: poolOf('warehouse', (host, dataset) =>
      createFunction(
        warehouseFunction(() => async () => dataset),
        host,
      ),
    ),
  }

  /** What is still to happen to each: that Customer.io hears of it, and that Pub/Sub is done with it. */
  const left = new Map(planned.map(({ op, nature }) => [op, new Set(nature === 'forged' ? [] : ['taken', 'done'])]))
  const isLeft = () => [...left.values()].some(({ size }) => size > 0)
  const broker = new Broker({
    ...{ world, weather, topology, maxAttempts },
    push: (_function, name, body, answered) => pools.warehouse.push(name, body, answered),
    onAcknowledged(op) {
      // A webhook that is taken twice is published twice.
      if (left.get(op)?.delete('done')) account.acknowledged(op)
    },
    onRedelivery: redelivered,
    onDeadLetter: (op, letter, attempts) => account.deadLettered(op, letter, attempts),
  })
  const sender = new WebhookSender({
    ...{ world, weather, pool: pools.webhook },
    onTaken(op) {
      if (left.get(op)?.delete('taken')) account.add({ f: 'publish', type: 'ok', atMs: world.elapsedMs, op })
    },
  })
  for (const each of planned) {
    world.after(each.atMs, () => {
      account.add(invokeOf(each, world.elapsedMs))
      if (each.nature === 'forged') account.add({ f: 'publish', type: 'fail', atMs: world.elapsedMs, op: each.op })
      sender.send(each)
    })
  }
  world.after(HOUR_MS, () => choices.stopFaults())
  await world.run(() => world.elapsedMs <= HOUR_MS || isLeft(), START_MS + LONGEST_MS, LINGERS_MS)
  const history = account.history(`simulated webhooks of hour ${seed}`, maxAttempts - RESERVED_ATTEMPTS, () => null)
  return {
    hash: world.hash(),
    history,
    verdict: judge(history, isGentle(weather)),
    faults: choices.happened,
    ops: [...byOp.keys()],
    lines: world.lines,
  }
}

type Dataset = ReturnType<typeof networkOf>['dataset']

function invokeOf({ op, body }: PlannedWebhook, atMs: number) {
  const what = { op, key: op, kind: 'event', content: op, bytes: digestOf(body), valid: true } as const
  return { f: 'publish', type: 'invoke', atMs, ...what } as const
}
