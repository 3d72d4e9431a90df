import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { TrackMessage } from '../contract/index.ts'
import type { Outcome } from '../outcome/index.ts'
import { deriveEventId } from './event-id.ts'
import { SeenEvents } from './seen-events.ts'

const event = (attributes?: Record<string, unknown>, timestamp?: number): TrackMessage => ({
  type: 'person',
  action: 'event',
  identifiers: { id: 'u1' },
  name: 'order',
  ...(attributes && { attributes }),
  ...(timestamp !== undefined && { timestamp }),
})
const DELIVERED: Outcome = { kind: 'delivered' }

function subject(most?: number) {
  const seen = new SeenEvents(most)
  const calls: string[] = []
  const deliver = (id: string, message: TrackMessage, outcome: Outcome = DELIVERED) =>
    seen.once(id, message, async () => {
      calls.push(id)
      return outcome
    })
  return { calls, deliver }
}

it('hears other content under an id that was used, and delivers the same again', async () => {
  const { calls, deliver } = subject()
  expect(await deliver('1', event({ total: 5, at: 'x' }))).toEqual(DELIVERED)
  expect(await deliver('1', event({ at: 'x', total: 5 }, 1_763_740_000))).toEqual(DELIVERED)
  expect(await deliver('1', event({ total: 6, at: 'x' }))).toEqual({
    kind: 'refused',
    reason: 'content_changed',
    error: expect.stringMatching(/^the idempotency key was used before .* publish it with a key of its own$/),
  })
  expect(await deliver('2', event({ total: 6 }))).toEqual(DELIVERED)
  expect(calls).toEqual(['1', '1', '2'])
})

it('hears it also while the first is on its way', async () => {
  const { deliver } = subject()
  const outcomes = await Promise.all([deliver('1', event({ a: 1 })), deliver('1', event({ a: 2 }))])
  expect(outcomes).toEqual([DELIVERED, expect.objectContaining({ reason: 'content_changed' })])
})

it('lets other content take the place of one that was refused, and not of one that will come again', async () => {
  const { deliver } = subject()
  await deliver('1', event({ a: 1 }), { kind: 'refused', reason: 'refused', error: '400' })
  expect(await deliver('1', event({ a: 2 }))).toEqual(DELIVERED)
  await deliver('2', event({ a: 1 }), { kind: 'retry', cause: 'transient', error: '503' })
  expect(await deliver('2', event({ a: 2 }))).toMatchObject({ reason: 'content_changed' })
})

it('keeps what was delivered when a redelivery of it is refused', async () => {
  const { deliver } = subject()
  await deliver('1', event({ a: 1 }))
  await deliver('1', event({ a: 1 }), { kind: 'refused', reason: 'refused', error: '400' })
  expect(await deliver('1', event({ a: 2 }))).toMatchObject({ reason: 'content_changed' })
})

it('forgets no other for one that comes again', async () => {
  const { deliver } = subject(4)
  for (const id of ['1', '2', '2', '2', '3', '4']) await deliver(id, event({ a: 1 }))
  expect(await deliver('1', event({ a: 2 }))).toMatchObject({ reason: 'content_changed' })
})

it('remembers so many, and forgets the oldest', async () => {
  const { deliver } = subject(2)
  for (const id of ['1', '2', '1', '3']) await deliver(id, event({ a: 1 }))
  expect(await deliver('1', event({ a: 2 }))).toMatchObject({ reason: 'content_changed' })
  expect(await deliver('2', event({ a: 2 }))).toEqual(DELIVERED)
})

it('forgets one that was refused, however many came meanwhile', async () => {
  const seen = new SeenEvents(2)
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const first = seen.once('1', event({ a: 1 }), () => promise)
  await seen.once('2', event({ a: 1 }), async () => DELIVERED)
  resolve({ kind: 'refused', reason: 'refused', error: '400' })
  await first
  expect(await seen.once('1', event({ a: 2 }), async () => DELIVERED)).toEqual(DELIVERED)
})

it('takes its 4 MB at once, and no more for the events that it keeps', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  const heldBytes = () => {
    collectGarbage()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = heldBytes()
  const seen = new SeenEvents()
  for (let each = 0; each < 20_000; each++) {
    const id = deriveEventId(`key-${each}`, { id: `user-${each}` }, 'order')
    await seen.once(id, event({ each }), async () => DELIVERED)
  }
  expect(heldBytes() - before).toBeLessThan(5_000_000)
  const first = deriveEventId('key-0', { id: 'user-0' }, 'order')
  expect(await seen.once(first, event({ each: 1 }), async () => DELIVERED)).toMatchObject({ kind: 'refused' })
})
