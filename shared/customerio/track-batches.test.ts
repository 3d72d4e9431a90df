import { manualClock } from '../clock/testing/manual-clock.ts'
import { trackMessage } from '../contract/index.ts'
import { createLog } from '../logging/index.ts'
import { RateLimiter } from '../rate/index.ts'
import { createSecret } from '../secrets/index.ts'
import { type Answer, CustomerIOService } from './index.ts'
import type { TrackApi } from './service.ts'

/** When the virtual time begins: no time is right by being 0. */
const START_MS = 1_000_000
const TIMEOUT_MS = 5_000

/** Answers a request, by the names of the events that it carries. */
type Server = (names: readonly string[]) => Answer

/** A service whose requests reach no network, in virtual time, and what each request carried. */
function start(server: Server, api: Partial<TrackApi> & { readonly requestsPerSecond?: number } = {}) {
  const { requestsPerSecond = 1_000, ...options } = api
  const clock = manualClock(START_MS)
  const log = createLog({ clock, functionName: 'test', destination: { write: () => {} } })
  const secret = (name: string) => createSecret({ clock, name, value: name, log })
  const rate = new RateLimiter({ requestsPerSecond, clock, random: () => 0 })
  const requests: string[][] = []
  const service = new CustomerIOService({
    track: {
      ...{ url: 'http://track.invalid', timeoutMs: TIMEOUT_MS, siteId: secret('site'), apiKey: secret('key') },
      ...{ rate, rateWaitMs: 2_000, divideMs: 25_000 },
      batch: {
        ...{ maxItems: 100, maxBytes: 450_000, maxItemBytes: 30_000, maxInFlight: 4 },
        ...{ maxWaitMs: 10_000, maxQueueItems: 2_000, maxBlockedItems: 8 },
      },
      exchange: async ({ body }) => {
        const names = JSON.parse(String(body)).batch.map(({ name }: { name: string }) => name)
        requests.push(names)
        return server(names)
      },
      ...options,
    },
    log,
    clock,
  })
  /** The first goes alone, since nothing is under way; the others leave together behind it. */
  const submit = (names: readonly string[]) =>
    Promise.all(names.map((name) => service.track(trackMessage.parse({ identifiers: { id: 'u1' }, name }))))
  return { service, submit, clock, rate, requests }
}

function answer(status: number, body: object = {}): Answer {
  return { kind: 'response', status, headers: {}, body: JSON.stringify(body) }
}

const UNAVAILABLE = answer(503, { meta: { error: 'come again' } })
const LOST: Answer = { kind: 'no_answer', code: 'ECONNRESET' }
const UNREADABLE = answer(400, { errors: [{ reason: 'invalid' }] })
const SHUTTING_DOWN = { kind: 'retry', cause: 'busy', error: 'not sent: this instance shuts down' }

