import { setTimeout as delay } from 'node:timers/promises'
import { webhookSamples } from '../../scripts/emulators/customerio/samples/index.ts'
import { startTestWarehouse, type TestWarehouse } from '../../scripts/testing/warehouse.ts'
import { systemClock } from '../clock/index.ts'
import { answerOfError } from './bigquery.ts'
import { createBigQueryRows, type DecodedEvent, decodeWebhookEvent, insertEvents } from './index.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const QUIET = { warning: () => {} }
const samples = webhookSamples()

let warehouse: TestWarehouse
beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: () => NOW_MS })
})
afterAll(() => warehouse.close())
beforeEach(async () => {
  warehouse.server.misbehave()
  await warehouse.clear()
})

function decoded(count: number): DecodedEvent[] {
  return samples.slice(0, count).map(({ event }, index) => {
    const message = {
      data: Buffer.from(JSON.stringify(event)),
      attributes: {},
      messageId: String(index),
      publishTime: '',
    }
    const result = decodeWebhookEvent(message, NOW_MS)
    if (!result.ok) throw new Error(result.error)
    return result.value
  })
}
const rows = (timeoutMs = 10_000) =>
  createBigQueryRows({ dataset: async () => warehouse.dataset, timeoutMs, clock: systemClock })
const insert = async (events: readonly DecodedEvent[], timeoutMs?: number) =>
  insertEvents(events, rows(timeoutMs), QUIET)
const count = async (table: string) => (await warehouse.query(`SELECT COUNT(*) AS n FROM customerio.${table}`))[0]?.n

describe('through the real client', () => {
  it('stores every sample with all its rows', async () => {
    const events = decoded(samples.length)
    const outcomes = await insert(events)
    expect(outcomes.every(({ kind }) => kind === 'delivered')).toBe(true)
    expect(await count('webhook_events')).toBe(samples.length)
    expect(await count('subscription_changes')).toBe(events.flatMap(({ rows: all }) => all).length - samples.length)
    expect(await count('webhook_quarantine')).toBe(0)
  })

  it('does not store an event again that comes again within a minute', async () => {
    await insert(decoded(10))
    await insert(decoded(10))
    expect(await count('webhook_events')).toBe(10)
  })

  it('puts a refused row into the quarantine with the reason and the body, and stores its neighbours', async () => {
    const bad = samples[3]?.event
    warehouse.server.misbehave({
      kind: 'refuseRows',
      matches: (table, row) => table !== 'webhook_quarantine' && JSON.stringify(row).includes(String(bad?.event_id)),
    })
    const outcomes = await insert(decoded(20))
    expect(outcomes.every(({ kind }) => kind === 'delivered')).toBe(true)
    expect(await count('webhook_events')).toBe(19)
    const quarantined = await warehouse.query(
      'SELECT reason, error, event_id, SAFE_CONVERT_BYTES_TO_STRING(body) AS body FROM customerio.webhook_quarantine',
    )
    expect(quarantined).toEqual([
      { reason: 'row_refused', error: 'Refused by order.', event_id: bad?.event_id, body: JSON.stringify(bad) },
    ])
  })

  it('retries all while BigQuery refuses every row, those of the quarantine too, and loses nothing', async () => {
    warehouse.server.misbehave({ kind: 'refuseAll' })
    expect(new Set((await insert(decoded(5))).map(({ kind }) => kind))).toEqual(new Set(['retry']))
    warehouse.server.misbehave()
    expect(new Set((await insert(decoded(5))).map(({ kind }) => kind))).toEqual(new Set(['delivered']))
    expect(await count('webhook_events')).toBe(5)
  })

  it.each([
    ['down', { kind: 'down' } as const, 'transient', 503],
    ['over quota', { kind: 'down', httpStatus: 403, reason: 'quotaExceeded' } as const, 'transient', 403],
    ['too busy', { kind: 'down', httpStatus: 429, reason: 'rateLimitExceeded' } as const, 'transient', 429],
    ['unreachable', { kind: 'unreachable' } as const, 'transient', undefined],
    ['forbidden to us', { kind: 'down', httpStatus: 403, reason: 'accessDenied' } as const, 'configuration', 403],
    ['without our dataset', { kind: 'down', httpStatus: 404, reason: 'notFound' } as const, 'configuration', 404],
  ])('retries while BigQuery is %s, and loses nothing', async (_name, order, cause, httpStatus) => {
    warehouse.server.misbehave(order)
    for (const outcome of await insert(decoded(5))) {
      expect(outcome).toMatchObject({ kind: 'retry', cause })
      expect(outcome).toHaveProperty('error', expect.not.stringContaining('@'))
      if (httpStatus !== undefined) expect(outcome).toMatchObject({ httpStatus })
    }
    warehouse.server.misbehave()
    expect(new Set((await insert(decoded(5))).map(({ kind }) => kind))).toEqual(new Set(['delivered']))
    expect(await count('webhook_events')).toBe(5)
  })

  it('does not wait forever for a slow BigQuery', async () => {
    warehouse.server.misbehave({ kind: 'slow', delayMs: 60_000 })
    expect(await insert(decoded(2), 50)).toMatchObject([
      { kind: 'retry', cause: 'transient', error: 'BigQuery gave no answer within 50 ms' },
      { kind: 'retry', cause: 'transient' },
    ])
  })

  it('stores once what was stored although the answer was lost', async () => {
    warehouse.server.misbehave({ kind: 'answerLost' })
    expect(await insert(decoded(5))).toMatchObject(Array.from({ length: 5 }, () => ({ kind: 'retry' })))
    warehouse.server.misbehave()
    await insert(decoded(5))
    expect(await count('webhook_events')).toBe(5)
  })

  it('retries when the table has not the columns that we write: that is not the fault of the event', async () => {
    const events = decoded(3).map((event) => ({
      ...event,
      rows: event.rows.map((row) => ({ ...row, json: { ...row.json, of_tomorrow: 1 } })),
    }))
    expect(await insert(events)).toMatchObject(
      events.map(() => ({
        kind: 'retry',
        cause: 'configuration',
        error: 'the table has another schema: no such field: of_tomorrow.',
      })),
    )
  })
})

