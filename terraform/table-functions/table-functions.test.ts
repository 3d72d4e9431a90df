import { readdirSync, readFileSync } from 'node:fs'
import { startTestWarehouse, type TestWarehouse } from '../../scripts/testing/warehouse.ts'
import { readTopology } from '../../scripts/topology/topology.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
let warehouse: TestWarehouse

beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: () => NOW_MS })
})
afterAll(() => warehouse.close())
beforeEach(() => warehouse.clear())

const rowsOf = (call: string, columns = '*', params = {}) =>
  warehouse.query(`SELECT ${columns} FROM customerio.${call}`, params)
const ADA = { id: 'ada', email: 'Ada@example.com', cio_id: 'c1', phone: '+442071838750' }
const day = (date: string): number => Date.parse(`${date}T00:00:00Z`) / 1000

function event(id: string, metric: string, timestamp: number, data: Record<string, unknown>, object_type = 'email') {
  return { event_id: id, object_type, metric, timestamp, data }
}

it('every file is a table function of pipeline.yaml', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.sql'))
  const functions = Object.entries(readTopology().bigquery.table_functions)
  expect(functions.map(([, { query }]) => query).toSorted()).toEqual(
    files.map((name) => `table-functions/${name}`).toSorted(),
  )
  for (const [name, { query }] of functions) expect(query).toBe(`table-functions/${name}.sql`)
})

it('every table function is called with rows below', () => {
  const calls = readFileSync(import.meta.filename, 'utf8')
  const uncalled = Object.keys(readTopology().bigquery.table_functions).filter((name) => !calls.includes(`${name}(`))
  expect(uncalled).toEqual([])
})

describe('person_timeline', () => {
  const steps = (call: string, params = {}) =>
    rowsOf(`${call} ORDER BY delivery_id, step`, 'delivery_id, step, metric', params)

  beforeEach(() =>
    warehouse.receive(
      event('e1', 'sent', day('2026-11-02'), { delivery_id: 'd1', identifiers: ADA }),
      event('e2', 'opened', day('2026-11-02') + 60, { delivery_id: 'd1', identifiers: null }),
      event('e3', 'sent', day('2026-11-03'), { delivery_id: 'd2', identifiers: { id: 'bob' } }),
      event('e4', 'sent', day('2026-11-04'), { delivery_id: 'd3', identifiers: { email: 'ada@EXAMPLE.com' } }),
      event('e5', 'subscribed', day('2026-11-04'), { identifiers: ADA }, 'customer'),
    ),
  )

  const FIRST = [
    { delivery_id: 'd1', step: 1, metric: 'sent' },
    { delivery_id: 'd1', step: 2, metric: 'opened' },
  ]

  it.each(["'ada'", "'c1'", "'+442071838750'"])('finds the deliveries of %s, and every step of them', async (who) => {
    expect(await steps(`person_timeline(${who}, DATE '2026-11-01')`)).toEqual(FIRST)
  })

  it('finds an e-mail address in any case, also as a parameter', async () => {
    expect(
      await steps('person_timeline(@who, @day)', {
        who: 'ada@example.com',
        day: warehouse.bigquery.date('2026-11-01'),
      }),
    ).toEqual([...FIRST, { delivery_id: 'd3', step: 1, metric: 'sent' }])
  })

  it('gives the rows of delivery_timeline', async () => {
    expect(await rowsOf("person_timeline('c1', DATE '2026-11-01') ORDER BY step")).toEqual(
      await rowsOf("delivery_timeline WHERE delivery_id = 'd1' ORDER BY step"),
    )
  })

  it('looks at nothing of before its day', async () => {
    expect(await steps("person_timeline('ada@example.com', DATE '2026-11-03')")).toEqual([
      { delivery_id: 'd3', step: 1, metric: 'sent' },
    ])
  })
})

describe('the funnel of some days', () => {
  const message = (id: string, metric: string, at: number, delivery_id: string) =>
    event(id, metric, at, { delivery_id, newsletter_id: 1, content_id: 2, identifiers: ADA })

  beforeEach(() =>
    warehouse.receive(
      message('e0', 'sent', day('2026-11-01'), 'd0'),
      message('e1', 'drafted', day('2026-11-01'), 'd1'),
      message('e2', 'sent', day('2026-11-02'), 'd1'),
      message('e3', 'opened', day('2026-11-09'), 'd1'),
      message('e4', 'sent', day('2026-11-03') + 86_399, 'd2'),
      message('e5', 'sent', day('2026-11-04'), 'd3'),
      message('e6', 'opened', day('2026-11-03'), 'd0'),
    ),
  )

  it('message_funnel_between is message_funnel of these days, with what came of the messages later', async () => {
    const rows = await rowsOf("message_funnel_between(DATE '2026-11-02', DATE '2026-11-03') ORDER BY sent_on")
    expect(rows).toMatchObject([
      { sent_on: '2026-11-02', messages: 1, drafted: 1, sent: 1, opened_by_people: 1 },
      { sent_on: '2026-11-03', messages: 1, sent: 1, opened_by_people: 0 },
    ])
    const whole = "message_funnel WHERE sent_on BETWEEN '2026-11-02' AND '2026-11-03' ORDER BY sent_on"
    expect(rows).toEqual(await rowsOf(whole))
  })

  it('message_rates divides sums', async () => {
    expect(await rowsOf("message_rates(DATE '2026-11-02', DATE '2026-11-03')")).toEqual([
      {
        ...{ origin: 'newsletter', origin_id: 1, content_id: 2, channel: 'email', sent: 2, open_rate: 0.5 },
        ...{
          delivery_rate: 0,
          click_rate: 0,
          conversion_rate: 0,
          unsubscribe_rate: 0,
          complaint_rate: 0,
          bounce_rate: 0,
        },
      },
    ])
  })
})

