import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { translate } from '../../scripts/emulators/bigquery/dialect.ts'
import { deliveryIdOf, recentWebhookSamples, ulidOf } from '../../scripts/emulators/customerio/samples/index.ts'
import { startTestWarehouse, type TestWarehouse } from '../../scripts/testing/warehouse.ts'
import { readTopology } from '../../scripts/topology/topology.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const samples = recentWebhookSamples()

function sample(name: string) {
  const found = samples.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no sample ${name}`)
  return found.event
}
const isoOf = (name: string): string => new Date(sample(name).timestamp * 1000).toISOString()

let warehouse: TestWarehouse

beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: () => NOW_MS })
})
afterAll(() => warehouse.close())
beforeEach(() => warehouse.clear())

/** Stores every event again, as a webhook that Customer.io repeats after a day would be: later, and with no insert id known. */
async function repeatEverything(): Promise<void> {
  const received_at = new Date(NOW_MS + 86_400_000).toISOString()
  const rows = await warehouse.query('SELECT * FROM customerio.webhook_events')
  await warehouse.store(...rows.map((row) => ({ table: 'webhook_events' as const, json: { ...row, received_at } })))
}

describe('the files', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.sql'))

  it('are the views of pipeline.yaml', () => {
    const { views } = readTopology().bigquery
    expect(files.toSorted()).toEqual(
      Object.keys(views)
        .map((name) => `${name}.sql`)
        .toSorted(),
    )
    for (const [name, { query }] of Object.entries(views)) expect(query).toBe(`views/${name}.sql`)
  })

  it.each(files)('%s is one SELECT on tables of the dataset alone', (name) => {
    const sql = readFileSync(join(import.meta.dirname, name), 'utf8')
    const named = sql.replaceAll(`\${dataset}`, 'a-project.a_dataset')
    expect(translate(named, { written: ({ table }) => table }).kind).toBe('SELECT')
    expect(sql.match(/`[^`]*`/g)?.every((table) => /^`\$\{dataset\}\.\w+`$/.test(table))).toBe(true)
  })
})

