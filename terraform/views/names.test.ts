import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { startTestWarehouse, type TestWarehouse } from '../../scripts/testing/warehouse.ts'
import { readTopology } from '../../scripts/topology/topology.ts'
import { createNameStore } from '../../shared/names/index.ts'
import { columnsOfView, openPlans } from './bytes.ts'

/** Webhooks tell some things by id only. Each view that shows such an id shows the name from the table `names` beside it. */

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const AT = NOW_MS / 1000 - 1_000
const views = Object.keys(readTopology().bigquery.views)
const NAME_OF = { origin_id: 'origin_name', action_id: 'action_name', topic_id: 'topic_name' }

const queryOf = (view: string): string => readFileSync(join(import.meta.dirname, `${view}.sql`), 'utf8')

let plans: DuckDBConnection
let warehouse: TestWarehouse

beforeAll(async () => {
  ;[plans, warehouse] = await Promise.all([openPlans(), startTestWarehouse({ now: () => NOW_MS })])
})
afterAll(async () => {
  plans.closeSync()
  await warehouse.close()
})

it.each(views)('%s shows the name of each thing that it shows the id of', async (view) => {
  const columns = await columnsOfView(plans, view)
  const unnamed = Object.entries(NAME_OF).filter(([id, name]) => columns.includes(id) !== columns.includes(name))
  expect(unnamed).toEqual([])
})

it.each(['origin_names', 'action_names', 'topic_names'])('the views look %s up in one and the same way', (names) => {
  const written = views
    .map(queryOf)
    .filter((sql) => sql.includes(names))
    .map((sql) => [
      sql.match(new RegExp(`^(?:WITH )?(${names} AS \\(\\n(?: .*\\n)+\\),)$`, 'm'))?.[1],
      sql.match(new RegExp(`^LEFT JOIN ${names}\\b.*\\n(?:  ON .*\\n)?`, 'm'))?.[0],
    ])
  expect(written.length).toBeGreaterThan(0)
  for (const ways of written) expect(ways).toEqual([expect.any(String), expect.any(String)])
  expect(new Set(written.map((ways) => JSON.stringify(ways))).size).toBe(1)
})

describe('the names that were fetched', () => {
  const fetched_at = '2026-11-20T00:00:00.000Z'
  const BEFORE = '2026-11-19T00:00:00.000Z'

  /** An event of Ada's message `delivery_id`, of what `data` says. */
  const event = (metric: string, delivery_id: string, data: Record<string, unknown>, object_type = 'email') => ({
    ...{ event_id: `${object_type} ${metric} ${delivery_id}`, object_type, metric, timestamp: AT },
    data: { delivery_id, identifiers: { id: 'ada' }, recipient: 'ada@example.com', ...data },
  })

  beforeAll(async () => {
    await createNameStore(warehouse.bigquery, 'customerio').store([
      { kind: 'newsletter', id: '43', name: 'November', source: '/newsletters', fetched_at },
      { kind: 'newsletter', id: '43', name: 'an older name', source: '/newsletters', fetched_at: BEFORE },
      { kind: 'campaign', id: '43', name: 'not the newsletter', source: '/campaigns', fetched_at },
      { kind: 'transactional', id: '54', name: 'Receipt', source: '/transactional', fetched_at },
      { kind: 'campaign', id: '21', name: 'renamed since', source: '/campaigns', fetched_at },
      ...[21, 22].map((campaign) => ({
        ...({ kind: 'action', id: '211', name: `Mail of ${campaign}`, parent: `campaign/${campaign}` } as const),
        ...{ source: `/campaigns/${campaign}/actions`, fetched_at },
      })),
      { kind: 'topic', id: 'topic_7', name: 'News', source: '/subscription_topics', fetched_at },
    ])
    const origins = {
      newsletter: { newsletter_id: 43 },
      transactional: { transactional_message_id: 54 },
      campaign: { campaign_id: 21, campaign_name: 'as it was called', action_id: 211 },
      unknown: { newsletter_id: 99 },
    }
    const channels = ['email', 'push', 'sms', 'whatsapp', 'in_app', 'slack', 'webhook', 'customer', 'telepathy']
    await warehouse.receive(
      ...Object.entries(origins).flatMap(([origin, data]) => [
        ...channels.map((channel) => event('sent', `${channel} ${origin}`, data, channel)),
        event('clicked', `email ${origin}`, { ...data, href: 'https://shop.example.com/' }),
        event('bounced', `email ${origin}`, data),
      ]),
      {
        ...event('cio_subscription_preferences_changed', 'none', {}, 'customer'),
        data: { identifiers: { id: 'ada' }, content: JSON.stringify({ topics: { topic_7: true, topic_8: true } }) },
      },
    )
  })

  const SHOWN = [
    { origin: 'campaign', origin_id: 21, origin_name: 'as it was called', action_id: 211, action_name: 'Mail of 21' },
    { origin: 'newsletter', origin_id: 43, origin_name: 'November' },
    { origin: 'newsletter', origin_id: 99 },
    { origin: 'transactional', origin_id: 54, origin_name: 'Receipt' },
  ]
  const shown = (from: string) =>
    warehouse.query(`
      SELECT DISTINCT origin, origin_id, origin_name, action_id, action_name
      FROM customerio.${from} WHERE origin IS NOT NULL ORDER BY origin, origin_id`)

  it.each(views.filter((view) => /JOIN origin_names/.test(queryOf(view)) && !/message_outcomes/.test(queryOf(view))))(
    'stand in %s, after those of the webhook',
    async (view) => {
      expect(await shown(view)).toEqual(SHOWN)
    },
  )

  it.each([
    "person_timeline('ada', DATE '2026-11-21')",
    "message_funnel_between(DATE '2026-11-21', DATE '2026-11-21')",
    "message_rates(DATE '2026-11-21', DATE '2026-11-21')",
  ])('stand in %s', async (call) => {
    expect(await shown(call)).toEqual(SHOWN)
  })

  it.each(['current_subscriptions', "subscriptions_as_of(DATE '2026-11-21')"])('stand in %s', async (from) => {
    expect(
      await warehouse.query(
        `SELECT topic_id, topic_name FROM customerio.${from} WHERE topic_id IS NOT NULL ORDER BY topic_id`,
      ),
    ).toEqual([{ topic_id: 'topic_7', topic_name: 'News' }, { topic_id: 'topic_8' }])
  })

  it('are as old as data_freshness says', async () => {
    const sql = "SELECT newest_received_at FROM customerio.data_freshness WHERE source_table = 'names'"
    expect(await warehouse.query(sql)).toEqual([{ newest_received_at: fetched_at }])
  })
})
