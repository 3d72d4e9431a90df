import { startTestWarehouse, type TestWarehouse } from '../../scripts/testing/warehouse.ts'

/** The views over `message_outcomes`, on rows as the functions' lines become them. */

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const MINUTE_MS = 60_000
let warehouse: TestWarehouse

beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: () => NOW_MS })
})
afterAll(() => warehouse.close())
beforeEach(() => warehouse.clear())

/** So many minutes ago. */
const ago = (minutes: number): string => new Date(NOW_MS - minutes * MINUTE_MS).toISOString()

/** A row of the record: by default a send that was accepted a second after its publish. */
function outcome(message_id: string, minutes: number, more: Record<string, unknown> = {}) {
  const publish_time = ago(minutes)
  return {
    ...{ publish_time, ended_at: new Date(Date.parse(publish_time) + 1_000).toISOString(), function: 'transactional' },
    ...{ topic: 'transactional', message_id, attempt: 1, outcome: 'delivered', final: true, channel: 'email' },
    ...{ template: '3', insert_id: `${message_id} ${minutes}`, ...more },
  }
}
const uncertain = { outcome: 'refused', reason: 'uncertain' }
const failed = { outcome: 'retry', final: false, reason: 'server_error', cause: 'transient', http_status: 503 }
const track = { topic: 'track', function: 'track', channel: undefined, template: undefined }

/** An operator's doing, as `cio-gcp` writes it. */
const operator = (message_id: string, minutes: number, what: string) =>
  outcome(message_id, minutes, { function: 'cio-gcp', outcome: what, attempt: undefined, final: what !== 'revealed' })

function webhook(delivery_id: string, metric: string, minutes: number, more: Record<string, unknown> = {}) {
  const timestamp = ago(minutes)
  return {
    ...{ event_id: `${delivery_id} ${metric} ${minutes}`, timestamp, received_at: timestamp, object_type: 'email' },
    ...{ metric, delivery_id, transactional_message_id: 3, data: '{}', ...more },
  }
}

const record = (...rows: readonly object[]) =>
  warehouse.store(...rows.map((json) => ({ table: 'message_outcomes', json: { ...json } })))
const webhooks = (...rows: readonly object[]) =>
  warehouse.store(...rows.map((json) => ({ table: 'webhook_events', json: { ...json } })))
const select = (columns: string, from: string) => warehouse.query(`SELECT ${columns} FROM customerio.${from}`)

describe('message_journey', () => {
  it('tells the time of each step, and how far a send came', async () => {
    const sent = outcome('1', 30, { attempt: 2, delivery_id: 'd1', trace: 'a' })
    await record(outcome('1', 30, { ...failed, ended_at: ago(30) }), sent, sent)
    await webhooks(
      webhook('d1', 'sent', 29),
      webhook('d1', 'sent', 29),
      webhook('d1', 'delivered', 28),
      webhook('d1', 'opened', 27, { proxied: true }),
      webhook('d1', 'opened', 20),
      webhook('d1', 'opened', 10),
      webhook('d1', 'clicked', 9, { machine: true }),
    )
    expect(await select('*', 'message_journey')).toEqual([
      {
        ...{ delivery_id: 'd1', message_id: '1', channel: 'email', template: '3', attempt: 2 },
        ...{ publish_time: ago(30), accepted_at: sent.ended_at, sent_at: ago(29), delivered_at: ago(28) },
        ...{
          opened_at: ago(20),
          furthest_step: 'opened',
          ms_to_accept: 1_000,
          seconds_to_send: 60,
          seconds_to_open: 540,
        },
      },
    ])
  })

  it.each([
    ['accepted', []],
    ['sent', ['sent']],
    ['delivered', ['sent', 'delivered']],
    ['clicked', ['sent', 'delivered', 'opened', 'clicked']],
    ['bounced', ['sent', 'bounced']],
    ['failed', ['dropped']],
    ['unsubscribed', ['sent', 'delivered', 'opened', 'clicked', 'unsubscribed']],
    ['unsubscribed', ['sent', 'delivered', 'spammed']],
  ])('is %s after %j', async (step, metrics) => {
    await record(outcome('1', 30, { delivery_id: 'd1' }))
    await webhooks(...metrics.map((metric) => webhook('d1', metric, 10)))
    expect(await select('furthest_step', 'message_journey')).toEqual([{ furthest_step: step }])
  })

  it('has no row for what was not accepted, or is no send', async () => {
    await record(outcome('1', 30, uncertain), outcome('2', 30, failed), outcome('3', 30, track))
    await webhooks(webhook('d9', 'sent', 10))
    expect(await select('*', 'message_journey')).toEqual([])
  })
})

