import { startTestWarehouse } from '../../scripts/testing/warehouse.ts'
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

/** A Customer.io that answers so, and a store in memory; `fails` is the path whose request fails, or says of each whether it does. */
function world(answers = ANSWERS) {
  const asked: string[] = []
  const rows: NameRow[] = []
  let turns = 0
  let nowMs = NOW_MS
  let fails: string | undefined | (() => boolean)
  const names: NameStore = {
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
  const refresh = () =>
    refreshNames({
      get: async (path) => {
        const stops = typeof fails === 'function' ? fails() : path === fails
        if (stops) throw new Error('connection lost')
        asked.push(path)
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
    failAt: (what: typeof fails) => {
      fails = what
    },
  }
}

it('fetches every name, page by page, each request in its turn, and leaves out what has no name', async () => {
  const { asked, rows, refresh, turns } = world()
  expect(await refresh()).toEqual({ names: 9, skipped: 0 })
  expect(asked.toSorted()).toEqual(Object.keys(ANSWERS).toSorted())
  expect(turns()).toBe(asked.length)
  expect(
    rows.flatMap(({ kind, id, name, parent }) =>
      kind === 'list' ? [] : [`${kind} ${id} ${name}${parent === undefined ? '' : ` of ${parent}`}`],
    ),
  ).toEqual([
    'newsletter 43 November',
    'newsletter 44 December',
    'transactional 54 Receipt',
    'topic topic_7 News',
    'campaign 21 Order shipped',
    'campaign 23 Win back',
    'broadcast 32 Price drop',
    'action 211 On its way of campaign/21',
    'action 321 Mail of broadcast/32',
  ])
})

it('goes on where it was stopped, and asks everything again on the next day', async () => {
  const { asked, rows, refresh, failAt, later } = world()
  failAt('/newsletters?start=a%20b')
  await expect(refresh()).rejects.toThrow('connection lost')
  expect(rows.map(({ id }) => id)).toEqual(['43', '/newsletters'])
  failAt(undefined)
  asked.length = 0
  later(HOUR_MS)
  failAt('/campaigns/23/actions')
  await expect(refresh()).rejects.toThrow('connection lost')
  expect(asked.slice(0, 3)).toEqual(['/newsletters?start=a%20b', '/transactional', '/subscription_topics'])
  failAt(undefined)
  asked.length = 0
  expect(await refresh()).toEqual({ names: 1, skipped: 4 })
  expect(asked).toEqual(['/campaigns', '/broadcasts', '/campaigns/23/actions', '/broadcasts/32/actions'])
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

it('begins with the actions whose names are oldest, so that a time too short for all of them leaves nobody out', async () => {
  const campaigns = Array.from({ length: 6 }, (_, index) => ({ id: index + 1, name: `Campaign ${index + 1}` }))
  const answers = Object.fromEntries(campaigns.map(({ id }) => [`/campaigns/${id}/actions`, { actions: [] }]))
  const { asked, refresh, failAt, later } = world({ ...ANSWERS, ...answers, '/campaigns': { campaigns } })
  const read = new Set<string>()
  for (let day = 1; day <= 3; day++) {
    asked.length = 0
    // On each day there is time for two lists of actions, and no time for a third.
    const third = () => asked.filter((path) => path.endsWith('/actions')).length === 2
    failAt(third)
    await expect(refresh()).rejects.toThrow('connection lost')
    for (const path of asked.filter((each) => each.endsWith('/actions')).slice(0, 2)) read.add(path)
    later(24 * HOUR_MS)
  }
  expect([...read]).toEqual(Object.keys(answers))
})

it('the table tells how far each list was read, by its newest row', async () => {
  const warehouse = await startTestWarehouse({ now: () => NOW_MS })
  const store = createNameStore(warehouse.bigquery, 'customerio')
  const row = (name: string, fetched_at: string) =>
    ({ kind: 'list', id: '/newsletters', name, source: '/newsletters', fetched_at }) as const
  expect(await store.listsRead()).toEqual(new Map())
  await store.store([
    row('', '2026-11-20T00:00:00.000Z'),
    row('page 2', '2026-11-21T00:00:00.000Z'),
    { kind: 'newsletter', id: '43', name: 'November', source: '/newsletters', fetched_at: '2026-11-21T00:00:00.000Z' },
  ])
  expect(await store.listsRead()).toEqual(new Map([['/newsletters', { next: 'page 2', atMs: Date.UTC(2026, 10, 21) }]]))
  await warehouse.close()
})