describe('subscriptions_as_of', () => {
  const states = (date: string) => rowsOf(`subscriptions_as_of(DATE '${date}')`, 'person_id, subscribed, changed_at')

  it('is current_subscriptions at the end of a day, whatever came later', async () => {
    await warehouse.receive(
      event('e1', 'subscribed', day('2026-11-02'), { identifiers: ADA }, 'customer'),
      event('e2', 'unsubscribed', day('2026-11-04') - 1, { identifiers: ADA }, 'customer'),
      event('e3', 'subscribed', day('2026-11-05'), { identifiers: ADA }, 'customer'),
    )
    expect(await states('2026-11-01')).toEqual([])
    const IN = { person_id: 'ada', subscribed: true }
    expect(await states('2026-11-02')).toEqual([{ ...IN, changed_at: '2026-11-02T00:00:00.000Z' }])
    expect(await states('2026-11-03')).toEqual([
      { person_id: 'ada', subscribed: false, changed_at: '2026-11-03T23:59:59.000Z' },
    ])
    expect(await states('2026-11-21')).toEqual([{ ...IN, changed_at: '2026-11-05T00:00:00.000Z' }])
    expect(await rowsOf("subscriptions_as_of(DATE '2026-11-21')")).toEqual(await rowsOf('current_subscriptions'))
  })
})

describe('the record of some days', () => {
  /** A send of that day. */
  const send = (message_id: string, date: string, more: Record<string, unknown>) => ({
    table: 'message_outcomes',
    json: {
      ...{ publish_time: `${date}T10:00:00Z`, ended_at: `${date}T10:00:01Z`, function: 'transactional', message_id },
      ...{ topic: 'transactional', attempt: 1, final: true, channel: 'email', ...more },
    },
  })

  it('message_journeys_between is message_journey of these days, with what came of the sends later', async () => {
    const accepted = (id: string, date: string) => send(id, date, { outcome: 'delivered', delivery_id: `d${id}` })
    await warehouse.store(accepted('1', '2026-11-01'), accepted('2', '2026-11-02'), accepted('3', '2026-11-03'))
    await warehouse.receive(
      event('e1', 'sent', day('2026-11-02') + 36_002, { delivery_id: 'd2', identifiers: ADA }),
      event('e2', 'opened', day('2026-11-09'), { delivery_id: 'd2', identifiers: ADA }),
    )
    const rows = await rowsOf("message_journeys_between(DATE '2026-11-02', DATE '2026-11-02')")
    expect(rows).toMatchObject([{ delivery_id: 'd2', furthest_step: 'opened', opened_at: '2026-11-09T00:00:00.000Z' }])
    expect(rows).toEqual(await rowsOf("message_journey WHERE delivery_id = 'd2'"))
  })

  it('published_messages_between is published_messages of these days, with what came of them later', async () => {
    const delivered = { outcome: 'delivered' }
    const failed = { outcome: 'refused', reason: 'contract' }
    await warehouse.store(send('1', '2026-11-01', delivered), send('2', '2026-11-02', failed))
    await warehouse.store(send('9', '2026-11-05', { ...delivered, source_message_id: '2' }))
    await warehouse.store(send('3', '2026-11-03', delivered))
    const rows = await rowsOf("published_messages_between(DATE '2026-11-02', DATE '2026-11-02')")
    expect(rows).toMatchObject([{ message_id: '2', outcome: 'delivered', attempts: 2, last_failed_reason: 'contract' }])
    expect(rows).toEqual(await rowsOf("published_messages WHERE message_id = '2'"))
  })

  it('unsettled_sends_since is unsettled_sends of the messages since a day', async () => {
    const uncertain = (id: string, date: string) => send(id, date, { outcome: 'refused', reason: 'uncertain' })
    await warehouse.store(uncertain('old', '2026-11-01'), uncertain('new', '2026-11-02'))
    expect(await rowsOf("unsettled_sends_since(DATE '2026-11-02')", 'message_id')).toEqual([{ message_id: 'new' }])
    expect(await rowsOf('unsettled_sends', 'message_id')).toHaveLength(2)
  })
})
