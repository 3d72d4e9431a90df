import { EventEmitter, once } from 'node:events'
import { InstancePool } from './instances.ts'
import { type OneFunction, startOneFunction } from './one-function.ts'

let fn: OneFunction
beforeEach(async () => {
  fn = await startOneFunction('track')
}, 60_000)
afterEach(() => fn.close())

/** A pool of the one process, and what it tells of crashes. */
async function poolOf(memoryBytes: number) {
  const events = new EventEmitter<{ crash: [why: string] }>()
  const pool = await InstancePool.start(fn.process, {
    name: 'track',
    instances: 1,
    concurrency: 1,
    onPush: () => {},
    memoryBytes,
    onCrash: (_process, why) => events.emit('crash', why),
  })
  return { pool, crashed: once(events, 'crash') }
}

it('ends a process that takes more memory than it has, and tells it', async () => {
  const { pool, crashed } = await poolOf(1)
  expect(await crashed).toEqual([expect.stringMatching(/^\d+ MiB of memory$/)])
  await pool.close()
}, 60_000)

it('tells of a process that ends by itself, and starts it again', async () => {
  const { pool, crashed } = await poolOf(2 ** 30)
  fn.process.signal('SIGKILL')
  expect(await crashed).toEqual(['the process ended by itself'])
  await pool.restarted()
  expect(fn.process.running).toBe(true)
  await pool.close()
}, 60_000)
