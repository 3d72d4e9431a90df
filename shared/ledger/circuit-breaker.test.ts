import { manualClock } from '../clock/testing/manual-clock.ts'
import type { CallOutcome, Retry } from '../outcome/index.ts'
import { CircuitBreaker, type CircuitBreakerOptions } from './circuit-breaker.ts'
import type { ReadyToSend } from './ready.ts'

const SENT: CallOutcome = { kind: 'delivered' }
const UNCERTAIN: CallOutcome = { kind: 'uncertain', error: 'HTTP 502', httpStatus: 502 }
const THROTTLED: Retry = { kind: 'retry', cause: 'transient', error: 'HTTP 429', httpStatus: 429 }
const BUSY = { kind: 'retry', cause: 'busy', error: expect.stringMatching(/^sends pause/) }

/** Pauses last exactly as long as they can at most. */
function setUp(options: Partial<CircuitBreakerOptions> = {}) {
  const clock = manualClock()
  const state = { probes: 0, sends: 0, cancelled: 0, probeAnswer: SENT, changes: [] as unknown[] }
  const breaker = new CircuitBreaker({
    clock,
    random: () => 1,
    probe: async () => {
      state.probes++
      return state.probeAnswer
    },
    onChange: (change) => state.changes.push(change),
    ...options,
  })
  const prepared = (answer: CallOutcome | Promise<CallOutcome>) => async (): Promise<ReadyToSend> => ({
    send: async () => {
      state.sends++
      return await answer
    },
    cancel: () => {
      state.cancelled++
    },
  })
  return {
    state,
    breaker,
    prepared,
    pass: clock.advance,
    clock,
    /** One message: what it is told, and whether it was sent. */
    send: async (answer: CallOutcome | Promise<CallOutcome>): Promise<CallOutcome> => {
      const admitted = await breaker.admit(prepared(answer))
      return 'send' in admitted ? await admitted.send() : admitted
    },
  }
}

it('lets all go while their answers are certain, whatever they say, and probes nothing', async () => {
  const { send, state } = setUp()
  for (const answer of [SENT, THROTTLED, { kind: 'refused', reason: 'refused', error: '' } as const, SENT]) {
    expect(await send(answer)).toBe(answer)
  }
  expect(state).toMatchObject({ sends: 4, probes: 0, changes: [] })
})

it('pauses after one uncertain answer, and sends nothing until a probe is answered', async () => {
  const { send, state, pass } = setUp()
  expect(await send(UNCERTAIN)).toBe(UNCERTAIN)
  expect(await send(SENT)).toMatchObject({ ...BUSY, retryAfterMs: 1_000 })
  state.probeAnswer = UNCERTAIN
  pass(1_000)
  expect(await send(SENT)).toMatchObject(BUSY)
  expect(state).toMatchObject({ sends: 1, probes: 1 })
  expect(await send(SENT)).toMatchObject(BUSY)
  expect(state.probes).toBe(1)
})

it('sends one alone after an answered probe, and the others only when it succeeds', async () => {
  const { send, state, pass, breaker, prepared } = setUp()
  await send(UNCERTAIN)
  pass(1_000)
  const answer = Promise.withResolvers<CallOutcome>()
  const alone = await breaker.admit(prepared(answer.promise))
  expect(await send(SENT)).toMatchObject({ ...BUSY, retryAfterMs: 0 })
  const outcome = 'send' in alone ? alone.send() : undefined
  expect(await send(SENT)).toMatchObject(BUSY)
  answer.resolve(SENT)
  expect(await outcome).toBe(SENT)
  expect(await send(SENT)).toBe(SENT)
  expect(state).toMatchObject({ sends: 3, probes: 1, changes: [{ kind: 'paused', ms: 1_000 }, { kind: 'resumed' }] })
})

it('doubles the pause with each send that fails after an answered probe, up to five minutes', async () => {
  const { send, state, pass } = setUp()
  await send(UNCERTAIN)
  for (const ms of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
    pass(ms * 1_000 - 1)
    expect(await send(SENT)).toMatchObject(BUSY)
    pass(1)
    expect(await send(UNCERTAIN)).toBe(UNCERTAIN)
  }
  expect(state.sends).toBe(12)
})

