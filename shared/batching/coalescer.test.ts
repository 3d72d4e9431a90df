import fc from 'fast-check'
import type { Clock } from '../clock/index.ts'
import { type BatchLimits, Coalescer, isOfItsKey } from './index.ts'

interface Item {
  readonly id: number
  readonly keys: readonly string[]
  readonly bytes: number
  readonly suspect: boolean
  readonly movable?: boolean
}

interface Flight {
  readonly items: readonly Item[]
  readonly land: (results?: readonly string[]) => Promise<void>
  readonly crash: (error: Error) => Promise<void>
}

/** Lets every promise that can settle now settle. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const LIMITS: BatchLimits = {
  maxItems: 100,
  maxBytes: 450_000,
  maxItemBytes: 30_000,
  maxInFlight: 4,
  maxWaitMs: 10_000,
  maxQueueItems: 2_000,
  maxBlockedItems: 200,
}

/** Time that the test moves, with at most one timer. */
class TestClock implements Clock {
  nowMs = 0
  /** How many timers were started. */
  timers = 0
  #timer: { readonly atMs: number; readonly work: () => void } | undefined
  now = () => this.nowMs
  after = (ms: number, work: () => void) => {
    this.timers++
    this.#timer = { atMs: this.nowMs + ms, work }
    return () => {}
  }
  advance(ms: number): void {
    this.nowMs += ms
    const timer = this.#timer
    if (timer === undefined || timer.atMs > this.nowMs) return
    this.#timer = undefined
    timer.work()
  }
}

/** A coalescer whose requests return when the test says so, under a clock that the test moves. */
function airport({ spacingMs, ...limits }: Partial<BatchLimits> & { readonly spacingMs?: number } = {}) {
  const clock = new TestClock()
  const flying: Flight[] = []
  const flown: Flight[] = []
  const coalescer = new Coalescer<Item, string>({
    limits: { ...LIMITS, ...limits },
    ...(spacingMs !== undefined && { spacingMs }),
    suspects: { isSuspect: (item) => item.suspect, isFailure: (result) => result.startsWith('failed') },
    movable: { isMovable: (item) => item.movable === true, maxBlocked: 2 },
    sizeOf: (item) => item.bytes,
    conflictKeys: (item) => item.keys,
    send: (items) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
      const ended = (): Promise<void> => {
        flying.splice(flying.indexOf(flight), 1)
        return settle()
      }
      const flight: Flight = {
        items,
        land: (results = items.map((item) => `sent ${item.id}`)) => {
          resolve(results)
          return ended()
        },
        crash: (error) => {
          reject(error)
          return ended()
        },
      }
      flying.push(flight)
      flown.push(flight)
      return promise
    },
    busy: (reason) => reason,
    tooLarge: (item) => `too large ${item.id}`,
    onError: (error) => `error: ${error instanceof Error ? error.message : 'unknown'}`,
    clock,
  })
  let ids = 0
  const results = new Map<number, string>()
  const submit = (keys: readonly string[] = [], bytes = 10, suspect = false, movable = false): number => {
    const id = ids++
    void coalescer.submit({ id, keys, bytes, suspect, movable }).then((result) => {
      if (results.has(id)) throw new Error(`item ${id} has two results`)
      results.set(id, result)
    })
    return id
  }
  const batches = () => flown.map((flight) => flight.items.map((item) => item.id))
  const next = (): Flight => {
    const flight = flying[0]
    if (flight === undefined) throw new Error('nothing is in flight')
    return flight
  }
  return { coalescer, clock, flying, flown, results, submit, next, batches }
}

