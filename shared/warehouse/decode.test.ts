import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import * as z from 'zod'
import {
  cataloguedEvents,
  recentWebhookSamples,
  unusualWebhookSamples,
  webhookSamples,
} from '../../scripts/emulators/customerio/samples/index.ts'
import { type DecodedEvent, decodeWebhookEvent, type Row } from './index.ts'
import { MAX_ROW_BYTES, type TableName } from './row.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const RECEIVED_AT = '2026-11-21T11:59:59.000Z'

const columnSchema = z.object({
  name: z.string(),
  mode: z.string(),
  fields: z.array(z.object({ name: z.string() })).optional(),
})
const readColumns = (table: TableName) => {
  const file = join(import.meta.dirname, '..', '..', 'terraform', 'tables', `${table}.json`)
  return z.array(columnSchema).parse(JSON.parse(readFileSync(file, 'utf8')))
}
const COLUMNS = {
  webhook_events: readColumns('webhook_events'),
  subscription_changes: readColumns('subscription_changes'),
  webhook_quarantine: readColumns('webhook_quarantine'),
}

function decodeBytes(data: Buffer, attributes: Record<string, string> = {}) {
  const message = { data, attributes: { received_at: RECEIVED_AT, ...attributes }, messageId: 'm1', publishTime: '' }
  return decodeWebhookEvent(message, NOW_MS)
}
function decode(body: unknown, attributes: Record<string, string> = {}): DecodedEvent {
  const decoded = decodeBytes(Buffer.from(JSON.stringify(body)), attributes)
  if (!decoded.ok) throw new Error(decoded.error)
  return decoded.value
}
const of = (table: TableName, rows: readonly Row[]) => rows.filter((row) => row.table === table).map(({ json }) => json)
const eventOf = (body: unknown) => of('webhook_events', decode(body).rows)[0]

const EVENT = {
  event_id: 'e1',
  object_type: 'email',
  metric: 'sent',
  timestamp: 1_793_610_000,
  data: { delivery_id: 'd' },
}
const withData = (data: unknown, more: Record<string, unknown> = {}) => ({ ...EVENT, ...more, data })
const unusual = (name: string) => {
  const found = unusualWebhookSamples().find((sample) => sample.name === name)
  if (found === undefined) throw new Error(`no sample ${name}`)
  return found.body
}

/** Where each documented field of `data` goes; `data`: it has no column of its own. */
const PLACE: Readonly<Record<string, string>> = {
  ...{ customer_id: 'person_id', identifiers: 'data', email_address: 'person_email', to: 'replied_to' },
  ...{ content: 'data', headers: 'data' },
}

it('keeps the phone number of a person in a column of its own', () => {
  const identifiers = { id: 'u1', email: null, cio_id: 'c1', phone: '+15558675309' }
  const [sample] = webhookSamples()
  const { rows } = decode({ ...sample?.event, data: { ...sample?.event.data, identifiers } })
  expect(of('webhook_events', rows)[0]).toMatchObject({ person_phone: '+15558675309' })
})