it('probes at least every ten seconds while probes fail, so that the end of an outage is noticed soon', async () => {
  const { send, state, pass } = setUp()
  await send(UNCERTAIN)
  state.probeAnswer = UNCERTAIN
  pass(1_000)
  for (const ms of [1, 2, 4, 8, 10, 10]) {
    const { probes } = state
    expect(await send(SENT)).toMatchObject(BUSY)
    expect(state.probes).toBe(probes + 1)
    pass(ms * 1_000 - 1)
    await send(SENT)
    expect(state.probes).toBe(probes + 1)
    pass(1)
  }
  state.probeAnswer = SENT
  expect(await send(SENT)).toBe(SENT)
})

it('doubles a pause that is needed again sooner than it lasted, and starts from the shortest after a longer calm', async () => {
  const { send, state, pass } = setUp()
  const failAndReturn = async (calmMs: number, pauseMs: number): Promise<void> => {
    pass(calmMs)
    await send(UNCERTAIN)
    expect(state.changes.at(-1)).toEqual({ kind: 'paused', ms: pauseMs })
    pass(pauseMs)
    expect(await send(SENT)).toBe(SENT)
  }
  await failAndReturn(0, 1_000)
  await failAndReturn(999, 2_000)
  await failAndReturn(1_999, 4_000)
  await failAndReturn(4_000, 1_000)
})

it('takes those under way at the beginning of an outage for one failure', async () => {
  const { breaker, prepared, state } = setUp()
  const answer = Promise.withResolvers<CallOutcome>()
  const admitted = await Promise.all(Array.from({ length: 3 }, () => breaker.admit(prepared(answer.promise))))
  const outcomes = admitted.map((each) => ('send' in each ? each.send() : each))
  answer.resolve(UNCERTAIN)
  await Promise.all(outcomes)
  expect(state.changes).toEqual([{ kind: 'paused', ms: 1_000 }])
})

it('does not send what was admitted before a pause that has begun since, and gives its turn back', async () => {
  const { breaker, prepared, send, state } = setUp()
  const waiting = await breaker.admit(prepared(SENT))
  await send(UNCERTAIN)
  expect('send' in waiting && (await waiting.send())).toMatchObject(BUSY)
  expect(state).toMatchObject({ sends: 1, cancelled: 1 })
})

it.each<[string, (scene: ReturnType<typeof setUp>) => Promise<unknown>]>([
  [
    'is cancelled',
    async ({ breaker, prepared }) => {
      const admitted = await breaker.admit(prepared(SENT))
      if ('send' in admitted) admitted.cancel()
    },
  ],
  ['cannot be prepared', ({ breaker }) => breaker.admit(async () => THROTTLED)],
  ['is certainly not sent', ({ send }) => send(THROTTLED)],
  [
    'cannot be prepared for an unknown reason',
    ({ breaker }) => breaker.admit(() => Promise.reject(new Error('unknown'))).catch(() => {}),
  ],
])('lets the next one try when the one that was to go alone %s', async (_, tryOut) => {
  const scene = setUp()
  await scene.send(UNCERTAIN)
  scene.pass(1_000)
  await tryOut(scene)
  scene.pass(1_000)
  expect(await scene.send(SENT)).toBe(SENT)
  expect(await scene.send(SENT)).toBe(SENT)
})

it.each<[string, (scene: ReturnType<typeof setUp>) => Promise<unknown>]>([
  ['cannot be prepared', ({ breaker }) => breaker.admit(async () => THROTTLED)],
  ['is certainly not sent', ({ send }) => send(THROTTLED)],
])('probes again only later when the one that was to go alone %s', async (_, tryOut) => {
  const scene = setUp()
  await scene.send(UNCERTAIN)
  scene.pass(1_000)
  await tryOut(scene)
  expect(await scene.send(SENT)).toMatchObject({ ...BUSY, retryAfterMs: 1_000 })
  expect(scene.state.probes).toBe(1)
})

it('takes a call that throws for uncertain', async () => {
  const { breaker, send } = setUp()
  const admitted = await breaker.admit(async () => ({ send: () => Promise.reject(new TypeError()), cancel: () => {} }))
  expect('send' in admitted && (await admitted.send())).toEqual({
    kind: 'uncertain',
    error: 'the call failed: TypeError',
  })
  expect(await send(SENT)).toMatchObject(BUSY)
})