describe('Coalescer', () => {
  it('sends an item at once when nothing is in flight', async () => {
    const { submit, batches, next, results } = airport()
    submit()
    await settle()
    expect(batches()).toEqual([[0]])
    await next().land()
    expect(results).toEqual(new Map([[0, 'sent 0']]))
  })

  it('gathers what comes while a request is under way and sends it as one batch when that returns', async () => {
    const { submit, batches, next, results, coalescer } = airport()
    for (let index = 0; index < 5; index++) submit()
    await settle()
    expect(batches()).toEqual([[0]])
    expect(coalescer.waiting).toBe(4)
    await next().land()
    expect(batches()).toEqual([[0], [1, 2, 3, 4]])
    await next().land()
    expect([...results.values()]).toEqual([0, 1, 2, 3, 4].map((id) => `sent ${id}`))
  })

  it('sends a full batch without waiting, while fewer than four are in flight', async () => {
    const { submit, batches, coalescer, next } = airport({ maxItems: 2 })
    for (let index = 0; index < 12; index++) submit()
    await settle()
    expect(batches()).toEqual([[0], [1, 2], [3, 4], [5, 6]])
    expect(coalescer.inFlight).toBe(4)
    await next().land()
    expect(batches().at(-1)).toEqual([7, 8])
  })

  describe('with a spacing', () => {
    it('sends the first item at once, and those that come soon after it together', async () => {
      const { submit, batches, next, clock } = airport({ spacingMs: 5 })
      submit()
      await settle()
      await next().land()
      submit()
      submit()
      await settle()
      clock.advance(4)
      expect(batches()).toEqual([[0]])
      clock.advance(1)
      expect(batches()).toEqual([[0], [1, 2]])
    })

    it('lets a full batch leave all the same, which does not prolong the wait of the next', async () => {
      const { submit, batches, clock } = airport({ spacingMs: 5, maxItems: 2 })
      submit()
      clock.advance(3)
      for (let index = 0; index < 3; index++) submit()
      expect(batches()).toEqual([[0], [1, 2]])
      clock.advance(2)
      expect(batches()).toEqual([[0], [1, 2], [3]])
    })

    it('is held up by none that does not come back, while fewer than four are in flight', async () => {
      const { submit, batches, coalescer, clock } = airport({ spacingMs: 5 })
      for (let index = 0; index < 5; index++) {
        submit()
        submit()
        clock.advance(5)
      }
      expect(batches()).toEqual([[0], [1], [2, 3], [4, 5]])
      expect(coalescer.waiting).toBe(4)
    })

    it('gives back what has waited too long', async () => {
      const { submit, coalescer, clock, results, next } = airport({ spacingMs: 5, maxWaitMs: 100 })
      submit()
      submit()
      await next().land()
      expect(coalescer.waiting).toBe(1)
      clock.advance(101)
      await settle()
      expect(results.get(1)).toBe('waited_too_long')
      expect(coalescer.waiting).toBe(0)
    })
  })

  it('sends one part-filled batch for each that returns', async () => {
    const { submit, batches, next } = airport({ maxItems: 3 })
    for (let index = 0; index < 6; index++) submit()
    await settle()
    expect(batches()).toEqual([[0], [1, 2, 3]])
    await next().land()
    expect(batches()).toEqual([[0], [1, 2, 3], [4, 5]])
  })

  it('lets none that is not full leave for one that returned while nobody waited', async () => {
    const { submit, batches, next } = airport({ maxItems: 2 })
    for (let index = 0; index < 3; index++) submit()
    await next().land()
    submit()
    expect(batches()).toEqual([[0], [1, 2]])
    await next().land()
    expect(batches()).toEqual([[0], [1, 2], [3]])
  })

  it('counts bytes as well as items', async () => {
    const { submit, batches } = airport({ maxBytes: 100 })
    submit()
    submit([], 60)
    submit([], 60)
    submit([], 30)
    await settle()
    expect(batches()).toEqual([[0], [1]]) // 60 + 60 do not fit together
  })

  it('sends a batch that is full by its bytes at once, as one of its items is', async () => {
    const { submit, batches } = airport({ maxBytes: 100 })
    for (const bytes of [10, 60, 40]) submit([], bytes)
    expect(batches()).toEqual([[0], [1, 2]])
    submit([], 150)
    expect(batches()).toEqual([[0], [1, 2], [3]])
  })

  it('starts no timer without a spacing: it would not run while the CPU is throttled', async () => {
    const { submit, clock, next } = airport()
    submit()
    submit()
    await next().land()
    expect(clock.timers).toBe(0)
  })

  it('answers an item that is too large at once, and without sending it', async () => {
    const { submit, results, flown } = airport()
    submit([], 30_001)
    await settle()
    expect(results.get(0)).toBe('too large 0')
    expect(flown).toHaveLength(0)
  })

  it('answers busy at once when the queue is full', async () => {
    const { submit, results, next } = airport({ maxQueueItems: 2 })
    for (let index = 0; index < 4; index++) submit()
    await settle()
    expect(results).toEqual(new Map([[3, 'queue_full']]))
    await next().land()
    await next().land()
    expect(results.get(1)).toBe('sent 1')
  })

  it('gives back what has waited too long when it next looks at the queue', async () => {
    const { submit, results, next, clock, batches } = airport({ maxWaitMs: 10_000 })
    submit()
    submit()
    clock.nowMs = 1
    submit()
    clock.nowMs = 10_000
    await next().land()
    expect(results.get(1)).toBe('waited_too_long')
    expect(batches()).toEqual([[0], [2]])
  })

  it('notices on the next submit that the queue has stood still', async () => {
    const { submit, results, clock } = airport({ maxQueueItems: 1 })
    submit()
    submit()
    clock.nowMs = 10_000
    submit()
    await settle()
    expect(results).toEqual(new Map([[1, 'waited_too_long']]))
  })

  it('gives every item of a batch the error that ended it, and goes on', async () => {
    const { submit, results, next } = airport()
    submit()
    submit()
    submit()
    await settle()
    await next().crash(new Error('boom'))
    await next().land(['only one'])
    submit()
    await settle()
    await next().land()
    expect([...results.values()]).toEqual([
      'error: boom',
      'error: a batch of 2 items was answered with 1 results',
      'error: a batch of 2 items was answered with 1 results',
      'sent 3',
    ])
  })

  it('treats a send that throws before it returns a promise as any other error', async () => {
    const coalescer = new Coalescer<string, string>({
      limits: LIMITS,
      sizeOf: () => 1,
      send: () => {
        throw new Error('at once')
      },
      busy: (reason) => reason,
      tooLarge: () => 'too large',
      onError: String,
      clock: new TestClock(),
    })
    expect(await coalescer.submit('item')).toBe('Error: at once')
  })

  it('rejects the submit whose item cannot be measured, and no other', async () => {
    const { coalescer, next } = airport()
    const unmeasurable = {
      id: 0,
      keys: [],
      suspect: false,
      get bytes(): number {
        throw new Error('no size')
      },
    }
    await expect(coalescer.submit(unmeasurable)).rejects.toThrow('no size')
    const fine = coalescer.submit({ id: 1, keys: [], bytes: 1, suspect: false })
    await settle()
    await next().land()
    expect(await fine).toBe('sent 1')
  })

  it.each(Object.keys(LIMITS))('refuses a %s that is not positive', (limit) => {
    expect(() => airport({ [limit]: 0 })).toThrow(`Coalescer: ${limit} must be a positive number, not 0`)
    expect(() => airport({ [limit]: Number.NaN })).toThrow(RangeError)
  })
})

