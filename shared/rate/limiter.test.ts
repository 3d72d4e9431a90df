import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { type Clock, systemClock } from '../clock/index.ts'
import type { CallOutcome, Retry } from '../outcome/index.ts'
import { type Permit, RateLimiter, type RateLimiterOptions } from './limiter.ts'

const DELIVERED: CallOutcome = { kind: 'delivered' }
const FAILED: CallOutcome = { kind: 'retry', cause: 'transient', error: 'HTTP 503', httpStatus: 503 }
const THROTTLED: Retry = { kind: 'retry', cause: 'transient', error: 'HTTP 429', httpStatus: 429 }
const REFUSED: CallOutcome = { kind: 'refused', reason: 'refused', error: 'HTTP 400' }
const BUSY: Retry = { kind: 'retry', cause: 'busy', error: 'not tried' }
const leaveAlone = (retryAfterMs: number): CallOutcome => ({ ...THROTTLED, retryAfterMs })

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A limiter under a clock that the test moves; its timers run when their time has come. */
function limiterAt(rate: number, options: Partial<RateLimiterOptions> = {}) {
  let nowMs = 0
  const timers = new Set<{ readonly atMs: number; readonly work: () => void }>()
  const clock: Clock = {
    now: () => nowMs,
    after: (ms, work) => {
      const timer = { atMs: nowMs + ms, work }
      timers.add(timer)
      return () => timers.delete(timer)
    },
  }
  const limiter = new RateLimiter({ requestsPerSecond: rate, clock, random: () => 0, ...options })
  const permit = async (): Promise<Permit> => {
    const got = await limiter.acquire(0)
    if (!got.ok) throw new Error(`denied: ${got.cause}, ${got.waitMs} ms`)
    return got
  }
  return {
    limiter,
    timers,
    now: () => nowMs,
    /** Stops the process for so long: its timers are late. */
    freeze: (ms: number): void => {
      nowMs += ms
    },
    /** Lets time pass while nobody who waits gets to do anything. */
    runTimers: (count: number): void => {
      for (let run = 0; run < count; run++) {
        for (const timer of timers) {
          nowMs = timer.atMs
          timers.delete(timer)
          timer.work()
        }
      }
    },
    pass: async (ms: number): Promise<void> => {
      const endMs = nowMs + ms
      await settle()
      for (;;) {
        const next = [...timers].sort((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined || next.atMs > endMs) break
        nowMs = Math.max(nowMs, next.atMs)
        timers.delete(next)
        next.work()
        await settle()
      }
      nowMs = endMs
    },
    permit,
    /** A request that comes back at once. */
    report: async (outcome: CallOutcome): Promise<void> => (await permit()).report(outcome),
    cancel: async (): Promise<void> => (await permit()).cancel(),
    waitMs: async (): Promise<number> => {
      const got = await limiter.acquire(0)
      if (got.ok) throw new Error('not denied')
      return got.waitMs
    },
  }
}

describe('the rate', () => {
  it('lets one request go in each interval', async () => {
    const { pass, permit, waitMs } = limiterAt(10)
    await permit()
    expect(await waitMs()).toBe(100)
    await pass(60)
    expect(await waitMs()).toBe(40)
    await pass(40)
    await permit()
  })

  it('lets a burst go after a quiet time, and saves up no more than that', async () => {
    const { pass, permit, waitMs } = limiterAt(10, { burst: 3 })
    await pass(60_000)
    for (let index = 0; index < 3; index++) await permit()
    expect(await waitMs()).toBe(100)
  })

  it('serves those who wait in the order in which they came, and denies at once whoever would wait too long', async () => {
    const { limiter, pass } = limiterAt(10)
    const served: number[] = []
    const denied: number[] = []
    const ask = async (name: number): Promise<void> => {
      const got = await limiter.acquire(250)
      if (got.ok) served.push(name)
      else denied.push(name)
    }
    for (let name = 0; name < 5; name++) void ask(name)
    await settle()
    expect(served).toEqual([0])
    expect(denied).toEqual([3, 4])
    await pass(100)
    expect(served).toEqual([0, 1])
    await pass(100)
    expect(served).toEqual([0, 1, 2])
    expect(await limiter.acquire(0)).toEqual({ ok: false, cause: 'rate', waitMs: 100 })
  })

  it('lets those go whose turn comes at the very end of their wait', async () => {
    const { limiter, permit, pass } = limiterAt(10)
    await permit()
    const waiting = [limiter.acquire(100), limiter.acquire(200), limiter.acquire(200)]
    expect(await waiting[2]).toEqual({ ok: false, cause: 'rate', waitMs: 300 })
    await pass(200)
    expect((await Promise.all(waiting)).map(({ ok }) => ok)).toEqual([true, true, false])
  })

  it('denies those whose time ran out while the process was frozen, and serves those behind them', async () => {
    const { limiter, permit, pass, freeze } = limiterAt(10)
    await permit()
    const [late, patient] = [limiter.acquire(150), limiter.acquire(5_000)]
    freeze(1_000)
    await pass(0)
    expect(await late).toEqual({ ok: false, cause: 'rate', waitMs: 0 })
    expect(await patient).toMatchObject({ ok: true })
  })

  it('lets a cancelled turn be used by the next in line', async () => {
    const { limiter, permit, pass, waitMs } = limiterAt(10)
    const first = await permit()
    const second = limiter.acquire(1_000)
    const third = limiter.acquire(1_000)
    await pass(20)
    first.cancel()
    await pass(0)
    const got = await second
    if (!got.ok) throw new Error('not let in')
    expect(await waitMs()).toBe(200) // behind the third
    got.cancel()
    await pass(0)
    expect((await third).ok).toBe(true)
  })

  it('gives no turn back that would have been lost by then', async () => {
    const { permit, pass, waitMs } = limiterAt(10, { burst: 2 })
    const first = await permit()
    await pass(1_000)
    await permit()
    first.cancel()
    await permit()
    expect(await waitMs()).toBe(100)
  })

  it('is not exceeded in any window, whatever pauses, probes and cancellations happen', async () => {
    const step = fc.record({
      afterMs: fc.oneof(fc.nat(600), fc.nat(5_000), fc.constant(15_000)),
      asks: fc.array(fc.nat(10_000), { maxLength: 6 }), // how long each may wait
      end: fc.constantFrom('delivered', 'cancelled', 'failed', '429', 'cancelled', 'Retry-After', 'busy', 'never'),
      which: fc.nat(8),
    })
    const outcomes = {
      delivered: DELIVERED,
      failed: FAILED,
      '429': THROTTLED,
      'Retry-After': leaveAlone(1_500),
      busy: BUSY,
    }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.constantFrom(1, 2.5, 4), async (steps, burst) => {
        const { limiter, pass, now } = limiterAt(4, { burst })
        const requests = new Set<{ readonly atMs: number; readonly permit: Permit }>()
        const held: { readonly atMs: number; readonly permit: Permit }[] = []
        for (const { afterMs, asks, end, which } of steps) {
          await pass(afterMs)
          for (const maxWaitMs of asks) {
            const askedMs = now()
            void limiter.acquire(maxWaitMs).then((permit) => {
              expect(now() - askedMs).toBeLessThanOrEqual(maxWaitMs)
              if (!permit.ok) return
              const request = { atMs: now(), permit }
              requests.add(request)
              held.push(request)
            })
          }
          await settle()
          const [ended] = end === 'never' ? [] : held.splice(which % Math.max(1, held.length), 1)
          if (ended === undefined) continue
          if (end === 'cancelled') {
            ended.permit.cancel()
            requests.delete(ended)
          } else if (end !== 'never') {
            ended.permit.report(outcomes[end])
          }
        }
        await pass(25_000)
        const atMs = [...requests].map((request) => request.atMs).sort((a, b) => a - b)
        for (const [from, startMs] of atMs.entries()) {
          for (const [to, endMs] of atMs.entries()) {
            if (to >= from) expect(to - from + 1).toBeLessThanOrEqual(burst + ((endMs - startMs) * 4) / 1_000 + 1e-6)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('takes a million waits without growing', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage: () => void = runInNewContext('gc')
    const { limiter, timers, runTimers } = limiterAt(1_000, { burst: 1 })
    const wait = async (times: number) => {
      for (let time = 0; time < times; time += 100) {
        const waiting = Array.from({ length: 100 }, () => limiter.acquire(1_000))
        runTimers(100)
        for (const permit of await Promise.all(waiting)) if (!permit.ok) throw new Error('denied')
      }
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    const before = await wait(10_000)
    const after = await wait(1_000_000)
    expect(timers.size).toBe(0)
    expect(after - before).toBeLessThan(5_000_000) // five bytes a wait
  }, 60_000)

  it('works on the real clock', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 100, burst: 1, clock: systemClock, random: Math.random })
    expect((await limiter.acquire(0)).ok).toBe(true)
    expect((await limiter.acquire(1_000)).ok).toBe(true)
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('cannot be %d a second', (rate) => {
    expect(() => limiterAt(rate)).toThrow(RangeError)
  })
})

describe('a pause', () => {
  it('starts with the third failure in a row, not before', async () => {
    const { report, waitMs } = limiterAt(1_000, { burst: 10 })
    await report(FAILED)
    await report(FAILED)
    await report(DELIVERED)
    await report(FAILED)
    await report(FAILED)
    await report(FAILED)
    expect(await waitMs()).toBe(500)
  })

  it('starts at once with a 429', async () => {
    const { report, waitMs } = limiterAt(1_000)
    await report(THROTTLED)
    expect(await waitMs()).toBe(500)
  })

  it('lasts as long as Retry-After says, cut to two minutes', async () => {
    const short = limiterAt(1_000)
    await short.report(leaveAlone(7_000))
    expect(await short.waitMs()).toBe(7_000)
    const long = limiterAt(1_000)
    await long.report(leaveAlone(86_400_000))
    expect(await long.waitMs()).toBe(120_000)
  })

  it('starts at once with any answer that says how long to stay away, though it may have been processed', async () => {
    const { report, waitMs } = limiterAt(1_000)
    await report({
      kind: 'uncertain',
      error: 'HTTP 503',
      httpStatus: 503,
      retryAfterMs: 30_000,
    })
    expect(await waitMs()).toBe(30_000)
  })

  it('is spread by chance, so that many processes do not return together', async () => {
    const { report, waitMs } = limiterAt(1_000, { random: () => 0.5 })
    await report(THROTTLED)
    expect(await waitMs()).toBe(750)
  })

  it('is started by our own wrong configuration and by uncertain answers too, and not by what was never tried', async () => {
    const trouble: CallOutcome[] = [
      { kind: 'retry', cause: 'configuration', error: 'HTTP 401', httpStatus: 401 },
      { kind: 'uncertain', error: 'timeout' },
    ]
    for (const outcome of trouble) {
      const { limiter, report } = limiterAt(1_000, { burst: 10 })
      for (let index = 0; index < 3; index++) await report(outcome)
      expect(await limiter.acquire(0)).toMatchObject({ ok: false, cause: 'paused' })
    }
    const { permit, report } = limiterAt(1_000, { burst: 20 })
    for (let index = 0; index < 5; index++) await report({ ...BUSY, retryAfterMs: 30_000 })
    await permit()
  })

  it('is not started by refusals, which show that somebody is there and reads', async () => {
    const { permit, report } = limiterAt(1_000, { burst: 20 })
    for (const outcome of [REFUSED, REFUSED, REFUSED, FAILED, FAILED, REFUSED, FAILED, FAILED]) await report(outcome)
    await permit()
  })

  it('is followed by a single probe whose success lets everybody go', async () => {
    const { limiter, pass, permit, report } = limiterAt(1_000)
    await report(THROTTLED)
    await pass(500)
    const probe = await permit()
    expect(await limiter.acquire(0)).toMatchObject({ ok: false, cause: 'paused', waitMs: 15_000 })
    await pass(20)
    probe.report(DELIVERED)
    await permit()
    await permit()
  })

  it('is followed by a longer one when the probe fails, up to ten seconds', async () => {
    const { pass, report, waitMs } = limiterAt(1_000)
    await report(THROTTLED)
    const waits: number[] = []
    for (let index = 0; index < 6; index++) {
      waits.push(await waitMs())
      await pass(await waitMs())
      await report(FAILED)
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]) // at least half of 1, 2, 4, 8, 10 s
  })

  it('goes on with another probe when the first was never made', async () => {
    const { limiter, pass, permit, report, cancel } = limiterAt(1_000)
    await report(THROTTLED)
    await pass(500)
    await cancel()
    const second = await permit()
    expect((await limiter.acquire(0)).ok).toBe(false)
    second.report(BUSY)
    await permit()
    expect((await limiter.acquire(0)).ok).toBe(false)
  })

  it('is not stuck when the caller of the probe vanishes', async () => {
    const { limiter, pass, permit, report } = limiterAt(1_000)
    await report(THROTTLED)
    await pass(500)
    const vanished = await permit()
    await pass(14_999)
    expect((await limiter.acquire(0)).ok).toBe(false)
    await pass(1)
    const next = await permit()
    vanished.report(DELIVERED) // much too late to say anything about now
    expect((await limiter.acquire(0)).ok).toBe(false)
    next.report(DELIVERED)
    await permit()
  })

  it('is not made longer by the other requests that were under way when it started', async () => {
    const { permit, pass, waitMs } = limiterAt(1_000, { burst: 10 })
    const underWay = await Promise.all(Array.from({ length: 6 }, permit))
    for (const one of underWay.slice(0, 3)) one.report(FAILED)
    expect(await waitMs()).toBe(500)
    await pass(300)
    for (const one of underWay.slice(3)) one.report(FAILED)
    expect(await waitMs()).toBe(200)
  })

  it('is made longer, never shorter, by a Retry-After that an older request brings', async () => {
    const { permit, waitMs } = limiterAt(1_000, { burst: 10 })
    const underWay = await Promise.all(Array.from({ length: 3 }, permit))
    underWay[0]?.report(leaveAlone(5_000))
    underWay[1]?.report(leaveAlone(9_000))
    underWay[2]?.report(leaveAlone(2_000))
    expect(await waitMs()).toBe(9_000)
  })

  it('is not started again by failures from before it ended', async () => {
    const { pass, permit, report } = limiterAt(1_000, { burst: 10 })
    const late = await Promise.all(Array.from({ length: 3 }, permit))
    await report(THROTTLED)
    await pass(500)
    await report(DELIVERED)
    for (const one of late) one.report(FAILED)
    await permit()
  })

  it('counts each report once', async () => {
    const { permit } = limiterAt(1_000, { burst: 10 })
    const one = await permit()
    for (let index = 0; index < 5; index++) one.report(FAILED)
    await permit()
  })

  it('is waited for by those who have the time, and answered at once to those who have not', async () => {
    const { limiter, timers, pass, report, now } = limiterAt(1_000)
    await report(leaveAlone(3_000))
    expect(await limiter.acquire(2_000)).toEqual({ ok: false, cause: 'paused', waitMs: 3_000 })
    const patient = [limiter.acquire(4_000), limiter.acquire(4_000), limiter.acquire(4_000)]
    await pass(3_000)
    const wentAtMs: number[] = []
    for (const each of patient) void each.then(() => wentAtMs.push(now()))
    const probe = await Promise.race(patient)
    await pass(5)
    expect(wentAtMs).toEqual([3_000])
    if (probe.ok) probe.report(DELIVERED)
    await pass(10)
    expect((await Promise.all(patient)).map(({ ok }) => ok)).toEqual([true, true, true])
    expect(timers.size).toBe(0)
  })

  it('ends the wait of those behind a probe that does not return in time', async () => {
    const { limiter, timers, pass, permit, report } = limiterAt(1_000)
    await report(THROTTLED)
    await pass(500)
    await permit()
    const waiting = limiter.acquire(2_000)
    await pass(2_000)
    expect(await waiting).toEqual({ ok: false, cause: 'paused', waitMs: 13_000 })
    expect(timers.size).toBe(0) // nobody is left to wake
  })

  it('that begins while somebody waits for a slot holds that one too', async () => {
    const { limiter, pass, permit } = limiterAt(1)
    const first = await permit()
    const second = limiter.acquire(60_000)
    first.report(leaveAlone(5_000))
    await pass(4_999)
    let got: unknown
    void second.then((permit) => {
      got = permit
    })
    await settle()
    expect(got).toBeUndefined()
    await pass(1)
    expect(got).toMatchObject({ ok: true })
  })

  it('is followed by no more than the rate, however many wait', async () => {
    const { limiter, permit, pass, now } = limiterAt(20)
    const throttled = await permit()
    const wentAtMs: number[] = []
    for (let index = 0; index < 80; index++) {
      void limiter.acquire(10_000).then((got) => {
        if (!got.ok) return
        wentAtMs.push(now())
        got.report(DELIVERED)
      })
    }
    throttled.report(leaveAlone(3_000))
    await pass(3_100)
    expect(wentAtMs).toEqual([0, 3_000, 3_000, 3_050, 3_100]) // before the answer; then the probe, the rest of the burst, and the rate
  })

  it('denies at once those whom it outlasts, and lets the others wait for it', async () => {
    const { limiter, permit, pass } = limiterAt(1)
    const first = await permit()
    const short = limiter.acquire(2_000)
    const long = limiter.acquire(6_000)
    first.report(leaveAlone(5_000))
    expect(await short).toEqual({ ok: false, cause: 'paused', waitMs: 5_000 })
    await pass(5_000)
    expect(await long).toMatchObject({ ok: true })
  })

  it('keeps an outage of six minutes with 100 messages per second to less than one request per second', async () => {
    const { limiter, pass } = limiterAt(300, { random: () => 0.5 })
    let requests = 0
    const message = async (): Promise<void> => {
      const got = await limiter.acquire(2_000)
      if (!got.ok) return
      requests++
      got.report(FAILED)
    }
    for (let second = 0; second < 360; second++) {
      for (let index = 0; index < 100; index++) void message()
      await settle()
      await pass(1_000)
    }
    expect(requests).toBeGreaterThan(10)
    expect(requests).toBeLessThan(360)
  })
})