describe('published_messages', () => {
  const messages = (columns = '*') => select(columns, 'published_messages ORDER BY message_id')
  /** When the attempt of a message ended, a second after its publish by default. */
  const endedAt = (minutes: number) => new Date(Date.parse(ago(minutes)) + 1_000).toISOString()

  it('has a row per message: its outcome, and its first and last failed attempt', async () => {
    const limited = { ...failed, attempt: 2, reason: 'rate_limited', http_status: 429, ended_at: endedAt(29) }
    await record(
      outcome('1', 30, failed),
      outcome('1', 30, failed), // the same line, written twice
      outcome('1', 30, limited),
      outcome('1', 30, { attempt: 3, delivery_id: 'd1', ended_at: endedAt(28) }),
      outcome('2', 20, { ...track, action: 'event', event_name: 'paid' }),
    )
    expect(await messages()).toEqual([
      {
        ...{ topic: 'transactional', message_id: '1', publish_time: ago(30), channel: 'email', template: '3' },
        ...{ outcome: 'delivered', ended_at: endedAt(28), final: true, delivery_id: 'd1' },
        ...{ attempts: 3, failed_attempts: 2 },
        ...{ first_failed_at: endedAt(30), first_failed_reason: 'server_error', first_failed_http_status: 503 },
        ...{ last_failed_at: endedAt(29), last_failed_reason: 'rate_limited', last_failed_http_status: 429 },
      },
      {
        ...{ topic: 'track', message_id: '2', publish_time: ago(20), action: 'event', event_name: 'paid' },
        ...{ outcome: 'delivered', ended_at: endedAt(20), final: true, attempts: 1, failed_attempts: 0 },
      },
    ])
  })

  it('is not final while Pub/Sub delivers it again, or an operator has', async () => {
    const exhausted = { ...failed, outcome: 'exhausted', final: true, reason: 'exhausted' }
    await record(
      outcome('dead', 50, exhausted),
      outcome('on its way', 50, failed),
      outcome('replayed', 50, exhausted),
      operator('replayed', 40, 'replayed'),
    )
    expect(await messages('message_id, outcome, reason, http_status, final, attempts')).toEqual([
      { message_id: 'dead', outcome: 'exhausted', reason: 'exhausted', http_status: 503, final: true, attempts: 1 },
      {
        message_id: 'on its way',
        outcome: 'retry',
        reason: 'server_error',
        http_status: 503,
        final: false,
        attempts: 1,
      },
      { message_id: 'replayed', outcome: 'replayed', final: false, attempts: 1 },
    ])
  })

  it('counts what an operator did, and the replay, for the message that they are about', async () => {
    await record(
      outcome('again', 50, uncertain),
      operator('again', 40, 'replayed'),
      outcome('99', 30, { source_message_id: 'again', delivery_id: 'd9' }),
      outcome('settled', 50, uncertain),
      operator('settled', 40, 'settled_sent'),
      operator('unknown', 40, 'purged'),
    )
    const columns = 'message_id, publish_time, outcome, delivery_id, attempts, failed_attempts, last_failed_reason'
    const failure = { attempts: 1, failed_attempts: 1, last_failed_reason: 'uncertain' }
    expect(await messages(columns)).toEqual([
      { message_id: 'again', publish_time: ago(50), outcome: 'delivered', delivery_id: 'd9', ...failure, attempts: 2 },
      { message_id: 'settled', publish_time: ago(50), outcome: 'settled_sent', ...failure },
      { message_id: 'unknown', outcome: 'purged', attempts: 0, failed_attempts: 0 },
    ])
  })
})