describe('items that share a key', () => {
  it('are never in one batch nor in flight together, and hold nobody else up', async () => {
    const { submit, batches, next, flying } = airport({ maxItems: 2 })
    submit(['ada'])
    submit(['ada'])
    submit(['ada'])
    submit(['bob'])
    submit(['eve'])
    await settle()
    expect(batches()).toEqual([[0], [3, 4]])
    await next().land()
    expect(batches()).toEqual([[0], [3, 4], [1]])
    await flying[1]?.land()
    expect(batches()).toEqual([[0], [3, 4], [1], [2]])
  })

  it('wait for both people of a merge', async () => {
    const { submit, batches, next } = airport()
    submit(['ada'])
    submit(['ada', 'bob']) // the merge
    submit(['bob'])
    submit(['eve'])
    await settle()
    await next().land()
    expect(batches()).toEqual([[0], [3, 1]])
    await next().land()
    expect(batches()).toEqual([[0], [3, 1], [2]])
  })

  it('take an item that names the same key twice', async () => {
    const { submit, batches, next } = airport()
    submit(['ada', 'ada'])
    submit(['ada', 'bob'])
    submit(['bob', 'ada'])
    await settle()
    await next().land()
    await next().land()
    expect(batches()).toEqual([[0], [1], [2]])
  })

  it('take their turn among the others once they are free', async () => {
    const { submit, batches, next } = airport({ maxItems: 2, maxInFlight: 1 })
    submit(['ada'])
    submit(['ada'])
    for (let index = 0; index < 3; index++) submit()
    await settle()
    await next().land()
    await next().land()
    expect(batches()).toEqual([[0], [2, 3], [4, 1]])
  })

  it('cannot overtake one that is in flight after the one between them was given back', async () => {
    const { submit, batches, next, results, clock } = airport()
    submit(['ada'])
    submit(['ada'])
    clock.nowMs = 5_000
    submit(['ada'])
    clock.nowMs = 10_000
    submit(['bob'])
    await settle()
    expect(results.get(1)).toBe('waited_for_its_key')
    expect(batches()).toEqual([[0]])
    await next().land()
    expect(batches()).toEqual([[0], [3, 2]])
  })

  it('wait in half of the places for it at most, one key in a quarter, and the next is told at once that it is too many', async () => {
    const { submit, results, coalescer, next } = airport({ maxQueueItems: 40, maxBlockedItems: 20 })
    for (let index = 0; index < 15; index++) submit(['ada'])
    await settle()
    expect(coalescer.waiting).toBe(10)
    expect(results.get(11)).toBe('key_flooded')
    const bob = submit(['bob'])
    for (let index = 0; index < 11; index++) submit(['bob'])
    await settle()
    expect(coalescer.waiting).toBe(1 + 20)
    expect(results.get(bob)).toBeUndefined()
    expect([...results.values()].filter((result) => result === 'key_flooded')).toHaveLength(4 + 1)
    submit(['eve', 'bob'])
    submit(['eve'])
    await settle()
    expect(coalescer.waiting).toBe(22) // eve alone waits for nobody but a batch
    const second = submit(['eve'])
    await settle()
    expect(results.get(second)).toBe('key_flooded') // only one of its key waits, but 20 in all
    await next().land()
    const third = submit(['eve'])
    await settle()
    expect(results.has(third)).toBe(false) // one of ada's has left
  })

  it('are told behind two others who wait that it is too many, where there is another place for them', async () => {
    const { submit, results, batches, next } = airport()
    const movable = () => submit(['ada'], 10, false, true)
    for (let index = 0; index < 3; index++) movable()
    await settle()
    expect(results).toEqual(new Map())
    const [fourth, staying, stranger] = [movable(), submit(['ada']), submit(['bob'], 10, false, true)]
    await settle()
    expect(results).toEqual(new Map([[fourth, 'key_flooded']]))
    await next().land()
    expect(batches()).toEqual([[0], [stranger, 1]])
    expect(results.has(staying)).toBe(false)
  })

  it('hear it when they waited too long for others, and those who waited for a batch hear that', async () => {
    const { submit, results, clock } = airport({ maxInFlight: 1 })
    for (const keys of [['ada'], ['ada'], ['bob']]) submit(keys)
    clock.nowMs = 10_000
    submit()
    await settle()
    expect(results).toEqual(
      new Map([
        [1, 'waited_for_its_key'],
        [2, 'waited_too_long'],
      ]),
    )
  })

  it('may be 50,000 of one person without slowing anybody down', async () => {
    const { submit, next, clock, results, coalescer } = airport({
      maxInFlight: 1,
      maxQueueItems: 200_000,
      maxBlockedItems: 100_000,
    })
    const startedMs = performance.now()
    for (let index = 0; index < 50_000; index++) submit(['ada'])
    const first = submit(['bob'])
    for (let index = 0; index < 500; index++) submit([`other ${index}`])
    await settle()
    for (let batch = 0; batch < 7; batch++) await next().land()
    expect(results.get(first)).toBe(`sent ${first}`)
    expect(results.get(1)).toBe('sent 1')
    clock.nowMs = 10_000
    await next().land() // all the rest is given back, one behind the other
    expect(coalescer.waiting).toBe(0)
    expect(results.size).toBe(50_501)
    expect(performance.now() - startedMs).toBeLessThan(20_000) // a queue that is searched takes minutes
  })
})

