import { startTestWarehouse, type TestWarehouse } from '../../scripts/testing/warehouse.ts'
import { createNameStore } from './bigquery.ts'
import { type NameRow, type NameStore, refreshNames } from './refresh.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const HOUR_MS = 3_600_000

const ANSWERS: Readonly<Record<string, unknown>> = {
  '/campaigns': { campaigns: [{ id: 21, name: 'Order shipped' }, { id: 22 }, 'none', { id: '23', name: 'Win back' }] },
  '/campaigns/21/actions': { actions: [{ id: '211', name: 'On its way' }], next: '' },
  '/campaigns/23/actions': { actions: null },
  '/broadcasts': { broadcasts: [{ id: 32, name: 'Price drop' }] },
  '/broadcasts/32/actions': { actions: [{ id: 321, name: 'Mail' }] },
  '/newsletters': { newsletters: [{ id: 43, name: 'November' }], next: 'a b' },
  '/newsletters?start=a%20b': { newsletters: [{ id: 44, name: 'December' }], next: null },
  '/transactional': { messages: [{ id: 54, name: 'Receipt' }] },
  '/subscription_topics': { topics: [{ id: 7, identifier: 'topic_7', name: 'News' }] },
}

/** A Customer.io that answers so, and a store in memory; `fails` is the path whose request fails. */
function world(answers = ANSWERS) {
  const asked: string[] = []
  const rows: NameRow[] = []
  let turns = 0
  let nowMs = NOW_MS
  let fails: string | undefined
  const names: NameStore = {
    freshSources: async (sinceMs) =>
      new Set(rows.filter((row) => Date.parse(row.fetched_at) >= sinceMs).map(({ source }) => source)),
    store: async (more) => {
      rows.push(...more)
    },
  }
  const refresh = () =>
    refreshNames({
      get: async (path) => {
        asked.push(path)
        if (path === fails) throw new Error('connection lost')
        return answers[path]
      },
      turn: async () => {
        turns += 1
      },
      names,
      nowMs: () => nowMs,
    })
  return {
    asked,
    rows,
    refresh,
    turns: () => turns,
    later: (ms: number) => {
      nowMs += ms
    },
    failAt: (path: string | undefined) => {
      fails = path
    },
  }
}

it('fetches every name, page by page, each request in its turn, and leaves out what has no name', async () => {
  const { asked, rows, refresh, turns } = world()
  expect(await refresh()).toEqual({ names: 9, skipped: 0 })
  expect(asked.toSorted()).toEqual(Object.keys(ANSWERS).toSorted())
  expect(turns()).toBe(asked.length)
  expect(
    rows.map(({ kind, id, name, parent }) => `${kind} ${id} ${name}${parent === undefined ? '' : ` of ${parent}`}`),
  ).toEqual([
    'campaign 21 Order shipped',
    'campaign 23 Win back',
    'action 211 On its way of campaign/21',
    'broadcast 32 Price drop',
    'action 321 Mail of broadcast/32',
    'newsletter 43 November',
    'newsletter 44 December',
    'transactional 54 Receipt',
    'topic topic_7 News',
  ])
})

it('goes on where it was stopped, and asks everything again on the next day', async () => {
  const { asked, rows, refresh, failAt, later } = world()
  failAt('/newsletters?start=a%20b')
  await expect(refresh()).rejects.toThrow('connection lost')
  expect(rows.map(({ kind }) => kind)).not.toContain('newsletter') // half a list is no list
  failAt(undefined)
  asked.length = 0
  later(HOUR_MS)
  expect(await refresh()).toEqual({ names: 4, skipped: 2 })
  expect(asked).not.toContain('/campaigns/21/actions')
  later(21 * HOUR_MS)
  expect(await refresh()).toEqual({ names: 9, skipped: 0 })
})

it.each([
  ['an error', { meta: { error: 'Unauthorized request' } }],
  ['no object', 'not JSON'],
])('says which list it could not read when the answer is %s', async (_, answer) => {
  await expect(world({ ...ANSWERS, '/broadcasts': answer }).refresh()).rejects.toThrow(
    "Customer.io's answer to /broadcasts is no list of broadcasts",
  )
})

it('does not follow pages that lead in a circle', async () => {
  const circle = { newsletters: [], next: 'again' }
  const { refresh, asked } = world({ ...ANSWERS, '/newsletters': circle, '/newsletters?start=again': circle })
  await refresh()
  expect(asked.filter((path) => path.startsWith('/newsletters'))).toHaveLength(2)
})

describe('in the warehouse', () => {
  let warehouse: TestWarehouse
  beforeAll(async () => {
    warehouse = await startTestWarehouse({ now: () => NOW_MS })
  })
  afterAll(() => warehouse.close())

  it('message_funnel shows the newest name of what webhooks do not name', async () => {
    const store = createNameStore(warehouse.bigquery, 'customerio')
    const row = { kind: 'newsletter', id: '43', source: '/newsletters' } as const
    await store.store([
      { ...row, name: 'New name', fetched_at: '2026-11-20T00:00:00.000Z' },
      { ...row, name: 'Old name', fetched_at: '2026-11-19T00:00:00.000Z' },
    ])
    const sent = { event_id: 'e1', object_type: 'email', metric: 'sent', timestamp: NOW_MS / 1000 }
    await warehouse.receive(
      { ...sent, data: { newsletter_id: 43, delivery_id: 'd1' } },
      { ...sent, event_id: 'e2', data: { newsletter_id: 44, delivery_id: 'd2' } },
    )
    expect(
      await warehouse.query('SELECT origin_id, origin_name, sent FROM customerio.message_funnel ORDER BY origin_id'),
    ).toEqual([
      { origin_id: 43, origin_name: 'New name', sent: 1 },
      { origin_id: 44, sent: 1 },
    ])
    expect(await store.freshSources(Date.UTC(2026, 10, 20))).toEqual(new Set(['/newsletters']))
    expect(await store.freshSources(Date.UTC(2026, 10, 21))).toEqual(new Set())
  })
})
