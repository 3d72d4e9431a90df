import { startTestWarehouse, type TestWarehouse } from '../../scripts/testing/warehouse.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const AT = Date.UTC(2026, 10, 2, 9) / 1000
const iso = (second: number): string => new Date((AT + second) * 1000).toISOString()

let warehouse: TestWarehouse
let sequence = 0

beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: () => NOW_MS })
})
afterAll(() => warehouse.close())
beforeEach(async () => {
  sequence = 0
  await warehouse.clear()
})

/** A webhook of campaign 21's e-mail to Ada, `second` seconds after the start. */
function event(metric: string, second: number, more: Record<string, unknown> = {}, object_type = 'email') {
  const data = { campaign_id: 21, campaign_name: 'Order shipped', action_id: 211, delivery_id: 'd1', ...more }
  return { event_id: `event-${++sequence}`, object_type, metric, timestamp: AT + second, data }
}

/** Stores events, and each of them a second time as a webhook that Customer.io repeats would be. */
async function receiveTwice(...events: readonly unknown[]): Promise<void> {
  await warehouse.receive(...events)
  const rows = await warehouse.query('SELECT * FROM customerio.webhook_events')
  await warehouse.store(...rows.map((json) => ({ table: 'webhook_events' as const, json })))
}

const OF_CAMPAIGN = {
  origin: 'campaign',
  origin_id: 21,
  origin_name: 'Order shipped',
  action_id: 211,
  channel: 'email',
}

it('link_clicks counts clicks and messages per link, whatever names the person in its address', async () => {
  const HREF = 'https://shop.example.com/orders'
  await receiveTwice(
    event('clicked', 0, { href: `${HREF}?person=ada`, link_id: 3 }),
    event('clicked', 9, { href: `${HREF}?person=ada#again`, link_id: 3 }),
    event('clicked', 5, { href: `${HREF}?person=bob`, link_id: 3, delivery_id: 'd2' }),
    event('clicked', 6, { href: `${HREF}?person=eve`, link_id: 3, delivery_id: 'd3', machine: true }),
    event('clicked', 7, { href: 'https://shop.example.com/help', link_id: 4 }),
    event('opened', 8, { href: HREF }),
  )
  expect(await warehouse.query('SELECT * FROM customerio.link_clicks ORDER BY link_id')).toEqual([
    {
      ...{ ...OF_CAMPAIGN, link_id: 3, address: HREF, clicks_by_people: 3, clicks_by_machines: 1, messages_clicked: 2 },
      ...{ first_clicked_at: iso(0), last_clicked_at: iso(9) },
    },
    {
      ...{ ...OF_CAMPAIGN, link_id: 4, address: 'https://shop.example.com/help' },
      ...{ clicks_by_people: 1, clicks_by_machines: 0, messages_clicked: 1 },
      ...{ first_clicked_at: iso(7), last_clicked_at: iso(7) },
    },
  ])
})

it('deliverability_by_domain names the domain of the recipient and the codes of the answer', async () => {
  const bounced = (recipient: string, failure_message: string) => event('bounced', 0, { recipient, failure_message })
  await receiveTwice(
    event('sent', 0, { recipient: 'ada@example.com' }),
    event('sent', 1, { recipient: 'Bob <bob@EXAMPLE.com>' }),
    bounced('ada@example.com', '550 5.1.1 No such mailbox'),
    bounced('eve@example.org', 'smtp; 421-4.7.0 Try again later'),
    bounced('eve@example.org', 'the address 10.255.1.1 does not answer'),
    event('deferred', 86_400, { recipient: 'ada@example.com', failure_message: 'Greylisted (451)' }),
    event('opened', 2, { recipient: 'ada@example.com' }),
    event('bounced', 0, { recipient: '+447700900001' }, 'sms'),
  )
  const sql = 'SELECT * FROM customerio.deliverability_by_domain ORDER BY day, domain, metric, smtp_code'
  expect(await warehouse.query(sql)).toEqual([
    {
      day: '2026-11-02',
      domain: 'example.com',
      metric: 'bounced',
      smtp_code: '550',
      enhanced_code: '5.1.1',
      events: 1,
    },
    { day: '2026-11-02', domain: 'example.com', metric: 'sent', events: 2 },
    { day: '2026-11-02', domain: 'example.org', metric: 'bounced', events: 1 },
    {
      day: '2026-11-02',
      domain: 'example.org',
      metric: 'bounced',
      smtp_code: '421',
      enhanced_code: '4.7.0',
      events: 1,
    },
    { day: '2026-11-03', domain: 'example.com', metric: 'deferred', smtp_code: '451', events: 1 },
  ])
})

it('data_freshness tells the newest row of each table and object type', async () => {
  expect(await warehouse.query('SELECT * FROM customerio.data_freshness')).toEqual([])
  await warehouse.receive(event('sent', 0), event('opened', 60), event('unsubscribed', 5, {}, 'customer'), 'no event')
  const received = { newest_received_at: new Date(NOW_MS).toISOString() }
  expect(await warehouse.query('SELECT * FROM customerio.data_freshness ORDER BY source_table, object_type')).toEqual([
    { source_table: 'webhook_events', object_type: 'customer', newest_event_at: iso(5), ...received },
    { source_table: 'webhook_events', object_type: 'email', newest_event_at: iso(60), ...received },
    { source_table: 'webhook_quarantine', ...received },
  ])
  await warehouse.receive(event('unsubscribed', 7, { identifiers: { id: 'ada' } }, 'customer'))
  expect(
    await warehouse.query("SELECT * FROM customerio.data_freshness WHERE source_table = 'subscription_changes'"),
  ).toEqual([{ source_table: 'subscription_changes', newest_event_at: iso(7), ...received }])
})

it('time_to_open counts messages by the time to their first open by a person', async () => {
  await receiveTwice(
    ...['d1', 'd2', 'd3', 'd4', 'd5'].map((delivery_id) => event('sent', 0, { delivery_id })),
    event('opened', 5, { prefetched: true }),
    event('opened', 600),
    event('opened', 90_000),
    event('opened', 3_601, { delivery_id: 'd2' }),
    event('opened', 300_000, { delivery_id: 'd3' }),
    event('opened', -1, { delivery_id: 'd4' }), // before its send, by the clocks of two systems
    event('opened', 1, { delivery_id: 'whose send is not in the table' }),
  )
  expect(await warehouse.query('SELECT * FROM customerio.time_to_open')).toEqual([
    {
      ...{ sent_on: '2026-11-02', ...OF_CAMPAIGN, sent: 5, opened: 4, within_10_minutes: 2, within_1_hour: 2 },
      ...{ within_1_day: 3, within_3_days: 3, seconds_to_open: 304_201 },
    },
  ])
})