describe('the views of a channel', () => {
  const VIEWS: Readonly<Record<string, string>> = {
    email: 'email_events',
    push: 'push_events',
    sms: 'sms_events',
    whatsapp: 'whatsapp_events',
    in_app: 'in_app_events',
    slack: 'slack_events',
    webhook: 'webhook_action_events',
  }

  it('hold every sample of their channel once, however often it came', async () => {
    await warehouse.receive(...samples.map(({ event }) => event))
    await repeatEverything()
    for (const [channel, view] of Object.entries(VIEWS)) {
      const expected = samples.filter(({ event }) => event.object_type === channel).map(({ event }) => event.event_id)
      const rows = await warehouse.query(`SELECT event_id FROM customerio.${view}`)
      expect(rows.map(({ event_id }) => event_id).toSorted()).toEqual(expected.toSorted())
    }
    const people = samples.filter(({ name }) => name.startsWith('customer.')).map(({ event }) => event.event_id)
    const rows = await warehouse.query('SELECT event_id FROM customerio.customer_events')
    expect(rows.map(({ event_id }) => event_id).toSorted()).toEqual(people.toSorted())
    expect(await warehouse.query('SELECT * FROM customerio.other_events')).toEqual([])
  })

  /** Columns of `webhook_events` that a view of a channel shows in another form. */
  const SHOWN_AS: Readonly<Record<string, string>> = {
    ...{ campaign_name: 'origin_name', broadcast_name: 'origin_name' },
    ...{ campaign_tags: 'origin_tags', broadcast_tags: 'origin_tags' },
    ...{ campaign_id: 'origin', broadcast_id: 'origin', newsletter_id: 'origin', transactional_message_id: 'origin' },
    ...{ proxied: 'is_machine', prefetched: 'is_machine', synthetic: 'is_machine', machine: 'is_machine' },
  }

  /** Columns that the views leave to the table. */
  const IN_THE_TABLE_ONLY = [
    'trigger_event_id',
    'parent_action_id',
    'recipients',
    'trigger_id',
    'content_id',
    'related_delivery_ids',
  ]

  it('show every column that an event of their channel fills', async () => {
    await warehouse.receive(...samples.map(({ event }) => event))
    for (const [channel, view] of Object.entries(VIEWS)) {
      const events = await warehouse.query(`SELECT * FROM customerio.webhook_events WHERE object_type = '${channel}'`)
      const filled = new Set(events.flatMap((row) => Object.keys(row).filter((column) => row[column] !== null)))
      const rows = await warehouse.query(`SELECT * FROM customerio.${view}`)
      const shown = new Set(rows.flatMap((row) => Object.keys(row)))
      const missing = [...filled].filter(
        (column) =>
          column !== 'object_type' && !IN_THE_TABLE_ONLY.includes(column) && !shown.has(SHOWN_AS[column] ?? column),
      )
      expect({ view, missing }).toEqual({ view, missing: [] })
    }
  })

  it.each([
    [
      'email_events',
      'email.clicked.campaign',
      {
        origin: 'campaign',
        origin_id: 21,
        action_id: 211,
        recipient: 'ada@example.com',
        subject: 'Your order 4711 is on its way',
        href: 'https://shop.example.com/orders/4711?from=message',
        link_id: 3,
        is_machine: false,
      },
    ],
    [
      'email_events',
      'email.bounced.newsletter',
      {
        origin: 'newsletter',
        origin_id: 43,
        content_id: 431,
        recipient: 'marie@example.net',
        subject: 'Your order 4711 is on its way',
        failure_message: '550 5.1.1 No such mailbox',
        is_machine: false,
      },
    ],
    [
      'push_events',
      'push.clicked.transactional',
      {
        origin: 'transactional',
        origin_id: 54,
        recipients: [expect.objectContaining({ device_platform: 'ios' })],
        href: 'https://shop.example.com/orders/4711?from=message',
        link_id: 3,
      },
    ],
    [
      'sms_events',
      'sms.replied.campaign',
      {
        origin: 'campaign',
        origin_id: 21,
        action_id: 211,
        recipient: '+442071838750',
        replied_to: '+442071838750',
        inbound_event_id: ulidOf('inbound sms campaign'),
      },
    ],
    [
      'whatsapp_events',
      'whatsapp.failed.broadcast',
      {
        origin: 'broadcast',
        origin_id: 32,
        action_id: 211,
        failure_message: 'The template could not be rendered: data.order is missing',
      },
    ],
    [
      'in_app_events',
      'in_app.clicked.campaign',
      {
        origin: 'campaign',
        origin_id: 21,
        action_id: 211,
        recipient: 'u-1001',
        href: 'https://shop.example.com/orders/4711?from=message',
        link_id: 3,
        tracked_response: 'show_order',
      },
    ],
    ['slack_events', 'slack.sent.newsletter', { origin: 'newsletter', origin_id: 43, recipient: '#orders' }],
    [
      'webhook_action_events',
      'webhook.sent.campaign',
      { origin: 'campaign', origin_id: 21, action_id: 211, recipient: 'https://hooks.example.com/orders' },
    ],
    ['customer_events', 'customer.unsubscribed', { object_type: 'customer' }],
  ])('%s shows %s', async (view, name, columns) => {
    const event = sample(name)
    await warehouse.receive(event)
    const { identifiers, delivery_id, journey_id, app_id, related_delivery_ids, ...names } = event.data as {
      identifiers: Record<string, string>
      app_id?: number
      related_delivery_ids?: string[]
      campaign_name?: string
      campaign_tags?: string[]
      broadcast_name?: string
      broadcast_tags?: string[]
      template_id?: number
      delivery_id?: string
      journey_id?: string
    }
    expect(await warehouse.query(`SELECT * FROM customerio.${view}`)).toEqual([
      {
        event_id: event.event_id,
        timestamp: isoOf(name),
        received_at: new Date(NOW_MS).toISOString(),
        metric: event.metric,
        person_id: identifiers.id,
        person_email: identifiers.email,
        person_cio_id: identifiers.cio_id,
        ...(delivery_id !== undefined && { delivery_id }),
        ...(journey_id !== undefined && { journey_id }),
        ...(names.template_id !== undefined && { template_id: names.template_id }),
        ...(app_id !== undefined && { app_id, related_delivery_ids }),
        origin_tags: names.campaign_tags ?? names.broadcast_tags ?? [],
        ...(names.campaign_name !== undefined && { origin_name: names.campaign_name }),
        ...(names.broadcast_name !== undefined && { origin_name: names.broadcast_name }),
        ...columns,
        data: JSON.stringify(event.data),
      },
    ])
  })

  const EVENT_OF_VIEW = Object.entries(VIEWS).map(([object_type, view]) => ({
    view,
    event: samples.find(({ event }) => event.object_type === object_type)?.event,
  }))

  it.each([
    ...EVENT_OF_VIEW,
    { view: 'customer_events', event: sample('customer.unsubscribed') },
    { view: 'other_events', event: { ...sample('email.sent.campaign'), object_type: 'carrier_pigeon' } },
  ])(
    '$view keeps the whole event where a truncated one came first, and says when that came',
    async ({ view, event }) => {
      await warehouse.receive(event)
      const [row] = await warehouse.query('SELECT * FROM customerio.webhook_events')
      const received_at = new Date(NOW_MS - 1000).toISOString()
      await warehouse.store({
        table: 'webhook_events',
        json: { ...row, truncated: 'data.content', data: '{}', received_at },
      })
      expect(await warehouse.query(`SELECT received_at, data FROM customerio.${view}`)).toEqual([
        { received_at, data: JSON.stringify(event?.data) },
      ])
    },
  )

  it('leave what they do not know to other_events, with the fields that are new', async () => {
    const pigeon = { ...sample('email.sent.campaign'), object_type: 'carrier_pigeon', wings: 2 }
    await warehouse.receive(pigeon)
    expect(await warehouse.query('SELECT object_type, metric, other_fields FROM customerio.other_events')).toEqual([
      { object_type: 'carrier_pigeon', metric: 'sent', other_fields: '{"wings":2}' },
    ])
  })
})

