import fc from 'fast-check'
import { type Slot, TokenBucket } from './bucket.ts'

const PER_SECOND = 100
const step = fc.record({
  afterMs: fc.oneof(fc.nat(12), fc.nat(100)),
  take: fc.nat(5),
  giveBack: fc.array(fc.nat(8), { maxLength: 3 }),
})

/** Takes whatever is free, gives back what the steps say, and tells when the slots that stayed were taken. */
function keptAfter(steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[], burst: number): number[] {
  const bucket = new TokenBucket(PER_SECOND, burst)
  const held: { readonly atMs: number; readonly slot: Slot }[] = []
  let nowMs = 0
  for (const { afterMs, take, giveBack } of steps) {
    nowMs += afterMs
    for (let times = 0; times < take && bucket.waitMs(nowMs) === 0; times++) {
      held.push({ atMs: nowMs, slot: bucket.take(nowMs) })
    }
    for (const back of giveBack) {
      const [returned] = held.splice(Math.max(0, held.length - 1 - back), 1)
      if (returned !== undefined) bucket.giveBack(returned.slot)
    }
  }
  return held.map(({ atMs }) => atMs)
}

it.each([1, 2.5, 4, 10])('allows no window more than a burst of %d and the rate, whatever is given back', (burst) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const keptMs = keptAfter(steps, burst)
      for (const [from, startMs] of keptMs.entries()) {
        for (const [to, endMs] of keptMs.entries()) {
          const allowed = burst + ((endMs - startMs) * PER_SECOND) / 1_000
          if (to >= from && to - from + 1 > allowed + 1e-6) {
            throw new Error(`${to - from + 1} from ${startMs} to ${endMs} ms, ${allowed} allowed`)
          }
        }
      }
    }),
    { numRuns: 2_000 },
  )
})

it('has a slot that was given back free again at once', () => {
  const bucket = new TokenBucket(PER_SECOND, 4)
  const slots = [0, 0, 0, 0].map((nowMs) => bucket.take(nowMs))
  expect(bucket.waitMs(0)).toBe(10)
  for (const slot of slots.slice(1)) bucket.giveBack(slot)
  expect(bucket.waitMs(0)).toBe(0)
  expect(bucket.waitMs(0, 3)).toBe(10)
})

it('takes a slot back once', () => {
  const bucket = new TokenBucket(PER_SECOND, 4)
  const last = [0, 0, 0].map((nowMs) => bucket.take(nowMs)).at(-1)
  if (last === undefined) throw new Error('no slot')
  for (let time = 0; time < 2; time++) bucket.giveBack(last)
  expect(bucket.waitMs(0, 1)).toBe(0)
  expect(bucket.waitMs(0, 2)).toBe(10)
})