it.each([
  ['key_flooded', true],
  ['waited_for_its_key', true],
  ['queue_full', false],
  ['waited_too_long', false],
] as const)('tells whether %s comes of others of its key alone: %s', (reason, expected) => {
  expect(isOfItsKey(reason)).toBe(expected)
})

describe('suspects', () => {
  /** The results when one of several fails. */
  const failed = ({ items }: Flight) => items.map(({ id }, index) => `${index === 1 ? 'failed' : 'sent'} ${id}`)

  it('leave alone at first, and take nobody along who is none', async () => {
    const { submit, batches, next } = airport()
    submit()
    submit()
    for (let index = 0; index < 3; index++) submit([], 10, true)
    await settle()
    expect(batches()).toEqual([[0], [2]])
    await next().land()
    expect(batches()).toEqual([[0], [2], [1]])
    await next().land(['failed 2'])
    expect(batches()).toEqual([[0], [2], [1], [3]])
  })

  it('take no turn from the others: one of each leaves when a batch has come back', async () => {
    const { submit, batches, flying } = airport()
    submit()
    submit([], 10, true)
    submit([], 10, true)
    submit()
    await settle()
    await flying[0]?.land()
    submit()
    await flying[0]?.land()
    expect(batches()).toEqual([[0], [1], [3], [2], [4]])
  })

  it('leave in batches twice as large after each that did not fail, and alone after one that did', async () => {
    const { submit, batches, next } = airport({ maxItems: 5 })
    for (let index = 0; index < 20; index++) submit([], 10, true)
    await settle()
    for (let batch = 0; batch < 3; batch++) await next().land()
    await next().land(failed(next()))
    // It left before that one failed: its success says nothing.
    await next().land()
    await next().land()
    expect(batches().map((batch) => batch.length)).toEqual([1, 2, 4, 5, 5, 1, 2])
  })

  it('drain the backlog of an outage, where everybody is one, hardly slower than others', async () => {
    const [backlog, concurrency, latencyMs] = [10_000, 400, 200]
    const drained = async (suspect: boolean): Promise<number> => {
      const { submit, clock, flying, results } = airport()
      const landsAt = new Map<Flight, number>()
      for (let submitted = 0; results.size < backlog; ) {
        for (; submitted < backlog && submitted - results.size < concurrency; submitted++) submit([], 10, suspect)
        await settle()
        for (const flight of flying) landsAt.set(flight, landsAt.get(flight) ?? clock.nowMs + latencyMs)
        clock.advance(1)
        for (const flight of [...flying]) if (clock.nowMs >= (landsAt.get(flight) ?? 0)) await flight.land()
      }
      expect(new Set([...results.values()].map((result) => result.slice(0, 4)))).toEqual(new Set(['sent']))
      return clock.nowMs
    }
    const [suspects, others] = [await drained(true), await drained(false)]
    expect(others).toBeLessThanOrEqual((1.3 * backlog * latencyMs) / (LIMITS.maxItems * LIMITS.maxInFlight))
    expect(suspects).toBeLessThanOrEqual(1.3 * others)
  })

  it('share the only batch that there may be with the others', async () => {
    const { submit, batches, next } = airport({ maxInFlight: 1, maxItems: 1 })
    for (let index = 0; index < 3; index++) submit([], 10, true)
    for (let index = 0; index < 3; index++) submit()
    await settle()
    for (let batch = 0; batch < 5; batch++) await next().land()
    expect(batches()).toEqual([[0], [3], [1], [4], [2], [5]])
  })
})