describe('every sample of what Customer.io documents', () => {
  const samples = recentWebhookSamples()

  it('is all there', () => {
    expect(samples.length).toBeGreaterThanOrEqual(144)
    expect(samples).toHaveLength(cataloguedEvents().length)
  })

  it.each(samples)('$name has every field where it belongs', ({ event }) => {
    const { rows, novelties } = decode(event)
    const row = of('webhook_events', rows)[0]
    expect(row).toMatchObject({
      event_id: event.event_id,
      object_type: event.object_type,
      metric: event.metric,
      timestamp: new Date(event.timestamp * 1000).toISOString(),
      received_at: RECEIVED_AT,
    })
    for (const [field, value] of Object.entries(event.data)) {
      const place = PLACE[field] ?? field
      if (place !== 'data') expect([field, row?.[place]]).toEqual([field, value])
    }
    const { id, email, cio_id } = z.record(z.string(), z.string()).parse(event.data.identifiers)
    expect(row).toMatchObject({ person_id: id, person_email: email, person_cio_id: cio_id })
    expect(JSON.parse(String(row?.data))).toEqual(event.data)
    expect(row).not.toHaveProperty('other_fields')
    expect(of('webhook_quarantine', rows)).toEqual([])
    expect(novelties).toEqual([])
  })

  it('fits the columns of the tables, and gives the required ones', () => {
    const bodies = [...samples.map(({ event }) => event), ...unusualWebhookSamples().map(({ body }) => body)]
    for (const { table, json } of bodies.flatMap((body) => decode(body).rows)) {
      const columns = COLUMNS[table]
      const names = columns.map(({ name }) => name)
      expect(Object.keys(json).filter((name) => !names.includes(name))).toEqual([])
      for (const { name } of columns.filter(({ mode }) => mode === 'REQUIRED')) expect(json).toHaveProperty(name)
    }
  })

  it('fills every column of webhook_events but those for what is not documented', () => {
    const filled = new Set(samples.flatMap(({ event }) => Object.keys(eventOf(event) ?? {})))
    const empty = COLUMNS.webhook_events.map(({ name }) => name).filter((name) => !filled.has(name))
    // The samples' people are told apart by id and address.
    expect(empty).toEqual(['person_phone', 'other_fields', 'truncated'])
  })
})