describe('a batch', () => {
  it.each([
    ['answered 503', UNAVAILABLE],
    ['not answered', LOST],
  ])(
    'that is %s is not divided: each half would only be a further request to a server in trouble',
    async (_, trouble) => {
      const { submit, requests } = start(() => trouble)
      expect(await submit(['a', 'b', 'c'])).toMatchObject(Array(3).fill({ kind: 'retry', cause: 'transient' }))
      expect(requests).toEqual([['a'], ['b', 'c']])
    },
  )

  it.each([
    ['answered 503', UNAVAILABLE],
    ['not answered', LOST],
  ])('that was refused is not divided further after a half that is %s', async (_, trouble) => {
    const { submit, requests } = start((names) => (names.length === 4 ? UNREADABLE : trouble))
    const [, ...outcomes] = await submit(['a', 'b', 'c', 'd', 'e'])
    expect(outcomes).toMatchObject(Array(4).fill({ kind: 'retry', cause: 'transient' }))
    expect(requests).toEqual([['a'], ['b', 'c', 'd', 'e'], ['b', 'c']])
  })

  it('that is refused is divided to the last millisecond of its time, and not after it', async () => {
    const { submit, requests, clock } = start(
      (names) => {
        clock.advance(names.length === 2 ? 25_000 : 1)
        return UNREADABLE
      },
      { divideMs: 25_000 },
    )
    const [, tried, untried] = await submit(['a', 'b', 'c'])
    expect(tried).toMatchObject({ kind: 'refused', error: expect.stringContaining('invalid') })
    const error = 'not sent: dividing a refused batch took too long'
    expect(untried).toMatchObject({ kind: 'retry', cause: 'busy', error })
    expect(requests).toEqual([['a'], ['b', 'c'], ['b']])
  })

  it('that gets no turn within the rate asks for no other one for its halves', async () => {
    const { submit, rate, requests } = start(() => answer(200), { requestsPerSecond: 0.1 })
    const acquire = jest.spyOn(rate, 'acquire')
    const outcomes = await submit(['a', 'b', 'c'])
    const none = { kind: 'retry', cause: 'busy', error: "not sent: this instance's rate is used up" }
    expect(outcomes).toMatchObject([{ kind: 'delivered' }, none, none])
    expect(requests).toEqual([['a']])
    expect(acquire).toHaveBeenCalledTimes(2)
  })

  it('whose sending throws comes again, and the words of the error go nowhere', async () => {
    const { submit } = start(() => {
      throw new RangeError('about ann@example.com')
    })
    const unexpected = { kind: 'retry', cause: 'transient', reason: 'unexpected' }
    expect(await submit(['a', 'b'])).toEqual(Array(2).fill({ ...unexpected, error: 'unexpected error: RangeError' }))
  })

  it('that is delivered again before the request is over is not sent, and gives its turn back', async () => {
    const { service, rate, requests } = start(() => answer(200), { requestsPerSecond: 1 })
    const message = trackMessage.parse({ identifiers: { id: 'u1' }, name: 'late' })
    const carried = { attempt: 1, messageId: '17', untilRedeliveryMs: () => TIMEOUT_MS - 1 }
    expect(await service.track(message, carried)).toEqual({
      ...{
        kind: 'retry',
        cause: 'busy',
        error: 'not sent: Pub/Sub delivers it again before a request could be answered',
      },
      ...{ batchId: '17.1', batchSize: 1, batchPosition: 0 },
    })
    expect(requests).toEqual([])
    expect(await rate.acquire(0)).toMatchObject({ ok: true })
  })

  it('leaves without those that are delivered again meanwhile, and each has its own outcome', async () => {
    const { service, requests } = start((names) =>
      answer(207, {
        errors: names.flatMap((name, batch_index) => (name === 'bad' ? [{ batch_index, reason: 'bad' }] : [])),
      }),
    )
    const leftMs = { a: TIMEOUT_MS, late: TIMEOUT_MS - 1, bad: TIMEOUT_MS, gone: 0, good: TIMEOUT_MS }
    const outcomes = Object.entries(leftMs).map(([name, ms]) =>
      service.track(trackMessage.parse({ identifiers: { id: 'u1' }, name }), {
        attempt: 1,
        untilRedeliveryMs: () => ms,
      }),
    )
    const kinds = (await Promise.all(outcomes)).map(({ kind }) => kind)
    expect(kinds).toEqual(['delivered', 'retry', 'refused', 'retry', 'delivered'])
    expect(requests).toEqual([['a'], ['bad', 'good']])
  })

  it('waits for its turn, which its record tells', async () => {
    const { submit, clock, requests } = start(() => answer(200), { requestsPerSecond: 1 })
    const outcomes = submit(['a', 'b', 'c'])
    await new Promise(setImmediate)
    clock.advance(1_000)
    expect(await outcomes).toMatchObject([0, 1_000, 1_000].map((queueWaitMs) => ({ kind: 'delivered', queueWaitMs })))
    expect(requests).toEqual([['a'], ['b', 'c']])
  })
})

describe('while the process ends', () => {
  it('what could be cut off does not wait for a turn', async () => {
    const { submit, requests } = start(() => answer(200), {
      requestsPerSecond: 0.1,
      timeLeftMs: () => (requests.length === 0 ? TIMEOUT_MS + 500 : TIMEOUT_MS + 499),
    })
    expect(await submit(['a', 'b'])).toMatchObject([{ kind: 'delivered' }, SHUTTING_DOWN])
  })

  it.each([[['b']], [['b', 'c']]])(
    'what waited too long for its turn does not begin, and gives it back: %j',
    async (names) => {
      const { submit, clock, rate, requests } = start(() => answer(200), {
        requestsPerSecond: 1,
        timeLeftMs: () => START_MS + TIMEOUT_MS + 1_499 - clock.now(),
      })
      const outcomes = submit(['a', ...names])
      await new Promise(setImmediate)
      clock.advance(1_000)
      expect(await outcomes).toMatchObject([{ kind: 'delivered' }, ...names.map(() => SHUTTING_DOWN)])
      expect(requests).toEqual([['a']])
      expect(await rate.acquire(0)).toMatchObject({ ok: true })
    },
  )
})

describe('the size of a batch', () => {
  const MESSAGE = trackMessage.parse({ identifiers: { id: 'u1' }, name: 'n', attributes: { text: 'x'.repeat(1_000) } })

  it('is that of its messages, not the most that they could have grown to', async () => {
    const { service, requests } = start(() => answer(200))
    // Each could have 5,400 bytes, and a hundred of those are too many.
    await Promise.all(Array.from({ length: 101 }, () => service.track(MESSAGE, { attempt: 1, bytes: 1_000 })))
    expect(requests.map(({ length }) => length)).toEqual([1, 100])
  })

  it('counts what is around the messages', async () => {
    const bytes = Buffer.byteLength(JSON.stringify(MESSAGE))
    const sizes: number[] = []
    const { service } = start(() => answer(200), {
      exchange: async ({ body }) => {
        sizes.push(Buffer.byteLength(String(body)))
        return answer(200)
      },
      batch: {
        // Ten messages with their commas, and nothing around them.
        ...{ maxItems: 100, maxBytes: 10 * (bytes + 1), maxItemBytes: 30_000, maxInFlight: 4 },
        ...{ maxWaitMs: 10_000, maxQueueItems: 2_000, maxBlockedItems: 8 },
      },
    })
    await Promise.all(Array.from({ length: 10 }, () => service.track(MESSAGE)))
    await Promise.all(Array.from({ length: 11 }, () => service.track(MESSAGE)))
    expect(Math.max(...sizes)).toBe('{"batch":[]}'.length + 9 * (bytes + 1) - 1)
  })
})
