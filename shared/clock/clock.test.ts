import { type Clock, sleep, steadyClock, systemClock, TimeoutError, withTimeout } from './index.ts'

/** A clock that moves only when it is told to. */
function manualClock() {
  let now = 0
  let pending: { readonly at: number; readonly work: () => void }[] = []
  const clock: Clock = {
    now: () => now,
    after(ms, work) {
      const timer = { at: now + ms, work }
      pending.push(timer)
      return () => {
        pending = pending.filter((other) => other !== timer)
      }
    },
  }
  const advance = (ms: number) => {
    now += ms
    const due = pending.filter(({ at }) => at <= now)
    pending = pending.filter(({ at }) => at > now)
    for (const { work } of due) work()
  }
  return { clock, advance, pending: () => pending.length }
}

it('gives the result of work that is in time, and leaves no timer behind', async () => {
  const { clock, pending } = manualClock()
  await expect(withTimeout(clock, 10, Promise.resolve('done'))).resolves.toBe('done')
  await expect(withTimeout(clock, 10, Promise.reject(new RangeError('no')))).rejects.toThrow(RangeError)
  expect(pending()).toBe(0)
})

it('rejects once the time is over, and hands over what comes late', async () => {
  const { clock, advance } = manualClock()
  const work = Promise.withResolvers<string>()
  const late = Promise.withResolvers<string>()
  const result = withTimeout(clock, 10, work.promise, late.resolve)
  advance(9)
  advance(1)
  await expect(result).rejects.toThrow(new TimeoutError(10))
  work.resolve('after all')
  await expect(late.promise).resolves.toBe('after all')
})

it('drops a failure that comes late', async () => {
  const { clock, advance } = manualClock()
  const work = Promise.withResolvers<string>()
  const result = withTimeout(clock, 10, work.promise)
  advance(10)
  await expect(result).rejects.toThrow('no answer within 10 ms')
  work.reject(new Error('too late to matter'))
  await expect(work.promise).rejects.toThrow('too late to matter')
})

it('sleeps by the clock that it is given', async () => {
  const { clock, advance } = manualClock()
  const slept = sleep(clock, 5)
  advance(5)
  await expect(slept).resolves.toBeUndefined()
})

it('cancels a timer of the system clock', async () => {
  const fired: string[] = []
  systemClock.after(0, () => fired.push('cancelled'))()
  await sleep(systemClock, 1)
  expect(fired).toEqual([])
  expect(systemClock.now()).toBeGreaterThan(Date.parse('2026-01-01'))
})

it('has a steady clock that is the time, and does not go back with the wall clock', () => {
  expect(Math.abs(steadyClock.now() - Date.now())).toBeLessThan(5_000)
  const before = steadyClock.now()
  const wall = jest.spyOn(Date, 'now').mockReturnValue(0)
  expect(steadyClock.now()).toBeGreaterThanOrEqual(before)
  wall.mockRestore()
})