describe('message_funnel', () => {
  const funnel = () =>
    warehouse.query('SELECT * FROM customerio.message_funnel ORDER BY sent_on, origin, channel, action_id, content_id')
  /** The row's columns that are not zero. */
  const counted = (rows: readonly Record<string, unknown>[]) =>
    rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== 0)))
  const of = (name: string, id: string, more: Record<string, unknown> = {}, timestamp = sample(name).timestamp) => {
    const event = sample(name)
    return { ...event, event_id: id, timestamp, data: { ...event.data, ...more } }
  }
  const OF_CAMPAIGN = { origin: 'campaign', origin_id: 21, origin_name: 'Order shipped', channel: 'email' }

  it('counts messages on the day of their send, whatever came of them later, people apart from machines', async () => {
    const nextDay = sample('email.opened.campaign').timestamp + 86_400
    await warehouse.receive(
      of('email.drafted.campaign', 'e0', {}, nextDay - 3 * 86_400),
      of('email.sent.campaign', 'e1'),
      of('email.sent.campaign', 'e2', { delivery_id: 'second' }),
      of('email.delivered.campaign', 'e3'),
      of('email.opened.campaign', 'e4', { prefetched: true }),
      of('email.opened.campaign', 'e5'),
      of('email.opened.campaign', 'e6'), // the same message, opened again
      of('email.opened.campaign', 'e7', { delivery_id: 'second', proxied: true }),
      of('email.clicked.campaign', 'e8', { machine: true }),
      of('email.opened.campaign', 'e9', {}, nextDay),
      of('email.sent.campaign', 'e10', { delivery_id: 'third' }, nextDay),
      of('email.dropped.campaign', 'e11', { delivery_id: 'fourth' }, nextDay), // never sent: of the day of its first event
      of('sms.replied.newsletter', 'e12'), // its send is not in the table
      of('push.bounced.transactional', 'e13', { delivery_id: null }), // counts as a message of its own
      sample('customer.unsubscribed'),
    )
    await repeatEverything()
    expect(counted(await funnel())).toEqual([
      { origin: 'newsletter', origin_id: 43, content_id: 431, channel: 'sms', messages: 1, replied: 1 },
      {
        ...{ sent_on: '2026-11-02', ...OF_CAMPAIGN, action_id: 211, messages: 2, drafted: 1, sent: 2, delivered: 1 },
        ...{ opened_by_people: 1, opened_by_machines: 2, clicked_by_machines: 1 },
      },
      { sent_on: '2026-11-02', origin: 'transactional', origin_id: 54, channel: 'push', messages: 1, bounced: 1 },
      { sent_on: '2026-11-03', ...OF_CAMPAIGN, action_id: 211, messages: 2, sent: 1, dropped: 1 },
    ])
  })

  it('sums to no more opens than sends, and keeps the variants of a message apart', async () => {
    const days = [0, 1, 2].map((day) => sample('email.sent.newsletter').timestamp + day * 86_400)
    await warehouse.receive(
      of('email.sent.newsletter', 'e1', { content_id: 1 }),
      of('email.sent.newsletter', 'e2', { content_id: 2, delivery_id: 'other' }),
      ...days.map((at, day) => of('email.opened.newsletter', `o${day}`, { content_id: 1 }, at)),
    )
    const of_newsletter = {
      sent_on: '2026-11-02',
      origin: 'newsletter',
      origin_id: 43,
      channel: 'email',
      messages: 1,
      sent: 1,
    }
    expect(counted(await funnel())).toEqual([
      { ...of_newsletter, content_id: 1, opened_by_people: 1 },
      { ...of_newsletter, content_id: 2 },
    ])
  })

  it('has a column for every metric of messages that Customer.io documents', async () => {
    const metrics = new Set(
      samples.filter(({ event }) => event.object_type !== 'customer').map(({ event }) => event.metric),
    )
    metrics.delete('cio_subscription_preferences_changed')
    await warehouse.receive(...samples.map(({ event }) => event))
    const [row] = await funnel()
    const columns = Object.keys(row ?? {}).map((name) => name.replace(/_by_(people|machines)$/, ''))
    expect([...metrics].filter((metric) => !columns.includes(metric))).toEqual([])
  })
})

