import { NAME_LISTS } from '../../../shared/names/index.ts'
import { startTestWarehouse, type TestWarehouse } from '../../testing/warehouse.ts'
import { readTopology } from '../../topology/topology.ts'
import type { Context } from '../context.ts'
import { examineNames } from './names.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const HOUR_MS = 3_600_000
let warehouse: TestWarehouse
beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: () => NOW_MS })
})
afterAll(() => warehouse.close())
beforeEach(() => warehouse.clear())

const examine = () => {
  const connection = { topology: readTopology(), bigquery: async () => warehouse.bigquery }
  return examineNames({ connection: connection as unknown as Context['connection'], now: () => NOW_MS })
}
/** A list that was read so many hours ago: to its end, or up to a page. */
const read = (id: string, hours: number, next = '') =>
  warehouse.store({
    table: 'names',
    json: { kind: 'list', id, name: next, source: id, fetched_at: new Date(NOW_MS - hours * HOUR_MS).toISOString() },
  })

it('asks for nothing where names were never fetched', async () => {
  await read('/campaigns/21/actions', 1)
  expect(await examine()).toMatchObject([{ area: 'names', state: 'skipped', fix: 'npx cio-gcp names' }])
})

it('is content when every list was read to its end within three days', async () => {
  for (const list of NAME_LISTS) await read(list, 90)
  for (const [index, list] of NAME_LISTS.entries()) await read(list, 30 + index)
  expect(await examine()).toEqual([{ area: 'names', state: 'ok', note: `every list was fetched within 1 d 10 h` }])
})

it('names the lists that are old, that were never read, and that no night came to the end of', async () => {
  const [old = '', unread = '', stuck = '', ...others] = NAME_LISTS
  for (const list of others) await read(list, 1)
  await read(old, 73)
  await read(stuck, 100)
  await read(stuck, 1, 'page 2')
  expect(await examine()).toMatchObject([
    {
      ...{ area: 'names', state: 'warning' },
      note: `the views show old names. Last fetched: ${old} 3 d 1 h ago, ${unread} never, ${stuck} 4 d 4 h ago`,
      fix: expect.stringContaining('npx cio-gcp names'),
    },
  ])
})

describe('the lists of actions', () => {
  const campaign = (id: string, hours: number) =>
    warehouse.store({
      table: 'names',
      json: {
        ...{ kind: 'campaign', id, name: `Campaign ${id}`, source: '/campaigns' },
        fetched_at: new Date(NOW_MS - hours * HOUR_MS).toISOString(),
      },
    })
  beforeEach(async () => {
    for (const list of NAME_LISTS) await read(list, 1)
  })

  it('are old when no night came to the end of them, and when they were never read', async () => {
    for (const id of ['1', '2', '3']) for (const hours of [100, 1]) await campaign(id, hours)
    await read('/campaigns/1/actions', 2)
    await read('/campaigns/2/actions', 80)
    await read('/campaigns/2/actions', 1, 'page 2')
    expect(await examine()).toMatchObject([
      {
        ...{ area: 'names', state: 'warning' },
        note: 'the views show old names. Last fetched: 2 lists of actions, up to 4 d 4 h ago',
      },
    ])
  })

  it('are as they should be for a campaign that is new, and for one that is gone', async () => {
    await campaign('1', 30)
    await campaign('1', 1)
    await campaign('gone', 200)
    await read('/campaigns/gone/actions', 190)
    expect(await examine()).toMatchObject([{ state: 'ok' }])
  })
})