it('takes a probe that is not answered within three seconds for failed', async () => {
  const { send, state, pass, clock } = setUp({
    probe: () => {
      state.probes++
      return new Promise(() => {})
    },
  })
  await send(UNCERTAIN)
  pass(1_000)
  const outcome = send(SENT)
  expect(clock.pending).toEqual([3_000])
  pass(3_000)
  expect(await outcome).toMatchObject(BUSY)
  expect(state).toMatchObject({ sends: 1, probes: 1 })
})

it('takes a probe that cannot be made for failed', async () => {
  const { send, state, pass } = setUp({ probe: () => Promise.reject(new Error('no connection')) })
  await send(UNCERTAIN)
  pass(1_000)
  expect(await send(SENT)).toMatchObject(BUSY)
  expect(state.sends).toBe(1)
})

it('lets all go again when the one that went alone is refused: somebody is there and reads', async () => {
  const { send, pass, state } = setUp()
  await send(UNCERTAIN)
  pass(1_000)
  await send({ kind: 'refused', reason: 'refused', error: 'HTTP 400' })
  expect(await send(SENT)).toBe(SENT)
  expect(state.changes.at(-1)).toEqual({ kind: 'resumed' })
})

it('gives the turn back of one that is cancelled after an answered probe', async () => {
  const { breaker, prepared, send, pass, state } = setUp()
  await send(UNCERTAIN)
  pass(1_000)
  const alone = await breaker.admit(prepared(SENT))
  if ('send' in alone) alone.cancel()
  expect(state).toMatchObject({ sends: 1, cancelled: 1 })
})

it('hands back what cannot be prepared, and pauses for nothing that was never sent', async () => {
  const { breaker, send, state } = setUp()
  expect(await breaker.admit(async () => THROTTLED)).toBe(THROTTLED)
  expect(await send(SENT)).toBe(SENT)
  expect(state.changes).toEqual([])
})

it('works where nobody wants to be told of pauses', async () => {
  const clock = manualClock()
  const breaker = new CircuitBreaker({ clock, random: () => 0, probe: async () => SENT })
  const sendOf = async (answer: CallOutcome) => {
    const admitted = await breaker.admit(async () => ({ send: async () => answer, cancel: () => {} }))
    return 'send' in admitted ? await admitted.send() : admitted
  }
  await sendOf(UNCERTAIN)
  expect(await sendOf(SENT)).toMatchObject({ retryAfterMs: 500 }) // at least half of the pause
  clock.advance(500)
  expect(await sendOf(SENT)).toBe(SENT)
})

it('lets only few go while one waits too long for its answer, so that a host that hangs does not get all', async () => {
  const { send, breaker, state, pass } = setUp()
  pass(60_000)
  const hanging = Promise.withResolvers<CallOutcome>()
  const slow = send(hanging.promise)
  const early = Array.from({ length: 3 }, () => send(hanging.promise))
  await new Promise(setImmediate)
  pass(1_000)
  expect(await send(SENT)).toBe(SENT) // not too long yet
  pass(1)
  const { cancelled } = state
  expect(await breaker.admit(() => Promise.reject(new Error('nothing is prepared')))).toMatchObject(BUSY)
  expect(state.cancelled).toBe(cancelled)
  hanging.resolve(SENT)
  await Promise.all([slow, ...early])
  expect(state.changes).toEqual([])
})

it('holds those back that were admitted before one waited too long', async () => {
  const { send, state, pass } = setUp()
  const hanging = Promise.withResolvers<CallOutcome>()
  const slow = send(hanging.promise)
  await new Promise(setImmediate)
  pass(1_001)
  const besides = Promise.withResolvers<CallOutcome>()
  const others = Array.from({ length: 6 }, () => send(besides.promise))
  await new Promise(setImmediate)
  besides.resolve(SENT)
  expect((await Promise.all(others)).map(({ kind }) => kind)).toEqual([
    ...Array(3).fill('delivered'),
    ...Array(3).fill('retry'),
  ])
  expect(state.cancelled).toBe(3)
  expect(await send(SENT)).toBe(SENT)
  hanging.resolve(SENT)
  await slow
  expect(state.changes).toEqual([])
})
