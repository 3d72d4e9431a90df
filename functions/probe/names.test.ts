import type { Clock } from '../../shared/clock/index.ts'
import { inVirtualTime } from '../../shared/clock/testing/virtual-time.ts'
import type { NameRow, NameStore } from '../../shared/names/index.ts'
import { RateLimiter } from '../../shared/rate/index.ts'
import { type NamesOptions, refreshForAWhile } from './names.ts'

/** Refreshes in virtual time, against an App API of some hundred campaigns at the rate that pipeline.yaml gives the probe. */

const NOW_MS = Date.UTC(2026, 10, 26, 2, 2)
const BUDGET_MS = 60_000
const PER_SECOND = 0.8

function campaigns(length: number) {
  const asked: { path: string; atMs: number }[] = []
  const list = Array.from({ length }, (_, index) => ({ id: index + 1, name: `Campaign ${index + 1}` }))
  const lists: Record<string, unknown> = {
    '/newsletters': { newsletters: [] },
    '/transactional': { messages: [] },
    '/subscription_topics': { topics: [] },
    '/campaigns': { campaigns: list },
    '/broadcasts': { broadcasts: [] },
  }
  const lookUpAt = (clock: Clock): NamesOptions['lookUp'] => {
    const rate = new RateLimiter({ requestsPerSecond: PER_SECOND, clock, random: () => 0 })
    return async (path) => {
      const permit = await rate.acquire(5_000)
      if (!permit.ok) return { kind: 'retry', cause: 'busy', error: '' }
      permit.report({ kind: 'delivered' })
      asked.push({ path, atMs: clock.now() })
      return JSON.stringify(lists[path] ?? { actions: [{ id: 1, name: 'Mail' }] })
    }
  }
  return { asked, lookUpAt }
}

function store(): NameStore & { readonly rows: NameRow[] } {
  const rows: NameRow[] = []
  return {
    rows,
    listsRead: async () =>
      new Map(
        rows.flatMap(({ kind, id, name, fetched_at }) =>
          kind === 'list' ? [[id, { next: name, atMs: Date.parse(fetched_at) }]] : [],
        ),
      ),
    store: async (more) => {
      rows.push(...more)
    },
  }
}

const refresh = (options: (clock: Clock) => Omit<NamesOptions, 'clock' | 'budgetMs'>, startMs = NOW_MS) =>
  inVirtualTime((clock) => refreshForAWhile({ budgetMs: BUDGET_MS, clock, ...options(clock) }), startMs)

it('stops when its time is over, and the following messages go on until all are fetched, each list once', async () => {
  const { asked, lookUpAt } = campaigns(120)
  const names = store()
  const results: unknown[] = []
  for (let message = 0; message < 4; message++) {
    const { value, ms } = await refresh((clock) => ({ lookUp: lookUpAt(clock), names }), NOW_MS + message * 600_000)
    results.push(value)
    expect(ms).toBeLessThan(BUDGET_MS + 2_000)
  }
  expect(results).toEqual([
    { ok: true, isFinished: false, rows: expect.any(Number) },
    { ok: true, isFinished: false, rows: expect.any(Number) },
    { ok: true, isFinished: true, rows: expect.any(Number) },
    { ok: true, isFinished: true, rows: 0 },
  ])
  const actions = asked.map(({ path }) => path).filter((path) => path.endsWith('/actions'))
  expect(new Set(actions).size).toBe(120)
  expect(actions).toHaveLength(120)
  expect(names.rows.filter(({ kind }) => kind === 'action')).toHaveLength(120)
})

it("keeps within the probe's share of the rate", async () => {
  const { asked, lookUpAt } = campaigns(120)
  await refresh((clock) => ({ lookUp: lookUpAt(clock), names: store() }))
  expect(asked.length).toBeGreaterThan(40)
  for (const [index, { atMs }] of asked.entries())
    expect(atMs - NOW_MS).toBeGreaterThanOrEqual((index * 1_000) / PER_SECOND - 1)
})

it.each([
  ['http_401', { kind: 'retry', cause: 'configuration', error: '', httpStatus: 401 }],
  ['busy', { kind: 'retry', cause: 'busy', error: 'words' }],
] as const)('says %s when Customer.io does not answer, and keeps what it has', async (reason, outcome) => {
  const { lookUpAt } = campaigns(2)
  const names = store()
  const { value } = await refresh((clock) => {
    const lookUp = lookUpAt(clock)
    return { lookUp: async (path) => (path === '/campaigns/1/actions' ? outcome : lookUp(path)), names }
  })
  expect(value).toEqual({ ok: false, reason, rows: 7 })
  expect(names.rows).toHaveLength(7)
})

it.each([
  ['reads', 'listsRead', 0],
  ['stores', 'store', 0],
] as const)('waits no longer than a step for a table that never %s', async (_, method, rows) => {
  const { lookUpAt } = campaigns(2)
  const names = { ...store(), [method]: () => new Promise<never>(() => {}) }
  const { value, ms } = await refresh((clock) => ({ lookUp: lookUpAt(clock), names }))
  expect(value).toEqual({ ok: false, reason: 'timeout', rows })
  expect(ms).toBeLessThan(12_000)
})

it('says in a word that an answer is no list', async () => {
  const { value } = await refresh(() => ({ lookUp: async () => '<html>', names: store() }))
  expect(value).toEqual({ ok: false, reason: 'SyntaxError', rows: 0 })
})