describe('what is not as documented', () => {
  it.each(unusualWebhookSamples())('$name is kept, as an event or in the quarantine', ({ body }) => {
    const { rows } = decode(body)
    const kept = of('webhook_events', rows)[0]
    if (kept === undefined) {
      const raw = Buffer.from(String(of('webhook_quarantine', rows)[0]?.body), 'base64').toString()
      expect(JSON.parse(raw)).toEqual(JSON.parse(JSON.stringify(body)))
    } else {
      expect(JSON.parse(String(kept.data))).toEqual(JSON.parse(JSON.stringify(body.data ?? {})))
    }
  })

  it('says what is new, by name', () => {
    expect(decode(unusual('unknown object type')).novelties).toEqual([{ kind: 'object_type', name: 'carrier_pigeon' }])
    expect(decode({ ...EVENT, object_type: 'probe', metric: 'round', data: { x: 1 } }).novelties).toEqual([])
    expect(decode(unusual('unknown metric')).novelties).toEqual([{ kind: 'metric', name: 'email.teleported' }])
    expect(decode(unusual('unknown fields')).novelties).toEqual([
      { kind: 'field', name: 'data.mood' },
      { kind: 'field', name: 'data.tags' },
      { kind: 'field', name: 'schema_version' },
    ])
    expect(decode({ event_id: 'e', timestamp: EVENT.timestamp }).novelties).toEqual([
      { kind: 'object_type', name: '(none)' },
    ])
    expect(decode({ ...EVENT, metric: undefined }).novelties).toEqual([{ kind: 'metric', name: 'email.(none)' }])
  })

  it('does not say what could be anything but a name', () => {
    const { novelties } = decode(withData({ 'ada@example.com': 1 }, { object_type: 'x'.repeat(101) }))
    expect(novelties).toEqual([
      { kind: 'object_type', name: '(not a name)' },
      { kind: 'field', name: '(not a name)' },
    ])
  })

  it('keeps unknown fields in data, and beside it', () => {
    const row = eventOf(unusual('unknown fields'))
    expect(row?.other_fields).toBe('{"schema_version":3}')
    expect(JSON.parse(String(row?.data))).toMatchObject({ mood: { joy: 0.9 }, tags: ['a', 'b'] })
  })

  it('takes the object type from object_type_type', () => {
    expect(eventOf(unusual('object_type_type instead of object_type'))).toMatchObject({ object_type: 'email' })
    expect(eventOf({ ...EVENT, object_type: null, object_type_type: 'push' })).toMatchObject({ object_type: 'push' })
  })

  it('does without identifiers, and falls back to the deprecated customer_id', () => {
    expect(eventOf(unusual('null identifiers'))).not.toHaveProperty('person_id')
    expect(eventOf(withData({ identifiers: null, customer_id: 'old' }))).toMatchObject({ person_id: 'old' })
    expect(eventOf(withData({ identifiers: { id: null, email: '' }, customer_id: 7 }))).toMatchObject({
      person_id: '7',
    })
  })

  it.each([[null], [[1, 2]], ['text'], [7], [undefined]])('keeps data that is no object: %j', (data) => {
    expect(eventOf(withData(data))).toMatchObject({ event_id: 'e1', data: JSON.stringify(data ?? {}) })
  })

  it('leaves a column empty that a value does not fit, and keeps the value in data', () => {
    const data = {
      campaign_id: '12',
      action_id: 1.5,
      newsletter_id: 2 ** 60,
      link_id: { a: 1 },
      subject: ['x'],
      proxied: 'true',
      prefetched: 0,
      machine: 'maybe',
      recipients: 'ada',
    }
    const row = eventOf(withData(data))
    expect(row).toMatchObject({ campaign_id: '12', proxied: true, prefetched: false, data: JSON.stringify(data) })
    for (const name of ['action_id', 'newsletter_id', 'link_id', 'subject', 'machine', 'recipients']) {
      expect(row).not.toHaveProperty(name)
    }
    expect(eventOf(withData({ recipients: [{ device_id: 'x', more: 1 }, 'y'] }))).toMatchObject({
      recipients: [{ device_id: 'x' }],
    })
  })

  it('replaces lone surrogates, which BigQuery does not store, and nothing that only looks like them', () => {
    const row = eventOf(withData({ subject: 'a\ud800b', body: 'literally \\ud800', fine: '👋' }))
    expect(row?.subject).toBe('a\ufffdb')
    expect(JSON.parse(String(row?.data))).toEqual({ subject: 'a\ufffdb', body: 'literally \\ud800', fine: '👋' })
  })

  it('keeps integers that are longer than a number of JavaScript, as far as BigQuery holds them', () => {
    const data =
      '{"a":9007199254740993,"b":[-9223372036854775808,18446744073709551615],"c":1.5,"d":"12345678901234567890"}'
    const decoded = decodeBytes(Buffer.from(`{"event_id":"e1","timestamp":1793610000,"data":${data}}`))
    expect(decoded).toMatchObject({ value: { rows: [{ json: { data } }] } })
    const longer = decodeBytes(
      Buffer.from('{"event_id":"e1","timestamp":1793610000,"data":{"a":18446744073709551616}}'),
    )
    expect(longer).toMatchObject({ value: { rows: [{ json: { data: '{"a":18446744073709552000}' } }] } })
  })

  it('knows a person and a message also by an integer that is longer than a number of JavaScript', () => {
    const data = '{"identifiers":{"id":12345678901234567},"campaign_id":123456789012345678}'
    const body = `{"event_id":"e1","timestamp":1793610000,"metric":"unsubscribed","data":${data}}`
    const columns = { person_id: '12345678901234567', campaign_id: '123456789012345678' }
    expect(decodeBytes(Buffer.from(body))).toMatchObject({
      value: { rows: [{ json: { ...columns, data } }, { table: 'subscription_changes', json: columns }] },
    })
    const number = decodeBytes(Buffer.from('{"event_id":"e1","timestamp":1793610000,"data":12345678901234567}'))
    expect(number).toMatchObject({
      value: { rows: [{ json: { data: '12345678901234567' } }], novelties: [{ kind: 'object_type' }] },
    })
  })

  it('keeps fields of any name, those that mean something to JavaScript too', () => {
    const fields = '{"__proto__":{"recipient":"x"},"constructor":1}'
    const body = `{"event_id":"e1","timestamp":1793610000,"__proto__":{"metric":"sent"},"data":${fields}}`
    const decoded = decodeBytes(Buffer.from(body))
    const json = decoded.ok ? decoded.value.rows[0]?.json : undefined
    expect(json).toMatchObject({ data: fields, other_fields: '{"__proto__":{"metric":"sent"}}' })
    expect(json).not.toHaveProperty('metric')
    expect(json).not.toHaveProperty('recipient')
  })

  it.each([
    [1_793_610_000, '2026-11-02T09:00:00.000Z'],
    [1_793_610_000.25, '2026-11-02T09:00:00.250Z'],
    ['1793610000', '2026-11-02T09:00:00.000Z'],
    ['2026-11-02T10:00:00+01:00', '2026-11-02T09:00:00.000Z'],
  ])('reads the time %j', (timestamp, iso) => {
    expect(eventOf({ ...EVENT, timestamp })).toMatchObject({ timestamp: iso })
  })

  it.each([
    ['timestamp in milliseconds', { timestamp: 1_793_610_000_250 }, { timestamp: '2026-11-02T09:00:00.250Z' }],
    ['timestamp in milliseconds', { timestamp: '1793610000250' }, { timestamp: '2026-11-02T09:00:00.250Z' }],
    ['timestamp in microseconds', { timestamp: 1_793_610_000_250_000 }, { timestamp: '2026-11-02T09:00:00.250Z' }],
    ['timestamp in nanoseconds', { timestamp: 1_793_610_000_250_000_000 }, { timestamp: '2026-11-02T09:00:00.250Z' }],
    ['event_id is a number', { event_id: 7 }, { event_id: '7' }],
  ])('heals and reports: %s', (name, fields, columns) => {
    const decoded = decode({ ...EVENT, ...fields })
    expect(decoded.rows).toMatchObject([{ table: 'webhook_events', json: columns }])
    expect(decoded.novelties).toContainEqual({ kind: 'shape', name })
  })

  it('keeps every digit of an event id that is a number', () => {
    const body = JSON.stringify(EVENT).replace('"event_id":"e1"', '"event_id":12345678901234567890')
    expect(decodeBytes(Buffer.from(body))).toMatchObject({
      value: { rows: [{ json: { event_id: '12345678901234567890' } }] },
    })
  })
})