describe('outcomes_by_hour', () => {
  it('counts attempts and messages, each line once', async () => {
    const hour = `${ago(0).slice(0, 13)}:00:00.000Z`
    const since = (Date.parse(ago(0)) - Date.parse(hour)) / MINUTE_MS
    const twice = outcome('1', since, { ...failed, ended_at: ago(since) })
    await record(twice, twice, outcome('1', since, { ...failed, ended_at: ago(since - 1) }))
    await record(outcome('1', since, { attempt: 3 }), outcome('2', since), outcome('3', since + 1))
    await record(
      outcome('4', since, { ...track, outcome: 'refused', reason: 'contract' }),
      operator('4', since, 'purged'),
    )
    const rows = await select(
      '*',
      `outcomes_by_hour WHERE hour = TIMESTAMP '${hour}' ORDER BY function, topic, outcome`,
    )
    expect(rows).toEqual([
      {
        ...{
          hour,
          topic: 'transactional',
          function: 'cio-gcp',
          channel: 'email',
          outcome: 'purged',
          attempts: 1,
          messages: 1,
        },
        ...{ ms_since_publish: 1_000, most_ms_since_publish: 1_000 },
      },
      {
        ...{
          hour,
          topic: 'track',
          function: 'track',
          outcome: 'refused',
          reason: 'contract',
          attempts: 1,
          messages: 1,
        },
        ...{ ms_since_publish: 1_000, most_ms_since_publish: 1_000 },
      },
      {
        ...{ hour, topic: 'transactional', function: 'transactional', channel: 'email', outcome: 'delivered' },
        ...{ attempts: 2, messages: 2, ms_since_publish: 2_000, most_ms_since_publish: 1_000 },
      },
      {
        ...{ hour, topic: 'transactional', function: 'transactional', channel: 'email', outcome: 'retry' },
        ...{
          reason: 'server_error',
          attempts: 2,
          messages: 1,
          ms_since_publish: 60_000,
          most_ms_since_publish: 60_000,
        },
      },
    ])
  })
})

describe('slowest_messages', () => {
  it('holds a hundred per day and topic, the slowest first, by their first end', async () => {
    const slow = (id: string, ms: number, more = {}) =>
      outcome(id, 0, { ended_at: new Date(NOW_MS + ms).toISOString(), ...more })
    await record(
      ...Array.from({ length: 101 }, (_, index) => slow(String(index), 1_000 + index)),
      slow('100', 9_000_000), // acknowledged, and delivered once more
      slow('t1', 5, track),
      slow('r1', 99_000, failed), // no end
      operator('o1', 0, 'purged'),
    )
    const rows = await select('topic, place, message_id, ms_to_outcome', 'slowest_messages ORDER BY topic, place')
    expect(rows).toHaveLength(101)
    expect(rows[0]).toEqual({ topic: 'track', place: 1, message_id: 't1', ms_to_outcome: 5 })
    expect(rows[1]).toEqual({ topic: 'transactional', place: 1, message_id: '100', ms_to_outcome: 1_100 })
    expect(rows.at(-1)).toEqual({ topic: 'transactional', place: 100, message_id: '1', ms_to_outcome: 1_001 })
  })
})

