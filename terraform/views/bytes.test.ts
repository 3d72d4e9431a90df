import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { readTopology } from '../../scripts/topology/topology.ts'
import { bytesTable, openPlans, readingsOf, sharesOf, withBytes } from './bytes.ts'

let plans: DuckDBConnection
beforeAll(async () => {
  plans = await openPlans()
})
afterAll(() => plans.closeSync())

const views = Object.keys(readTopology().bigquery.views)
const CHANNEL_VIEWS = views.filter((name) => name.endsWith('_events'))
const reading = async (query: string) => {
  const [found] = await readingsOf(plans, query)
  if (found === undefined) throw new Error(`no table is read by ${query}`)
  return found
}

it.each(CHANNEL_VIEWS)(
  '%s reads data only when it is asked for, 11 % for a count by metric, and a filter on time reaches its table',
  async (view) => {
    const counted = await reading(`SELECT metric, COUNT(*) FROM customerio.${view} GROUP BY metric`)
    expect(counted.columns).not.toContain('data')
    const shares = sharesOf('webhook_events')
    const read = counted.columns.reduce((sum, column) => sum + (shares.get(column) ?? 0), 0)
    expect(read).toBeLessThanOrEqual(0.11)
    expect((await reading(`SELECT data FROM customerio.${view}`)).columns).toContain('data')
    const filtered = `SELECT data FROM customerio.${view} WHERE timestamp >= '2026-11-01' AND metric = 'opened'`
    expect((await reading(filtered)).prunes).toBe(true)
  },
)

it('sees a filter that does not reach the table, and one that reaches it as a date', async () => {
  const timeline = "SELECT * FROM customerio.delivery_timeline WHERE timestamp >= '2026-11-01'"
  expect((await reading(timeline)).prunes).toBe(false)
  const domains = "SELECT * FROM customerio.deliverability_by_domain WHERE day >= '2026-11-01'"
  expect((await reading(domains)).prunes).toBe(true)
})

it.each(views.filter((name) => !CHANNEL_VIEWS.includes(name)))('%s never reads data', async (view) => {
  for (const { columns } of await readingsOf(plans, `SELECT * FROM customerio.${view}`))
    expect(columns).not.toContain('data')
})

it('the shares of the columns add up to the table', () => {
  const sum = [...sharesOf('webhook_events').values()].reduce((total, share) => total + share, 0)
  expect(sum).toBeCloseTo(1, 9)
})

it('the README shows what the queries read now', async () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  expect(withBytes(readme, await bytesTable(plans))).toBe(readme)
  expect(() => withBytes('# Views', '')).toThrow('lacks the lines')
})