describe('the quarantine', () => {
  const reasonsOf = (body: unknown, attributes?: Record<string, string>) =>
    of('webhook_quarantine', decode(body, attributes).rows).map(({ reason }) => reason)

  it.each([
    [undefined, 'no_timestamp'],
    [null, 'no_timestamp'],
    ['soon', 'no_timestamp'],
    ['2026-13-45T99:00:00Z', 'no_timestamp'],
    ['2026-11-02T09:00:00', 'no_timestamp'], // of whichever zone
    [4_000_000_000, 'timestamp_out_of_range'], // in the year 2096
    [1_300_000_000, 'timestamp_out_of_range'], // more than five years ago
    [-1e30, 'timestamp_out_of_range'],
    [1e300, 'timestamp_out_of_range'],
  ])('takes an event of the time %j, which BigQuery cannot hold', (timestamp, reason) => {
    const { rows } = decode({ ...EVENT, timestamp })
    expect(rows).toMatchObject([{ table: 'webhook_quarantine', json: { reason, event_id: 'e1' } }])
  })

  it('takes what is no event, byte for byte, with the headers that matter', () => {
    const data = Buffer.from([0x7b, 0xff, 0x00])
    const decoded = decodeBytes(data, { signature_timestamp: '1793610000', traceparent: '00-a-b-01', event_id: 'x' })
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        rows: [
          {
            table: 'webhook_quarantine',
            insertId: 'm1/not_json',
            json: {
              reason: 'not_json',
              received_at: RECEIVED_AT,
              message_id: 'm1',
              signature_timestamp: '1793610000',
              traceparent: '00-a-b-01',
              body: data.toString('base64'),
            },
          },
        ],
      },
    })
    expect(reasonsOf([])).toEqual(['not_an_object'])
    expect(reasonsOf({ ...EVENT, event_id: 7.5 })).toEqual(['no_event_id'])
    expect(reasonsOf({ ...EVENT, event_id: true })).toEqual(['no_event_id'])
    expect(reasonsOf({ ...EVENT, event_id: '' })).toEqual(['no_event_id'])
  })

  it('takes what the webhook function did not understand, with its reason', () => {
    const { rows, quarantineRow } = decode(EVENT, {
      quarantine: 'too_large',
      event_id: 'e9',
      metric: 'sent',
      truncated: 'body',
    })
    expect(rows).toMatchObject([{ json: { reason: 'too_large', event_id: 'e9', metric: 'sent', truncated: 'body' } }])
    expect(quarantineRow('refused')).toBeUndefined()
  })

  it('takes an event that is nested deeper than can be written again', () => {
    const deep = `${'['.repeat(40_000)}${']'.repeat(40_000)}`
    const inData = decodeBytes(Buffer.from(JSON.stringify(EVENT).replace('"d"', deep)))
    const beside = decodeBytes(Buffer.from(JSON.stringify({ ...EVENT, more: 'x' }).replace('"x"', deep)))
    for (const decoded of [inData, beside]) {
      expect(decoded).toMatchObject({
        ok: true,
        value: { rows: [{ table: 'webhook_quarantine', json: { reason: 'too_deep' } }] },
      })
    }
  })

  it('takes an event of more values than are worth parsing', () => {
    const body = JSON.stringify(EVENT).replace('"d"', `[${'{},'.repeat(50_000)}0]`)
    const decoded = decodeBytes(Buffer.from(body))
    expect(decoded).toMatchObject({
      ok: true,
      value: { rows: [{ json: { reason: 'too_complex', body: Buffer.from(body).toString('base64') } }] },
    })
  })

  it('takes the whole event when BigQuery refuses one of its rows', () => {
    expect(decode(EVENT).quarantineRow('data: Invalid JSON')).toMatchObject({
      table: 'webhook_quarantine',
      insertId: 'e1/row_refused',
      json: {
        reason: 'row_refused',
        error: 'data: Invalid JSON',
        event_id: 'e1',
        object_type: 'email',
        metric: 'sent',
      },
    })
  })
})