describe('what an error says', () => {
  const perRow = (errors: unknown[]) => answerOfError({ response: { insertErrors: [{ index: '0', errors }] } })

  it('takes a row that BigQuery could not take just now for a retry, not for a bad row', () => {
    for (const errors of [[{ reason: 'timeout' }], [{ reason: 'backendError', message: 'x' }], []]) {
      expect(perRow(errors)).toMatchObject({
        kind: 'perRow',
        failures: new Map([[0, expect.objectContaining({ kind: 'retry', cause: 'transient' })]]),
      })
    }
  })

  it('names the column of a bad value', () => {
    expect(
      perRow([
        { reason: 'invalid', location: 'link_id', message: 'bad' },
        { reason: 'invalid', message: 'worse' },
      ]),
    ).toEqual({
      kind: 'perRow',
      failures: new Map([[0, { kind: 'refused', reason: 'refused', error: 'link_id: bad; worse' }]]),
    })
  })

  it.each([400, 413])('takes %i for a request refused as a whole', (code) => {
    expect(answerOfError({ code, message: 'too large', errors: [{ reason: 'x' }] })).toEqual({
      kind: 'refusedWhole',
      outcome: { kind: 'refused', reason: 'refused', error: 'too large', httpStatus: code },
    })
  })

  it.each([
    [408, 'transient'],
    [500, 'transient'],
    [401, 'configuration'],
    [301, 'configuration'],
  ])('takes %i for a retry, %s', (code, cause) => {
    expect(answerOfError({ code })).toMatchObject({
      kind: 'failed',
      outcome: { kind: 'retry', cause, httpStatus: code },
    })
  })

  it('takes anything else for a network that is down, and says nothing of it', () => {
    for (const error of [new Error('ECONNRESET ada@example.com'), 'text', undefined, { code: 'ECONNREFUSED' }]) {
      expect(answerOfError(error)).toEqual({
        kind: 'failed',
        outcome: { kind: 'retry', cause: 'transient', error: 'BigQuery could not be reached' },
      })
    }
  })

  it('is a retry also when the client cannot be opened', async () => {
    const broken = createBigQueryRows({
      clock: systemClock,
      dataset: async () => {
        await delay(0)
        throw new Error('no client')
      },
      timeoutMs: 100,
    })
    expect(await insertEvents(decoded(1), broken, QUIET)).toMatchObject([{ kind: 'retry', cause: 'transient' }])
  })
})
