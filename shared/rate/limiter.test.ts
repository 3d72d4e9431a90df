import fc from 'fast-check'
import type { CallOutcome, Retry } from '../outcome/index.ts'
import { type Permit, RateLimiter, type RateLimiterOptions } from './index.ts'

const DELIVERED: CallOutcome = { kind: 'delivered' }
const FAILED: CallOutcome = { kind: 'retry', cause: 'transient', error: 'HTTP 503', httpStatus: 503 }
const THROTTLED: Retry = { kind: 'retry', cause: 'transient', error: 'HTTP 429', httpStatus: 429 }
const BUSY: CallOutcome = { kind: 'retry', cause: 'busy', error: 'not tried' }
const leaveAlone = (retryAfterMs: number): CallOutcome => ({ ...THROTTLED, retryAfterMs })

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A limiter under a clock that the test moves; sleepers wake when their time has come. */
function limiterAt(rate: number, options: Partial<RateLimiterOptions> = {}) {
  let nowMs = 0
  const sleepers = new Set<{ untilMs: number; wake: () => void }>()
  const limiter = new RateLimiter({
    requestsPerSecond: rate,
    now: () => nowMs,
    random: () => 0,
    sleep: (ms, signal) =>
      new Promise<void>((resolve) => {
        const sleeper = { untilMs: nowMs + ms, wake: resolve }
        sleepers.add(sleeper)
        signal.addEventListener('abort', () => sleepers.delete(sleeper))
      }),
    ...options,
  })
  return {
    limiter,
    sleepers,
    now: () => nowMs,
    pass: async (ms: number): Promise<void> => {
      const endMs = nowMs + ms
      for (;;) {
        const next = [...sleepers].sort((a, b) => a.untilMs - b.untilMs)[0]
        if (next === undefined || next.untilMs > endMs) break
        nowMs = next.untilMs
        next.wake()
        await settle()
      }
      nowMs = endMs
    },
    permit: (): Permit => {
      const got = limiter.tryAcquire()
      if (!got.ok) throw new Error(`denied: ${got.cause}, ${got.waitMs} ms`)
      return got
    },
    waitMs: (): number => {
      const got = limiter.tryAcquire()
      if (got.ok) throw new Error('not denied')
      return got.waitMs
    },
  }
}