describe('an event that is larger than a row', () => {
  const large = 'x'.repeat(MAX_ROW_BYTES)

  it('loses the body of the message that was sent, and says so', () => {
    const row = eventOf(withData({ delivery_id: 'd', content: large }))
    expect(row).toMatchObject({ delivery_id: 'd', truncated: 'data.content', data: '{"delivery_id":"d"}' })
  })

  it('is refused when that is not enough, so that the dead letters keep it as it is', () => {
    for (const body of [withData({ content: 'x', more: large }), { ...EVENT, more: large }, [large]]) {
      expect(decodeBytes(Buffer.from(JSON.stringify(body)))).toMatchObject({ ok: false, reason: 'refused' })
    }
  })

  it('goes to the quarantine when only there it fits', () => {
    // Each quote takes one byte in the body, and four where the data is written as JSON within JSON.
    const body = `{"event_id":"e1","timestamp":1793610000,"data":{"quotes":"${'\\"'.repeat(MAX_ROW_BYTES / 4)}"}}`
    expect(decodeBytes(Buffer.from(body))).toMatchObject({
      ok: true,
      value: { rows: [{ json: { reason: 'too_large' } }] },
    })
  })

  it('is refused when its preferences are lost and no row of the quarantine can hold it', () => {
    const body = withData(
      { identifiers: { id: 'a' }, content: 'x'.repeat(7_000_000) },
      { metric: 'cio_subscription_preferences_changed' },
    )
    expect(decodeBytes(Buffer.from(JSON.stringify(body)))).toMatchObject({ ok: false, reason: 'refused' })
  })

  it('says that the webhook function left something out', () => {
    expect(of('webhook_events', decode(EVENT, { truncated: 'data.content' }).rows)).toMatchObject([
      { truncated: 'data.content' },
    ])
  })

  it('is told from others by a short insert id, even when its event id is long', () => {
    const ids = ['a', 'b'].map((end) => decode({ ...EVENT, event_id: 'x'.repeat(500) + end }).rows[0]?.insertId ?? '')
    expect(ids.every((id) => id.length <= 128)).toBe(true)
    expect(new Set(ids).size).toBe(2)
  })
})

