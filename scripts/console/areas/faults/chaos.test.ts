import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { manualClock } from '../../../../shared/clock/testing/manual-clock.ts'
import { type Stack, startStack } from '../../../local/stack.ts'
import { PROJECT_ROOT } from '../../../topology/topology.ts'
import { areaChaos, type ChaosShown } from './chaos.ts'

const directory = join(PROJECT_ROOT, '.local', 'console-chaos-test')
const clock = manualClock()
let stack: Stack
let area: ReturnType<typeof areaChaos>

beforeAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  // No function: what is published waits, and nothing but the run is looked at.
  stack = await startStack({ directory, ports: { all: 0 }, announce: false, functions: [] })
  area = areaChaos(stack, clock, () => 'r1')
})
afterAll(async () => {
  await area.close?.()
  await stack?.close()
})

async function ask(path: string, body?: unknown): Promise<ChaosShown> {
  const route = area.routes.find((one) => one.path === path && (one.method === 'GET') === (body === undefined))
  const request = { params: {}, query: new URLSearchParams(), body, signal: new AbortController().signal }
  return (await route?.run(request)) as ChaosShown
}

it('starts one run at a time, tells how it stands, and stops it', async () => {
  const told: ChaosShown[] = []
  const end = area.feeds?.chaos?.((shown) => told.push(shown as ChaosShown))
  expect((await ask('/api/chaos')).run).toBeUndefined()
  const { run } = await ask('/api/chaos', { seed: 7, seconds: 60, messages: 10 })
  expect(run).toMatchObject({ seed: 7, run: 'r1', phase: 'trouble', lost: 0, twice: 0 })
  expect(run?.faults.length).toBeGreaterThan(5)
  await expect(ask('/api/chaos', { seed: 8 })).rejects.toMatchObject({ status: 409 })
  clock.advance(500)
  expect(told).toHaveLength(1)
  await ask('/api/chaos/stop', {})
  expect((await ask('/api/chaos')).run?.phase).not.toBe('over')
  end?.()
})

it.each([
  [{}, 'seed'],
  [{ seed: 1.5 }, 'seed'],
  [{ seed: 1, seconds: 0 }, 'seconds'],
  [{ seed: 1, messages: 1e6 }, 'messages'],
])('refuses %j', async (order, field) => {
  await expect(ask('/api/chaos', order)).rejects.toMatchObject({ field })
})
