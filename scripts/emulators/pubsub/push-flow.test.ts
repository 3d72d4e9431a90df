import { PushFlow } from './push-flow.ts'
import { ManualClock } from './testing/manual-clock.ts'

function flowOf(maxOutstanding = 10_000) {
  const clock = new ManualClock()
  let resumed = 0
  const flow = new PushFlow({ clock, maxOutstanding, backoffScale: 1, resume: () => resumed++ })
  const windowOf = () => {
    let underWay = 0
    while (flow.mayPush(underWay)) underWay++
    return underWay
  }
  /** Fails one push, and tells how long nothing is pushed then. */
  const backoffMs = () => {
    flow.failed()
    const before = resumed
    let ms = 0
    for (; resumed === before; ms++) clock.advance(1)
    return ms
  }
  const acknowledge = (times: number) => {
    for (let time = 0; time < times; time++) flow.acknowledged()
  }
  return { clock, flow, windowOf, backoffMs, acknowledge }
}

it('starts with a window of one digit that doubles with each round of acknowledgements', () => {
  const { windowOf, acknowledge } = flowOf()
  const windows = [1, 2, 3, 4].map(() => {
    const window = windowOf()
    acknowledge(window)
    return window
  })
  expect(windows).toEqual([8, 16, 32, 64])
})

it('halves the window with each backoff until it has once been 3,000', () => {
  const { windowOf, acknowledge, backoffMs } = flowOf()
  acknowledge(92)
  backoffMs()
  expect(windowOf()).toBe(50)
  acknowledge(3_000)
  for (let time = 0; time < 5; time++) backoffMs()
  expect(windowOf()).toBe(3_050)
})

it('stops the whole subscription for twice as long after each backoff, from 100 ms to a minute', () => {
  const { backoffMs } = flowOf()
  const times = Array.from({ length: 12 }, backoffMs)
  expect(times).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000])
})

it('takes no notice of what was under way when a backoff began', () => {
  const { clock, flow, windowOf, acknowledge, backoffMs } = flowOf()
  acknowledge(92)
  for (let time = 0; time < 60; time++) flow.failed()
  expect(windowOf()).toBe(0)
  clock.advance(100)
  expect(windowOf()).toBe(50)
  expect(backoffMs()).toBe(200)
})

it('grows no backoff while at most one push in five fails', () => {
  const { backoffMs, acknowledge } = flowOf()
  const times = Array.from({ length: 20 }, () => {
    acknowledge(4)
    return backoffMs()
  })
  expect(Math.max(...times)).toBeLessThanOrEqual(500)
})