describe('subscription changes', () => {
  const changesOf = (body: unknown) => of('subscription_changes', decode(body).rows)
  const WHO = { identifiers: { id: 'ada', email: 'ada@example.com', cio_id: 'c1' } }
  const change = (metric: string, data: Record<string, unknown>, object_type = 'customer') => ({
    ...EVENT,
    metric,
    object_type,
    data,
  })

  it('come of subscribing, unsubscribing, hard bounces and complaints, with the message they came from', () => {
    const message = {
      ...WHO,
      delivery_id: 'd',
      campaign_id: 5,
      action_id: 6,
      recipient: 'ada@example.com',
      failure_message: '550',
    }
    expect(changesOf(change('subscribed', WHO))).toMatchObject([
      { kind: 'global', subscribed: true, person_id: 'ada', person_cio_id: 'c1' },
    ])
    expect(changesOf(change('unsubscribed', message, 'email'))).toMatchObject([
      { kind: 'global', subscribed: false, object_type: 'email', delivery_id: 'd', campaign_id: 5, action_id: 6 },
    ])
    const [bounce] = changesOf(change('bounced', message, 'email'))
    expect(bounce).toMatchObject({ kind: 'hard_bounce', recipient: 'ada@example.com', failure_message: '550' })
    expect(bounce).not.toHaveProperty('subscribed')
    expect(changesOf(change('spammed', message, 'email'))).toMatchObject([{ kind: 'complaint', subscribed: false }])
    expect(changesOf(change('opened', message, 'email'))).toEqual([])
  })

  const preferences = (content: unknown) => change('cio_subscription_preferences_changed', { ...WHO, content })

  it.each([
    ['JSON in a string', '{"topics":{"topic_1":true,"topic_7":false}}'],
    ['an object', { topics: { topic_1: true, topic_7: false } }],
    ['JSON in a string in a string', JSON.stringify('{"topics":{"topic_1":"true","topic_7":0}}')],
  ])('come of preferences, one a topic, from %s', (_name, content) => {
    const { rows } = decode(preferences(content))
    expect(of('subscription_changes', rows)).toMatchObject([
      { kind: 'topic', topic_id: 'topic_1', subscribed: true, event_id: 'e1' },
      { kind: 'topic', topic_id: 'topic_7', subscribed: false, event_id: 'e1' },
    ])
    expect(rows.map(({ insertId }) => insertId)).toEqual(['e1', 'e1/topic_1', 'e1/topic_7'])
    expect(of('webhook_quarantine', rows)).toEqual([])
  })

  it.each([undefined, null, '', '{"topics":', 'null', '{"topics":[]}', '{"other":{}}', 7])(
    'that cannot be read (content %j) are put into the quarantine beside the event',
    (content) => {
      const { rows } = decode(preferences(content))
      expect(rows.map(({ table, json }) => [table, json.reason])).toEqual([
        ['webhook_events', undefined],
        ['webhook_quarantine', 'preferences_not_understood'],
      ])
    },
  )

  it('that can be read in part are taken as far as they can', () => {
    const { rows } = decode(preferences('{"topics":{"topic_1":false,"topic_2":null,"":true}}'))
    expect(of('subscription_changes', rows)).toMatchObject([{ topic_id: 'topic_1', subscribed: false }])
    expect(of('webhook_quarantine', rows)).toMatchObject([
      { reason: 'preferences_not_understood', error: '2 topics are neither true nor false' },
    ])
  })

  it('come of channels as well as of topics', () => {
    const content = { topics: { topic_1: true }, channels: JSON.stringify({ email: 'False', in_app: '1', rcs: false }) }
    const decoded = decode(preferences(content))
    expect(of('subscription_changes', decoded.rows)).toMatchObject([
      { kind: 'topic', topic_id: 'topic_1', subscribed: true },
      { kind: 'channel', channel: 'email', subscribed: false },
      { kind: 'channel', channel: 'in_app', subscribed: true },
      { kind: 'channel', channel: 'rcs', subscribed: false },
    ])
    expect(of('webhook_quarantine', decoded.rows)).toEqual([])
    expect(decoded.novelties).toEqual([{ kind: 'channel', name: 'rcs' }])
  })

  it.each([
    ['1 keys are neither topics nor channels', { topics: { topic_1: false }, locales: { de: false } }],
    ['channels are no object', { topics: { topic_1: false }, channels: ['email'] }],
    ['1 channels are neither true nor false', { topics: { topic_1: false }, channels: { email: 'maybe' } }],
    ['1 topics are neither true nor false', { topics: { topic_1: false, news: false } }],
  ])('are never dropped in silence: %s', (error, content) => {
    const { rows } = decode(preferences(content))
    expect(of('subscription_changes', rows)).toMatchObject([{ topic_id: 'topic_1', subscribed: false }])
    expect(of('webhook_quarantine', rows)).toMatchObject([{ reason: 'preferences_not_understood', error }])
  })

  it.each([
    ['no time', undefined],
    ['a time far ahead', NOW_MS / 1000 + 100 * 86_400],
  ])('of %s count from their arrival when they are opt-outs, and otherwise not', (_name, timestamp) => {
    const content = { topics: { topic_1: false, topic_2: true } }
    const body = { ...change('cio_subscription_preferences_changed', { ...WHO, content }), timestamp }
    const { rows } = decode(body)
    expect(of('subscription_changes', rows)).toMatchObject([
      { topic_id: 'topic_1', subscribed: false, timestamp: RECEIVED_AT, received_at: RECEIVED_AT },
    ])
    expect(of('webhook_quarantine', rows)).toHaveLength(1)
    expect(of('subscription_changes', decode({ ...change('subscribed', WHO), timestamp }).rows)).toEqual([])
  })

  it('are noted for the address that an e-mail went to, when nobody is named', () => {
    expect(
      changesOf(change('unsubscribed', { identifiers: null, recipient: 'ada@example.com' }, 'email')),
    ).toMatchObject([{ person_email: 'ada@example.com', subscribed: false }])
  })

  it('of nobody go to the quarantine, so that no opt-out is lost unseen', () => {
    const { rows } = decode(change('unsubscribed', { identifiers: null, recipient: '+44' }, 'sms'))
    expect(rows.map(({ table, json }) => [table, json.reason])).toEqual([
      ['webhook_events', undefined],
      ['webhook_quarantine', 'no_person'],
    ])
  })
})

