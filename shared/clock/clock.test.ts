import { sleep, steadyClock, systemClock, TimeoutError, withTimeout } from './index.ts'
import { manualClock } from './testing/manual-clock.ts'

it('gives the result of work that is in time, and leaves no timer behind', async () => {
  const clock = manualClock()
  await expect(withTimeout(clock, 10, Promise.resolve('done'))).resolves.toBe('done')
  await expect(withTimeout(clock, 10, Promise.reject(new RangeError('no')))).rejects.toThrow(RangeError)
  expect(clock.pending).toEqual([])
})

it('rejects once the time is over, and hands over what comes late', async () => {
  const clock = manualClock()
  const work = Promise.withResolvers<string>()
  const late = Promise.withResolvers<string>()
  const result = withTimeout(clock, 10, work.promise, late.resolve)
  clock.advance(9)
  clock.advance(1)
  await expect(result).rejects.toThrow(new TimeoutError(10))
  work.resolve('after all')
  await expect(late.promise).resolves.toBe('after all')
})

it('drops a failure that comes late', async () => {
  const clock = manualClock()
  const work = Promise.withResolvers<string>()
  const result = withTimeout(clock, 10, work.promise)
  clock.advance(10)
  await expect(result).rejects.toThrow('no answer within 10 ms')
  work.reject(new Error('too late to matter'))
  await expect(work.promise).rejects.toThrow('too late to matter')
})

it('sleeps by the clock that it is given', async () => {
  const clock = manualClock()
  const slept = sleep(clock, 5)
  clock.advance(5)
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

it('has a steady clock that does not wait for a wall clock that was wrong by an hour', () => {
  const wrong = Date.now() + 3_600_000
  const wall = jest.spyOn(Date, 'now').mockReturnValue(wrong)
  expect(steadyClock.now()).toBeGreaterThanOrEqual(wrong)
  wall.mockReturnValue(wrong - 3_600_000)
  const corrected = steadyClock.now()
  expect(corrected).toBeGreaterThanOrEqual(wrong)
  wall.mockReturnValue(wrong - 3_600_000 + 60_000)
  expect(steadyClock.now() - corrected).toBeGreaterThan(50_000)
  wall.mockRestore()
})