describe('the rate', () => {
  it('lets one request go in each interval', async () => {
    const { permit, waitMs, pass } = limiterAt(10)
    permit()
    expect(waitMs()).toBe(100)
    await pass(60)
    expect(waitMs()).toBe(40)
    await pass(40)
    permit()
  })

  it('lets a burst go after a quiet time, and saves up no more than that', async () => {
    const { permit, waitMs, pass } = limiterAt(10, { burst: 3 })
    await pass(60_000)
    for (let index = 0; index < 3; index++) permit()
    expect(waitMs()).toBe(100)
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

  it('is not exceeded in any second, whatever asks when', async () => {
    const ask = fc.record({ afterMs: fc.nat(40), maxWaitMs: fc.nat(500) })
    await fc.assert(
      fc.asyncProperty(fc.array(ask, { maxLength: 80 }), async (asks) => {
        const { limiter, pass, now } = limiterAt(20, { burst: 4 })
        const wentAtMs: number[] = []
        for (const { afterMs, maxWaitMs } of asks) {
          await pass(afterMs)
          void limiter.acquire(maxWaitMs).then((got) => got.ok && wentAtMs.push(now()))
          await settle()
        }
        await pass(1_000)
        for (const startMs of wentAtMs) {
          expect(wentAtMs.filter((ms) => ms >= startMs && ms < startMs + 1_000).length).toBeLessThanOrEqual(24)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('works on the real clock', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 100, burst: 1 })
    expect((await limiter.acquire(0)).ok).toBe(true)
    expect((await limiter.acquire(1_000)).ok).toBe(true)
  })

  it('does not stand still when the wall clock is set back', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 100, burst: 1 })
    expect((await limiter.acquire(0)).ok).toBe(true)
    const anHourAgo = Date.now() - 3_600_000
    const wallClock = jest.spyOn(Date, 'now').mockImplementation(() => anHourAgo)
    try {
      expect((await limiter.acquire(1_000)).ok).toBe(true)
    } finally {
      wallClock.mockRestore()
    }
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('cannot be %d a second', (rate) => {
    expect(() => limiterAt(rate)).toThrow(RangeError)
  })
})

describe('a pause', () => {
  it('starts with the third failure in a row, not before', () => {
    const { permit, waitMs } = limiterAt(1_000, { burst: 10 })
    permit().report(FAILED)
    permit().report(FAILED)
    permit().report(DELIVERED)
    permit().report(FAILED)
    permit().report(FAILED)
    permit().report(FAILED)
    expect(waitMs()).toBe(500)
  })

  it('starts at once with a 429', () => {
    const { permit, waitMs } = limiterAt(1_000)
    permit().report(THROTTLED)
    expect(waitMs()).toBe(500)
  })

  it('lasts as long as Retry-After says, cut to two minutes', () => {
    const short = limiterAt(1_000)
    short.permit().report(leaveAlone(7_000))
    expect(short.waitMs()).toBe(7_000)
    const long = limiterAt(1_000)
    long.permit().report(leaveAlone(86_400_000))
    expect(long.waitMs()).toBe(120_000)
  })

  it('starts at once with any answer that says how long to stay away, though it may have been processed', () => {
    const { permit, waitMs } = limiterAt(1_000)
    permit().report({ kind: 'uncertain', error: 'HTTP 503', httpStatus: 503, retryAfterMs: 30_000 })
    expect(waitMs()).toBe(30_000)
  })

  it('is spread by chance, so that many processes do not return together', () => {
    const { permit, waitMs } = limiterAt(1_000, { random: () => 0.5 })
    permit().report(THROTTLED)
    expect(waitMs()).toBe(750)
  })

  it('is started by our own wrong configuration and by uncertain answers too, and not by what was never tried', () => {
    const trouble: CallOutcome[] = [
      { kind: 'retry', cause: 'configuration', error: 'HTTP 401', httpStatus: 401 },
      { kind: 'uncertain', error: 'timeout' },
    ]
    for (const outcome of trouble) {
      const { permit, limiter } = limiterAt(1_000, { burst: 10 })
      for (let index = 0; index < 3; index++) permit().report(outcome)
      expect(limiter.tryAcquire()).toMatchObject({ ok: false, cause: 'paused' })
    }
    const { permit } = limiterAt(1_000, { burst: 10 })
    for (let index = 0; index < 5; index++) permit().report(BUSY)
    permit().report({ kind: 'refused', reason: 'refused', error: 'HTTP 400' })
    permit()
  })

  it('is followed by a single probe whose success lets everybody go', async () => {
    const { permit, pass, limiter } = limiterAt(1_000)
    permit().report(THROTTLED)
    await pass(500)
    const probe = permit()
    expect(probe.probe).toBe(true)
    expect(limiter.tryAcquire()).toMatchObject({ ok: false, cause: 'paused', waitMs: 15_000 })
    await pass(20)
    probe.report(DELIVERED)
    expect(permit().probe).toBe(false)
  })

  it('is followed by a longer one when the probe fails, up to ten seconds', async () => {
    const { permit, pass, waitMs } = limiterAt(1_000)
    permit().report(THROTTLED)
    const waits: number[] = []
    for (let index = 0; index < 6; index++) {
      waits.push(waitMs())
      await pass(waitMs())
      permit().report(FAILED)
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]) // at least half of 1, 2, 4, 8, 10 s
  })

  it('goes on with another probe when the first was never made', async () => {
    const { permit, pass } = limiterAt(1_000)
    permit().report(THROTTLED)
    await pass(500)
    permit().cancel()
    const second = permit()
    expect(second.probe).toBe(true)
    second.report(BUSY)
    expect(permit().probe).toBe(true)
  })

  it('is not stuck when the caller of the probe vanishes', async () => {
    const { permit, pass, limiter } = limiterAt(1_000)
    permit().report(THROTTLED)
    await pass(500)
    const vanished = permit()
    await pass(14_999)
    expect(limiter.tryAcquire().ok).toBe(false)
    await pass(1)
    const next = permit()
    expect(next.probe).toBe(true)
    vanished.report(DELIVERED) // much too late to say anything about now
    expect(limiter.tryAcquire().ok).toBe(false)
    next.report(DELIVERED)
    permit()
  })

  it('is not made longer by the other requests that were under way when it started', () => {
    const { permit, waitMs } = limiterAt(1_000, { burst: 10 })
    const underWay = Array.from({ length: 6 }, permit)
    for (const one of underWay) one.report(FAILED)
    expect(waitMs()).toBe(500)
  })

  it('is made longer, never shorter, by a Retry-After that an older request brings', () => {
    const { permit, waitMs } = limiterAt(1_000, { burst: 10 })
    const underWay = Array.from({ length: 3 }, permit)
    underWay[0]?.report(leaveAlone(5_000))
    underWay[1]?.report(leaveAlone(9_000))
    underWay[2]?.report(leaveAlone(2_000))
    expect(waitMs()).toBe(9_000)
  })

  it('is not started again by failures from before it ended', async () => {
    const { permit, pass } = limiterAt(1_000, { burst: 10 })
    const late = Array.from({ length: 3 }, permit)
    permit().report(THROTTLED)
    await pass(500)
    permit().report(DELIVERED)
    for (const one of late) one.report(FAILED)
    permit()
  })

  it('counts each report once', async () => {
    const { permit } = limiterAt(1_000, { burst: 10 })
    const one = permit()
    for (let index = 0; index < 5; index++) one.report(FAILED)
    permit()
  })

  it('is waited for by those who have the time, and answered at once to those who have not', async () => {
    const { limiter, permit, pass, sleepers } = limiterAt(1_000)
    permit().report(leaveAlone(3_000))
    expect(await limiter.acquire(2_000)).toEqual({ ok: false, cause: 'paused', waitMs: 3_000 })
    const patient = [limiter.acquire(4_000), limiter.acquire(4_000), limiter.acquire(4_000)]
    await pass(3_000)
    const probe = await Promise.race(patient)
    expect(probe).toMatchObject({ ok: true, probe: true })
    if (probe.ok) probe.report(DELIVERED)
    await pass(10)
    expect((await Promise.all(patient)).map((got) => got.ok && got.probe)).toEqual([true, false, false])
    expect(sleepers.size).toBe(0)
  })

  it('ends the wait of those behind a probe that does not return in time', async () => {
    const { limiter, permit, pass } = limiterAt(1_000)
    permit().report(THROTTLED)
    await pass(500)
    permit()
    const waiting = limiter.acquire(2_000)
    await pass(2_000)
    expect(await waiting).toEqual({ ok: false, cause: 'paused', waitMs: 13_000 })
  })

  it('that begins while somebody waits for a slot holds that one too', async () => {
    const { limiter, permit, pass } = limiterAt(1)
    const first = permit()
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
    expect(got).toMatchObject({ ok: true, probe: true })
  })

  it('keeps an outage of six minutes with 100 messages a second to less than one request a second', async () => {
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