describe('the time of reception', () => {
  const receivedAt = (attributes: Record<string, string>, publishTime: string) => {
    const decoded = decodeWebhookEvent(
      { data: Buffer.from(JSON.stringify(EVENT)), attributes, messageId: 'm', publishTime },
      NOW_MS,
    )
    return decoded.ok ? decoded.value.rows[0]?.json.received_at : undefined
  }

  it('is what the webhook function says, else when it was published, else now', () => {
    expect(receivedAt({ received_at: '2026-11-21T10:00:00Z' }, '2026-11-21T11:00:00Z')).toBe('2026-11-21T10:00:00.000Z')
    expect(receivedAt({ received_at: 'nonsense' }, '2026-11-21T11:00:00Z')).toBe('2026-11-21T11:00:00.000Z')
    expect(receivedAt({ received_at: '1970-01-01T00:00:00Z' }, '')).toBe('2026-11-21T12:00:00.000Z')
  })
})

it('decodes whatever it is given, without throwing', () => {
  const anything = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .record({
        event_id: fc.string(),
        timestamp: fc.oneof(fc.integer(), fc.double(), fc.string()),
        data: fc.jsonValue(),
        metric: fc.jsonValue(),
      })
      .map((event) => Buffer.from(JSON.stringify(event))),
  )
  fc.assert(
    fc.property(
      anything,
      fc.dictionary(fc.constantFrom('quarantine', 'received_at', 'event_id', 'truncated'), fc.string()),
      (data, attributes) => {
        const decoded = decodeWebhookEvent({ data, attributes, messageId: 'm', publishTime: '' }, NOW_MS)
        expect(decoded.ok && decoded.value.rows.length > 0).toBe(true)
      },
    ),
  )
})
