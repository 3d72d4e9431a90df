import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { manualClock } from '../../../../shared/clock/testing/manual-clock.ts'
import { type Stack, startStack } from '../../../local/stack.ts'
import { PROJECT_ROOT } from '../../../topology/topology.ts'
import { areaFaults, type FaultsState } from './faults.ts'

jest.setTimeout(60_000)

const directory = join(PROJECT_ROOT, '.local', 'console-faults-test')
const clock = manualClock()
let stack: Stack
let area: ReturnType<typeof areaFaults>

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const pubsub = { backoffScale: 0.001 }
  stack = await startStack({ directory, ports: { all: 0 }, announce: false, functions: ['track'], pubsub })
  area = areaFaults(stack, clock)
})
afterEach(() => ask('/api/faults/calm', {}))
afterAll(() => stack?.close())

async function ask(path: string, body?: unknown): Promise<FaultsState> {
  const route = area.routes.find((one) => one.path === path && (one.method === 'GET') === (body === undefined))
  const request = { params: {}, query: new URLSearchParams(), body, signal: new AbortController().signal }
  return (await route?.run(request)) as FaultsState
}

/** The next event of the subscription that pushes to the function: the record's messages go by others. */
async function next(event: 'delivered' | 'acknowledged') {
  for (;;) {
    const [happened] = await once(stack.pubsub.events, event)
    if (happened.subscription.endsWith('/track')) return happened
  }
}

const switchesIn = ({ groups }: FaultsState) => groups.flatMap(({ switches }) => switches)
const onIn = (state: FaultsState) => switchesIn(state).flatMap(({ id, isOn }) => (isOn ? [id] : []))

it('turns every fault on and off again, alone, and says so', async () => {
  const all = switchesIn(await ask('/api/faults')).map(({ id }) => id)
  expect(new Set(all).size).toBe(all.length)
  expect(all.length).toBeGreaterThan(40)
  for (const id of all) {
    expect(onIn(await ask('/api/faults/switch', { id, on: true }))).toEqual([id])
    expect(onIn(await ask('/api/faults/switch', { id, on: false }))).toEqual([])
  }
  expect(stack.customerio.credentials.current).toMatchObject({ trackApiKeys: ['local-track-api-key'] })
})

it('breaks Customer.io, so that a message is tried again, and delivers it when that is over', async () => {
  const state = await ask('/api/faults/preset', { name: 'outage' })
  expect(state.presets.filter(({ isOn }) => isOn)).toMatchObject([{ name: 'outage' }])
  const failed = next('delivered')
  const data = Buffer.from('{"identifiers":{"id":"ada"},"name":"order_completed"}')
  const messageId = await stack.client.topic('track').publishMessage({ data })
  expect(await failed).toMatchObject({ messageId, attempt: 1, status: 503 })
  const acknowledged = next('acknowledged')
  expect(onIn(await ask('/api/faults/calm', {}))).toEqual([])
  expect(await acknowledged).toMatchObject({ messageId })
  expect(stack.customerio.inbox.of('event')).toMatchObject([{ result: 'applied' }])
})

it('meets the requests that it is told to, and counts them', async () => {
  const told: FaultsState[] = []
  const end = area.feeds?.faults?.((state) => told.push(state as FaultsState))
  await ask('/api/faults/switch', { id: 'customerio-503', on: true, requests: 'batch', probability: 0.999 })
  expect(stack.customerio.orders.list()).toMatchObject([{ on: 'batch', probability: 0.999 }])
  const failed = next('delivered')
  const data = Buffer.from('{"identifiers":{"id":"ada"},"name":"order_completed"}')
  await stack.client.topic('track').publishMessage({ data })
  await failed
  clock.advance(1_000)
  expect(
    switchesIn(told.at(-1) ?? (await ask('/api/faults'))).find(({ id }) => id === 'customerio-503')?.hits,
  ).toBeGreaterThan(0)
  end?.()
  const acknowledged = next('acknowledged')
  await ask('/api/faults/calm', {})
  await acknowledged
})

it('ends a preset after its time', async () => {
  const state = await ask('/api/faults/preset', { name: 'brown-out', seconds: 60 })
  expect(state.endsAtMs).toBe(clock.now() + 60_000)
  expect(onIn(state)).toEqual(['customerio-503', 'customerio-slow'])
  clock.advance(59_999)
  expect(onIn(await ask('/api/faults'))).toHaveLength(2)
  clock.advance(1)
  expect(await ask('/api/faults')).toMatchObject({ endsAtMs: undefined })
  expect(onIn(await ask('/api/faults'))).toEqual([])
})

it('shows the orders that came from elsewhere', async () => {
  stack.customerio.orders.add({ on: 'batch', containing: ['ada'], fault: { do: 'answer', status: 503 } })
  expect(await ask('/api/faults')).toMatchObject({ otherOrders: [{ containing: ['ada'] }] })
  expect(onIn(await ask('/api/faults'))).toEqual([])
})

it('restarts Pub/Sub, which keeps what waits', async () => {
  await ask('/api/faults/switch', { id: 'pubsub-pause-track', on: true })
  await stack.client.topic('track').publishMessage({ data: Buffer.from('{"identifiers":{"id":"ada"},"name":"x"}') })
  const acknowledged = next('acknowledged')
  await ask('/api/faults/restart-pubsub', {})
  await ask('/api/faults/calm', {})
  await acknowledged
})

it.each([
  ['/api/faults/switch', { id: 'nothing', on: true }, 'id'],
  ['/api/faults/switch', { id: 'customerio-503', on: true, probability: 2 }, 'probability'],
  ['/api/faults/switch', { id: 'customerio-503', on: true, requests: 'all' }, 'requests'],
  ['/api/faults/preset', { name: 'earthquake' }, 'name'],
  ['/api/faults/preset', { name: 'outage', seconds: -1 }, 'seconds'],
])('refuses %s with %j', async (path, order, field) => {
  await expect(ask(path, order)).rejects.toMatchObject({ field })
})