describe('whatever happens', () => {
  const person = fc.constantFrom('ada', 'bob', 'eve')
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        submit: fc.uniqueArray(person, { maxLength: 2 }),
        bytes: fc.integer({ min: 1, max: 60 }),
        suspect: fc.boolean(),
      }),
    },
    { weight: 3, arbitrary: fc.record({ land: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ crash: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ waitMs: fc.integer({ min: 1, max: 30 }) }) },
  )

  it('every item gets its own result, within the limits, in order for each key and never two of one key at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const limits = {
          maxItems: 4,
          maxBytes: 100,
          maxItemBytes: 55,
          maxInFlight: 3,
          maxWaitMs: 50,
          maxQueueItems: 12,
          maxBlockedItems: 6,
        }
        const { submit, clock, flying, flown, results, coalescer } = airport(limits)
        const submitted: Item[] = []
        const check = (): void => {
          expect(flying.length).toBeLessThanOrEqual(limits.maxInFlight)
          expect(coalescer.waiting).toBeLessThanOrEqual(limits.maxQueueItems)
          const keys = flying.flatMap((flight) => flight.items.flatMap((item) => item.keys))
          expect(keys).toHaveLength(new Set(keys).size)
          if (coalescer.waiting > 0) expect(flying.length).toBeGreaterThan(0)
        }
        for (const now of steps) {
          if ('submit' in now)
            submitted.push({ ...now, id: submit(now.submit, now.bytes, now.suspect), keys: now.submit })
          if ('land' in now) await flying[now.land]?.land()
          if ('crash' in now) await flying[now.crash]?.crash(new Error('boom'))
          if ('waitMs' in now) clock.nowMs += now.waitMs
          await settle()
          check()
        }
        while (flying[0] !== undefined) {
          await flying[0].land()
          check()
        }
        await settle()
        expect(coalescer.waiting + coalescer.inFlight).toBe(0)

        const sent = flown.flatMap((flight) => flight.items)
        expect(new Set(sent.map((item) => item.id)).size).toBe(sent.length)
        for (const { items } of flown) {
          expect(items.length).toBeLessThanOrEqual(limits.maxItems)
          expect(items.reduce((sum, item) => sum + item.bytes, 0)).toBeLessThanOrEqual(limits.maxBytes)
        }
        for (const key of ['ada', 'bob', 'eve']) {
          const order = sent.filter((item) => item.keys.includes(key)).map((item) => item.id)
          expect(order).toEqual(order.toSorted((a, b) => a - b))
        }
        for (const { id, bytes } of submitted) {
          const possible = sent.some((item) => item.id === id)
            ? [`sent ${id}`, 'error: boom']
            : [
                bytes > limits.maxItemBytes ? `too large ${id}` : 'waited_too_long',
                'waited_for_its_key',
                'queue_full',
                'key_flooded',
              ]
          expect(possible).toContain(results.get(id))
        }
      }),
      { numRuns: 200 },
    )
  })
})
