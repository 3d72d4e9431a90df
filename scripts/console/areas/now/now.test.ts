import { EventEmitter } from 'node:events'
import { manualClock } from '../../../../shared/clock/testing/manual-clock.ts'
import { FaultOrders } from '../../../emulators/customerio/faults.ts'
import type { PubSubEvents } from '../../../emulators/pubsub/index.ts'
import { MessageLog } from '../../../local/message-log.ts'
import { readTopology } from '../../../topology/topology.ts'
import { flowsOf } from './flows.ts'
import { areaNow, type Now } from './now.ts'
import { Rates } from './rates.ts'

const topology = readTopology()

function harness() {
  const clock = manualClock(1_000_000)
  const events = new EventEmitter<PubSubEvents>()
  const log = new MessageLog({ topology, projectId: 'p', events })
  const orders = new FaultOrders(() => 0)
  const named = (topic: string) => `projects/p/topics/${topic}`
  const topics = new Set([named('track')])
  const rates = new Rates(events, { topics, deadLetterTopics: new Set([named('track-dead-letter')]) }, clock.now)
  const area = areaNow({
    ...{ clock, topology, log, rates, customerio: { orders }, publishSample: async () => 3 },
    stats: () => [
      {
        ...{ subscription: 'projects/p/subscriptions/track', outstanding: 2, leased: 1, waiting: 1, paused: false },
        ...{ oldestUnackedAgeMs: 500, deliveries: 4, acknowledged: 2, deadLettered: 0 },
      },
    ],
  })
  const publish = (topic: string, messageId: string) =>
    events.emit('published', {
      ...{ topic: named(topic), messageId, attributes: {}, orderingKey: '', publishTimeMs: clock.now() },
      data: Buffer.from('{"identifiers":{"id":"ada"},"name":"x"}'),
    })
  const push = (messageId: string, status: number) =>
    events.emit('delivered', { subscription: 's', messageId, attempt: 1, via: 'push', status })
  const run = async (method: string, path: string) => {
    const route = area.routes.find((each) => each.method === method && each.path === path)
    const { signal } = new AbortController()
    return (await route?.run({ params: {}, query: new URLSearchParams(), body: {}, signal })) as Now
  }
  return { area, clock, orders, publish, push, run, rates }
}

it('draws the flows of pipeline.yaml', () => {
  expect(flowsOf(topology)).toContainEqual({
    ...{ publisher: undefined, topic: 'transactional', function: 'transactional' },
    subscriptions: ['transactional', 'transactional-bulk'],
    ...{
      destinations: ['Customer.io', 'send ledger'],
      deadLetters: ['transactional-dead-letter', 'transactional-not-sent'],
    },
  })
  expect(flowsOf(topology)).toContainEqual({
    ...{ publisher: 'webhook', topic: 'webhook-events', function: 'warehouse', subscriptions: ['warehouse'] },
    ...{ destinations: ['BigQuery'], deadLetters: ['warehouse-dead-letter'] },
  })
  expect(flowsOf(topology).at(-1)).toEqual({
    ...{ publisher: undefined, topic: 'message-outcomes', function: undefined, subscriptions: ['message-outcomes'] },
    ...{ destinations: ['BigQuery'], deadLetters: ['message-outcomes-dead-letter'] },
  })
})

it('breaks Customer.io for a minute, and restores it', async () => {
  const { clock, orders, run } = harness()
  expect(await run('POST', '/api/now/break')).toMatchObject({
    brokenUntilMs: 1_060_000,
    faults: ['answer 503 for every request: 0 until now'],
  })
  clock.advance(59_999)
  expect(orders.list()).toHaveLength(1)
  clock.advance(1)
  expect(orders.list()).toEqual([])
  expect(await run('GET', '/api/now')).toMatchObject({ brokenUntilMs: undefined, faults: [] })
})

it('restores it earlier when somebody says so, and leaves the faults of others alone', async () => {
  const { clock, orders, run } = harness()
  orders.add({ on: 'send', count: 3, probability: 0.5, fault: { do: 'rate_limit' } })
  await run('POST', '/api/now/break')
  // Pressed twice, it is one fault that lasts longer.
  clock.advance(30_000)
  expect((await run('POST', '/api/now/break')).brokenUntilMs).toBe(1_090_000)
  expect(orders.list()).toHaveLength(2)
  const mended = await run('POST', '/api/now/mend')
  expect(mended.faults).toEqual(['rate limit for requests of send, 50 % of them: 0 of 3 until now'])
  clock.advance(120_000)
  expect(orders.list()).toHaveLength(1)
})

it('knows that somebody else has taken the fault back', async () => {
  const { orders, run } = harness()
  await run('POST', '/api/now/break')
  orders.clear()
  expect(await run('GET', '/api/now')).toMatchObject({ brokenUntilMs: undefined, faults: [] })
})

it('shows what failed last, what waits, and what happened in each second', async () => {
  const { clock, publish, push, run } = harness()
  for (let id = 1; id <= 10; id++) {
    publish('track', String(id))
    push(String(id), id === 10 ? 204 : 503)
  }
  publish('track-dead-letter', '11')
  clock.advance(1_000)
  const { failures, backlogs, rates } = await run('GET', '/api/now')
  expect(failures.map(({ id }) => id)).toEqual(['9', '8', '7', '6', '5', '4', '3', '2'])
  expect(backlogs).toMatchObject([{ subscription: 'track', outstanding: 2, oldestMs: 500 }])
  expect(rates).toHaveLength(300)
  expect(rates.at(-1)).toEqual({ at: 1_000, published: 10, acknowledged: 1, failed: 9, deadLettered: 1 })
  expect(rates.at(-2)).toMatchObject({ at: 999, published: 0 })
})

it('forgets the rates of before the last five minutes, and looks away when it is closed', async () => {
  const { clock, publish, rates } = harness()
  for (let second = 0; second < 1_000; second++) {
    publish('track', String(second))
    clock.advance(1_000)
  }
  expect(rates.history().reduce((sum, { published }) => sum + published, 0)).toBe(300)
  rates.close()
  publish('track', 'x')
  clock.advance(1_000)
  expect(rates.history().at(-1)?.published).toBe(0)
})

it('tells how it stands once a second while somebody looks', () => {
  const { area, clock } = harness()
  const told: unknown[] = []
  const end = area.feeds?.now?.((state) => told.push(state))
  clock.advance(3_000)
  expect(told).toHaveLength(3)
  end?.()
  clock.advance(3_000)
  expect(told).toHaveLength(3)
  expect(clock.pending).toEqual([])
})