describe('unsettled_sends', () => {
  it('holds what is uncertain until somebody decides it, or a replay finds out', async () => {
    await record(
      outcome('open', 50, uncertain),
      outcome('retried', 50, { ...failed, ended_at: ago(49) }),
      outcome('retried', 50, { ...uncertain, attempt: 2, ended_at: ago(48) }),
      ...['settled_sent', 'settled_not_sent', 'purged'].flatMap((what) => [
        outcome(what, 50, uncertain),
        operator(what, 40, what),
      ]),
      operator('open', 40, 'revealed'),
      outcome('replayed', 50, uncertain),
      operator('replayed', 40, 'replayed'),
      outcome('again', 30, { source_message_id: 'replayed', delivery_id: 'd' }),
      outcome('in vain', 50, uncertain),
      operator('in vain', 40, 'replayed'),
      outcome('again in vain', 30, { ...uncertain, source_message_id: 'in vain' }),
      outcome('other', 50, { outcome: 'refused', reason: 'contract' }),
      outcome('event', 50, { ...track, outcome: 'refused', reason: 'uncertain' }),
    )
    const rows = await select('message_id, minutes_uncertain, channel', 'unsettled_sends ORDER BY message_id')
    expect(rows).toEqual([
      { message_id: 'in vain', minutes_uncertain: 29, channel: 'email' },
      { message_id: 'open', minutes_uncertain: 49, channel: 'email' },
      { message_id: 'retried', minutes_uncertain: 48, channel: 'email' },
    ])
  })
})

describe('sends_without_outcome', () => {
  const ids = async () =>
    (await select('message_id', 'sends_without_outcome ORDER BY message_id')).map(({ message_id }) => message_id)
  /** Customer.io does report transactional sends of this channel. */
  const reports = (object_type: string) => webhook(`other ${object_type}`, 'sent', 5, { object_type })

  it('holds what was due more than an hour ago and never heard of, and no draft', async () => {
    await record(
      outcome('silent', 90, { delivery_id: 'd1' }),
      outcome('silent', 90, { delivery_id: 'd1', note: 'duplicate', ended_at: ago(80) }),
      outcome('heard', 90, { delivery_id: 'd2' }),
      outcome('dropped', 90, { delivery_id: 'd3' }),
      outcome('young', 59, { delivery_id: 'd4' }),
      outcome('days ago', 3 * 1_440, { delivery_id: 'd5' }),
      outcome('uncertain', 90, uncertain),
      outcome('draft', 90, { delivery_id: 'd6', queue_draft: true }),
      outcome('no draft', 90, { delivery_id: 'd2', queue_draft: false }),
      outcome('due soon', 90, { delivery_id: 'd7', send_at: ago(59) }),
      outcome('overdue', 200, { delivery_id: 'd8', send_at: ago(70) }),
      outcome('due before it was published', 90, { delivery_id: 'd9', send_at: ago(300) }),
    )
    await webhooks(webhook('d2', 'sent', 80), webhook('d3', 'dropped', 80))
    const columns = '* EXCEPT (accepted_at, publish_time, channel, template)'
    expect(await select(columns, 'sends_without_outcome ORDER BY delivery_id')).toEqual([
      { delivery_id: 'd1', message_id: 'silent', minutes_without_outcome: 89 },
      { delivery_id: 'd8', message_id: 'overdue', send_at: ago(70), minutes_without_outcome: 70 },
      {
        ...{ delivery_id: 'd9', message_id: 'due before it was published', send_at: ago(300) },
        minutes_without_outcome: 89,
      },
    ])
  })

  it('is empty of a channel of which no transactional send is reported', async () => {
    await record(outcome('mail', 90, { delivery_id: 'd1' }), outcome('text', 90, { delivery_id: 'd2', channel: 'sms' }))
    expect(await ids()).toEqual([])
    await webhooks(reports('sms'), { ...reports('email'), transactional_message_id: undefined, campaign_id: 7 })
    expect(await ids()).toEqual(['text'])
    await webhooks(reports('email'))
    expect(await ids()).toEqual(['mail', 'text'])
  })
})