describe('an event of object type probe', () => {
  it('is counted by no view, whatever its data says, and is found in the table', async () => {
    const data = Object.assign({}, ...samples.map(({ event }) => event.data))
    await warehouse.receive(
      ...['sent', 'opened', 'clicked', 'bounced', 'unsubscribed'].map((metric) => ({
        ...{ event_id: metric, object_type: 'probe', metric, timestamp: sample('email.sent.campaign').timestamp, data },
      })),
    )
    expect(await warehouse.query('SELECT event_id FROM customerio.webhook_events')).toHaveLength(5)
    for (const view of Object.keys(readTopology().bigquery.views))
      expect({ view, rows: await warehouse.query(`SELECT * FROM customerio.${view}`) }).toEqual({ view, rows: [] })
  })
})

describe('delivery_timeline', () => {
  it("tells a message's life in order, under every identifier that any of its events has", async () => {
    const delivery_id = deliveryIdOf('email', 'campaign')
    const at = sample('email.sent.campaign').timestamp
    const step = (
      name: string,
      id: string,
      second: number,
      identifiers: unknown,
      more: Record<string, unknown> = {},
    ) => {
      const event = sample(name)
      return {
        ...event,
        event_id: id,
        timestamp: at + second,
        data: { ...event.data, customer_id: undefined, identifiers, ...more },
      }
    }
    await warehouse.receive(
      step('email.clicked.campaign', 'e5', 60, { cio_id: 'a1b206000001' }, { machine: true }),
      step('email.opened.campaign', 'e4', 60, null),
      step('email.delivered.campaign', 'e1', 0, { email: 'ada@example.com' }), // in the same second as sent, with an earlier id
      step('email.sent.campaign', 'e3', 0, { id: 'u-1001' }),
      step('email.attempted.campaign', 'e2', -5, {}),
      sample('email.sent.newsletter'),
    )
    await repeatEverything()
    const sql = `
      SELECT * EXCEPT (delivery_id, channel, origin, origin_id, origin_name, action_id, journey_id, person_email, person_cio_id, subject, timestamp)
      FROM customerio.delivery_timeline WHERE person_id = @id ORDER BY delivery_id, step`
    const recipient = 'ada@example.com'
    expect(await warehouse.query(sql, { id: 'u-1001' })).toEqual([
      {
        person_id: 'u-1001',
        step: 1,
        seconds_since_first: 0,
        metric: 'attempted',
        is_machine: false,
        event_id: 'e2',
        failure_message: '451 4.7.1 Try again later: greylisted',
      },
      {
        person_id: 'u-1001',
        step: 2,
        seconds_since_first: 5,
        metric: 'sent',
        is_machine: false,
        event_id: 'e3',
        recipient,
      },
      {
        person_id: 'u-1001',
        step: 3,
        seconds_since_first: 5,
        metric: 'delivered',
        is_machine: false,
        event_id: 'e1',
        recipient,
      },
      {
        person_id: 'u-1001',
        step: 4,
        seconds_since_first: 65,
        metric: 'opened',
        is_machine: false,
        event_id: 'e4',
        recipient,
      },
      {
        person_id: 'u-1001',
        step: 5,
        seconds_since_first: 65,
        metric: 'clicked',
        is_machine: true,
        event_id: 'e5',
        recipient,
        href: 'https://shop.example.com/orders/4711?from=message',
      },
    ])
    const others = `
      SELECT DISTINCT person_id, person_email, person_cio_id, delivery_id, channel, origin, origin_id
      FROM customerio.delivery_timeline WHERE person_email = @email`
    expect(await warehouse.query(others, { email: 'ada@example.com' })).toEqual([
      {
        person_id: 'u-1001',
        person_email: 'ada@example.com',
        person_cio_id: 'a1b206000001',
        delivery_id,
        channel: 'email',
        origin: 'campaign',
        origin_id: 21,
      },
    ])
  })
})
