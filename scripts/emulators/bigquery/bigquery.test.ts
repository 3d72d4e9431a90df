import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BigQuery, type Table } from '@google-cloud/bigquery'
import { type BigQueryOptions, type LocalBigQuery, startBigQuery } from './index.ts'

const START_MS = Date.UTC(2026, 10, 21, 12)
const FIELDS = [
  { name: 'id', type: 'STRING', mode: 'REQUIRED' },
  { name: 'at', type: 'TIMESTAMP' },
  { name: 'amount', type: 'INTEGER' },
  { name: 'price', type: 'FLOAT64' },
  { name: 'ok', type: 'BOOL' },
  { name: 'day', type: 'DATE' },
  { name: 'raw', type: 'BYTES' },
  { name: 'data', type: 'JSON' },
  { name: 'tags', type: 'STRING', mode: 'REPEATED' },
  {
    name: 'devices',
    type: 'RECORD',
    mode: 'REPEATED',
    fields: [
      { name: 'device_id', type: 'STRING' },
      { name: 'seen', type: 'TIMESTAMP' },
    ],
  },
]

const clock = { nowMs: START_MS }
let server: LocalBigQuery
let bigquery: BigQuery
let table: Table
let onRequest: () => void = () => {}

async function start(options: BigQueryOptions = {}): Promise<void> {
  server = await startBigQuery({ now: () => clock.nowMs, onRequest: () => onRequest(), ...options })
  process.env.BIGQUERY_EMULATOR_HOST = server.url
  bigquery = new BigQuery({ projectId: 'local-project', retryOptions: { autoRetry: false } })
  table = bigquery.dataset('shop').table('orders')
}

async function createOrders(): Promise<void> {
  await bigquery.createDataset('shop')
  await bigquery.dataset('shop').createTable('orders', {
    schema: { fields: FIELDS },
    timePartitioning: { type: 'DAY', field: 'at' },
  })
}

const row = (id: string, more: Record<string, unknown> = {}) => ({ insertId: id, json: { id, ...more } })
const insert = (rows: unknown[], more: Record<string, unknown> = {}) =>
  table.insert(rows, { raw: true, partialRetries: 0, ...more })
const query = async (sql: string, params?: unknown) =>
  (await bigquery.query({ query: sql, params: params as never }))[0]
const ids = async () => (await query('SELECT id FROM shop.orders ORDER BY id')).map(({ id }: { id: string }) => id)

async function stop(): Promise<void> {
  await server.close()
  delete process.env.BIGQUERY_EMULATOR_HOST
}

/** A server for each test of a group. */
function freshServers(options: BigQueryOptions = {}): void {
  beforeEach(async () => {
    await start(options)
    await createOrders()
  })
  afterEach(stop)
}

/** One server for all tests of a group, with an empty table for each. */
function sharedServer(): void {
  beforeAll(async () => {
    await start()
    await createOrders()
  })
  afterAll(stop)
  beforeEach(async () => {
    clock.nowMs += 60_000 // after which an insert id may be used again
    await query('DELETE FROM shop.orders WHERE TRUE')
  })
}

describe('datasets and tables', () => {
  freshServers()

  it('shows what was made, and refuses to make it twice', async () => {
    expect((await bigquery.getDatasets())[0].map(({ id }) => id)).toEqual(['shop'])
    expect((await bigquery.dataset('shop').getTables())[0].map(({ id }) => id)).toEqual(['orders'])
    const [metadata] = await table.getMetadata()
    expect(metadata.schema.fields.map(({ name }: { name: string }) => name)).toEqual(FIELDS.map(({ name }) => name))
    expect(metadata.timePartitioning).toEqual({ type: 'DAY', field: 'at' })
    await expect(createOrders()).rejects.toMatchObject({ code: 409, errors: [{ reason: 'duplicate' }] })
  })

  it('answers 404 for what there is not', async () => {
    await expect(bigquery.dataset('shop').table('none').getMetadata()).rejects.toMatchObject({ code: 404 })
    await expect(bigquery.dataset('none').getMetadata()).rejects.toMatchObject({ code: 404 })
    await expect(
      bigquery
        .dataset('shop')
        .table('none')
        .insert([row('a')], { raw: true }),
    ).rejects.toMatchObject({
      code: 404,
    })
    await expect(query('SELECT 1 AS one FROM shop.none')).rejects.toMatchObject({ code: 404 })
    await expect(bigquery.dataset('shop').table('none').exists()).resolves.toEqual([false])
  })

  it('deletes tables and datasets', async () => {
    await expect(bigquery.dataset('shop').delete()).rejects.toMatchObject({ errors: [{ reason: 'resourceInUse' }] })
    await bigquery.dataset('shop').delete({ force: true })
    await createOrders()
    await table.delete()
    expect((await bigquery.dataset('shop').getTables())[0]).toEqual([])
  })

  it('calls a table function with literals, parameters and expressions, and lets it have another query', async () => {
    const routine = (definitionBody: string) => ({
      routineType: 'TABLE_VALUED_FUNCTION' as const,
      language: 'SQL' as const,
      arguments: [
        { name: 'whose', dataType: { typeKind: 'STRING' as const } },
        { name: 'since', dataType: { typeKind: 'DATE' as const } },
      ],
      definitionBody,
    })
    const BODY = "SELECT CONCAT(whose, '!') AS shout, DATE_ADD(since, INTERVAL 1 DAY) AS next FROM shop.orders"
    await insert([row('a')])
    const dataset = bigquery.dataset('shop')
    await dataset.createRoutine('f', routine(BODY))
    await expect(dataset.createRoutine('f', routine(BODY))).rejects.toMatchObject({ code: 409 })
    await expect(dataset.createRoutine('g', routine('SELECT FROM'))).rejects.toMatchObject({ code: 400 })
    const called = (written: string, params = {}) => query(`SELECT * FROM ${written}`, params)
    const next = bigquery.date('2026-11-02')
    expect(await called("`local-project.shop.f`('x', DATE '2026-11-01')")).toEqual([{ shout: 'x!', next }])
    expect(await called('shop.f(UPPER(@who), @since)', { who: 'x', since: bigquery.date('2026-11-01') })).toEqual([
      { shout: 'X!', next },
    ])
    await expect(called("shop.unknown('x')")).rejects.toMatchObject({ code: 404 })
    await dataset.routine('f').setMetadata(routine('SELECT whose AS whom'))
    expect(await called("shop.f('x', DATE '2026-11-01')")).toEqual([{ whom: 'x' }])
  })

  it('refuses a view whose query cannot run, and lets a view have another query', async () => {
    const view = (sql: string) => ({ view: { query: sql, useLegacySql: false } })
    await expect(
      bigquery.dataset('shop').createTable('v', view('SELECT wrong FROM shop.orders')),
    ).rejects.toMatchObject({
      code: 400,
    })
    const [made] = await bigquery.dataset('shop').createTable('v', view('SELECT 1 AS one'))
    await made.setMetadata(view('SELECT 2 AS two'))
    expect(await query('SELECT * FROM `local-project.shop.v`')).toEqual([{ two: 2 }])
    expect((await made.getMetadata())[0].type).toBe('VIEW')
    await expect(made.insert([row('a')], { raw: true })).rejects.toMatchObject({ code: 400 })
  })
})

describe('insertAll', () => {
  sharedServer()

  it('keeps every type, and gives it back to the client as it was', async () => {
    await insert([
      row('a', {
        at: '2026-11-20T10:11:12.123456Z',
        amount: '9007199254740991',
        price: 1.5,
        ok: true,
        day: '2026-11-20',
        raw: Buffer.from([0, 255]).toString('base64'),
        data: JSON.stringify({ a: { b: [1, null] } }),
        tags: ['x', 'y'],
        devices: [{ device_id: 'd1', seen: 1_763_740_000 }, { device_id: 'd2' }],
      }),
      row('b'),
    ])
    const [a, b] = await query('SELECT * FROM shop.orders ORDER BY id')
    expect(a.at.value).toBe('2026-11-20T10:11:12.123456000Z')
    expect(a.day.value).toBe('2026-11-20')
    expect(a.devices[0].seen.value).toBe('2025-11-21T15:46:40.000Z')
    expect(JSON.parse(a.data)).toEqual({ a: { b: [1, null] } })
    expect(a).toMatchObject({ id: 'a', amount: 9007199254740991, price: 1.5, ok: true, tags: ['x', 'y'] })
    expect([...a.raw]).toEqual([0, 255])
    expect(a.devices[1]).toEqual({ device_id: 'd2', seen: null })
    expect(b).toEqual({
      ...{ id: 'b', at: null, amount: null, price: null, ok: null, day: null, raw: null, data: null },
      ...{ tags: [], devices: [] },
    })
  })

  it('stores nothing when one row is bad: that row says why, its neighbours say stopped', async () => {
    const failure = await insert([row('a'), row('b', { amount: 'many' }), row('c')]).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      name: 'PartialFailureError',
      response: {
        insertErrors: [
          { index: 0, errors: [{ reason: 'stopped' }] },
          { index: 1, errors: [{ reason: 'invalid', location: 'amount' }] },
          { index: 2, errors: [{ reason: 'stopped' }] },
        ],
      },
    })
    expect(await ids()).toEqual([])
  })

  it('stores the good rows beside a bad one when told to skip it', async () => {
    await expect(insert([row('a'), row('b', { none: 1 })], { skipInvalidRows: true })).rejects.toMatchObject({
      response: { insertErrors: [{ index: 1, errors: [{ reason: 'invalid', location: 'none' }] }] },
    })
    expect(await ids()).toEqual(['a'])
  })

  it.each([
    ['an unknown field', { none: 1 }, 'none', 'no such field: none.'],
    ['an unknown field of a record', { devices: [{ none: 1 }] }, 'devices.none', 'no such field: none.'],
    ['no required field', { id: null }, 'id', 'Missing required field: id.'],
    ['a fraction for an integer', { amount: 1.5 }, 'amount', 'Cannot convert value to integer (bad value): 1.5'],
    ['more than 64 bits', { amount: '9223372036854775808' }, 'amount', 'Cannot convert value to integer'],
    ['text for a number', { price: 'cheap' }, 'price', 'Cannot convert value to floating point'],
    ['text for a boolean', { ok: 'perhaps' }, 'ok', 'Cannot convert value to boolean'],
    ['no timestamp', { at: 'yesterday' }, 'at', "Could not parse 'yesterday' as a timestamp."],
    ['a timestamp after year 9999', { at: 253_402_300_800 }, 'at', 'out of range'],
    ['no date', { day: '2026-02-30x' }, 'day', 'Invalid date'],
    ['no base64', { raw: '***' }, 'raw', 'Could not decode base64'],
    ['a JSON object for a JSON column, which takes JSON text', { data: {} }, 'data', 'This field is not a record.'],
    ['text that is no JSON', { data: '{' }, 'data', 'Invalid JSON value.'],
    ['a lone surrogate in JSON', { data: '"\\ud800"' }, 'data', 'Invalid JSON value.'],
    ['an array for a single value', { amount: [1] }, 'amount', 'Array specified for non-repeated field'],
    ['a single value for an array', { tags: 'x' }, 'tags', 'Repeated field must be imported as a JSON array.'],
    ['null in an array', { tags: [null] }, 'tags', 'Only optional fields can be set to NULL.'],
    ['text for a record', { devices: ['x'] }, 'devices', 'This field is not a record.'],
    ['a day too long ago to stream to', { at: '2021-11-01T00:00:00Z' }, '', 'outside the allowed bounds'],
    ['a day too far ahead to stream to', { at: '2027-12-01T00:00:00Z' }, '', 'outside the allowed bounds'],
  ])('refuses %s', async (_name, fields, location, message) => {
    await expect(insert([row('a', fields)])).rejects.toMatchObject({
      response: {
        insertErrors: [
          { index: 0, errors: [{ reason: 'invalid', location, message: expect.stringContaining(message) }] },
        ],
      },
    })
  })

  it('takes a row once for each insertId within a minute, and again after it', async () => {
    await insert([row('a'), row('a')])
    clock.nowMs += 59_999
    await insert([row('a')])
    expect(await ids()).toEqual(['a'])
    clock.nowMs += 1
    await insert([row('a')])
    expect(await ids()).toEqual(['a', 'a'])
  })

  it('does not remember the insertId of a row that was stopped', async () => {
    await expect(insert([row('a'), row('b', { none: 1 })])).rejects.toThrow()
    await insert([row('a')])
    expect(await ids()).toEqual(['a'])
  })

  it('takes rows without an insertId every time', async () => {
    await insert([{ json: { id: 'a' } }, { json: { id: 'a' } }])
    expect(await ids()).toEqual(['a', 'a'])
  })

  it('refuses a request of more than 10 MB with 413, and one of more than 50,000 rows or of none', async () => {
    // Past the client, which would go through every row and every character again and again.
    const insertAll = async (body: string) => {
      const url = `${server.url}/projects/local-project/datasets/shop/tables/orders/insertAll`
      const response = await fetch(url, { method: 'POST', body })
      return [response.status, await response.text()]
    }
    const rows = (count: number) => `{"rows":[${Array(count).fill('{"json":{}}').join()}]}`
    expect(await insertAll('x'.repeat(10 * 1024 * 1024 + 1))).toEqual([
      413,
      expect.stringContaining('exceeds the limit'),
    ])
    expect(await insertAll(rows(50_001))).toEqual([400, expect.stringContaining('too many rows')])
    expect(await insertAll(rows(0))).toEqual([400, expect.stringContaining('No rows')])
  })
})

describe('queries', () => {
  sharedServer()
  beforeEach(() => insert([row('a', { amount: 1 }), row('b', { amount: 2 }), row('c', { amount: 3, tags: ['x'] })]))

  it('takes named and positional parameters, and arrays', async () => {
    expect(
      await query('SELECT id FROM `shop.orders` WHERE amount > @least AND id != @id', { least: 1, id: 'c' }),
    ).toEqual([{ id: 'b' }])
    expect(await query('SELECT id FROM `shop.orders` WHERE amount = ?', [3])).toEqual([{ id: 'c' }])
    expect(
      await query('SELECT id FROM `local-project.shop.orders` WHERE id IN UNNEST(@ids) ORDER BY id', {
        ids: ['a', 'c'],
      }),
    ).toEqual([{ id: 'a' }, { id: 'c' }])
    const moment = bigquery.timestamp('2026-11-20T10:11:12.000Z')
    expect(
      await query('SELECT @moment AS moment, @yes AS yes, @half AS half', { moment, yes: true, half: 0.5 }),
    ).toEqual([{ moment, yes: true, half: 0.5 }])
  })

  it('gives results in pages, from a query and from a job', async () => {
    const sql = 'SELECT id FROM shop.orders ORDER BY id'
    expect((await bigquery.query({ query: sql, maxResults: 2 }))[0]).toEqual([{ id: 'a' }, { id: 'b' }, { id: 'c' }])
    const [job] = await bigquery.createQueryJob(sql)
    const [first, next] = await job.getQueryResults({ maxResults: 2, autoPaginate: false })
    expect(first).toEqual([{ id: 'a' }, { id: 'b' }])
    expect((await job.getQueryResults({ ...next, autoPaginate: false }))[0]).toEqual([{ id: 'c' }])
    expect((await job.getMetadata())[0].status).toEqual({ state: 'DONE' })
    expect((await table.getRows())[0]).toHaveLength(3)
  })

  it.each([
    ['SAFE_CAST', "SELECT SAFE_CAST('x' AS INT64) AS v", null],
    ['CAST to FLOAT64', "SELECT CAST('1.5' AS FLOAT64) AS v", 1.5],
    ['SAFE.', "SELECT SAFE.PARSE_JSON('{') AS v", null],
    ['JSON_VALUE of a scalar', 'SELECT JSON_VALUE(PARSE_JSON(\'{"a":{"b":1}}\'), \'$.a.b\') AS v', '1'],
    ['JSON_VALUE of an object', "SELECT JSON_VALUE(PARSE_JSON('{\"a\":{}}'), '$.a') AS v", null],
    ['JSON_QUERY', 'SELECT TO_JSON_STRING(JSON_QUERY(PARSE_JSON(\'{"a":{"b":1}}\'), \'$.a\')) AS v', '{"b":1}'],
    ['COUNTIF', 'SELECT COUNTIF(amount > 1) AS v FROM shop.orders', 2],
    ['IF', 'SELECT IF(MAX(amount) = 3, "yes", "no") AS v FROM shop.orders', 'yes'],
    ['LOGICAL_OR', 'SELECT LOGICAL_OR(amount = 2) AS v FROM shop.orders', true],
    ['SAFE_DIVIDE', 'SELECT SAFE_DIVIDE(1, 0) AS v', null],
    [
      'TIMESTAMP_DIFF, in whole units',
      'SELECT TIMESTAMP_DIFF(TIMESTAMP_SECONDS(3601), TIMESTAMP_SECONDS(3599), HOUR) AS v',
      0,
    ],
    ['TIMESTAMP_TRUNC', 'SELECT UNIX_SECONDS(TIMESTAMP_TRUNC(TIMESTAMP_SECONDS(90000), DAY)) AS v', 86_400],
    ['TIMESTAMP_SUB', 'SELECT UNIX_SECONDS(TIMESTAMP_SUB(TIMESTAMP_SECONDS(90000), INTERVAL 1 DAY)) AS v', 3600],
    ['CONCAT, which is NULL when a part is', "SELECT CONCAT('a', 'b', NULL) AS v", null],
    ['CURRENT_TIMESTAMP', `SELECT UNIX_MILLIS(CURRENT_TIMESTAMP()) >= ${START_MS} AS v`, true],
    ['NULL before all values', 'SELECT id AS v FROM shop.orders ORDER BY NULLIF(id, "b") LIMIT 1', 'b'],
    ['EXCEPT', 'SELECT MAX(id) AS v FROM (SELECT * EXCEPT (amount) FROM shop.orders)', 'c'],
    ['QUALIFY', 'SELECT id AS v FROM shop.orders WHERE TRUE QUALIFY ROW_NUMBER() OVER (ORDER BY id DESC) = 1', 'c'],
    ['strings with quotes', `SELECT "it's \\"so\\"" AS v`, `it's "so"`],
    [
      'strings in three quotes, raw strings and escapes',
      `SELECT CONCAT("""a"b""", r'\\d', '\\x41\\u00e9\\'') AS v`,
      `a"b\\dAé'`,
    ],
    ['comments of three kinds', 'SELECT # one; FROM\n 1 /* two` */ AS v -- three"', 1],
    [
      'lists of tables with their project',
      'SELECT COUNT(*) AS v FROM (SELECT 1 AS x) AS a, `local-project`.shop.orders AS b, `local-project`.shop.`orders` c',
      9,
    ],
    ['IS DISTINCT FROM', 'SELECT COUNTIF(o.id IS DISTINCT FROM o.id) AS v FROM shop.orders AS o', 0],
    ['names in backticks', 'SELECT `id` AS v FROM shop.orders AS `o` WHERE `o`.`amount` = 2', 'b'],
    [
      'ARRAY of a query',
      "SELECT ARRAY(SELECT x FROM UNNEST(['a', 'b', 'c']) AS x WHERE x NOT IN UNNEST(['b'])) AS v",
      ['a', 'c'],
    ],
  ])("runs BigQuery's %s", async (_name, sql, expected) => {
    expect(await query(sql)).toEqual([{ v: expected }])
  })

  it('reads bytes as text where they are text', async () => {
    const bytes = [Buffer.from('é'), Buffer.from([0xc3])]
    await insert(bytes.map((raw, index) => row(`raw${index}`, { raw: raw.toString('base64') })))
    const sql = 'SELECT SAFE_CONVERT_BYTES_TO_STRING(raw) AS v FROM shop.orders WHERE raw IS NOT NULL ORDER BY id'
    expect(await query(sql)).toEqual([{ v: 'é' }, { v: null }])
  })

  it('refuses what it does not know, rather than guess', async () => {
    await expect(query("SELECT SOUNDEX('x') AS v")).rejects.toThrow('does not know the function SOUNDEX')
    await expect(query('CREATE TABLE shop.t (a STRING)')).rejects.toThrow('does not run CREATE')
    await expect(query('SELECT 1; SELECT 2')).rejects.toThrow('one statement')
    await expect(query('SELECT 1 AS v FROM shop.INFORMATION_SCHEMA.TABLES')).rejects.toThrow('no INFORMATION_SCHEMA')
    await expect(query('SELECT 1 AS v FROM read_text("/etc/hostname")')).rejects.toThrow('unexpected read_text')
    await expect(query('SELECT none FROM shop.orders')).rejects.toMatchObject({ code: 400 })
    await expect(query('DELETE FROM orders WHERE TRUE')).rejects.toThrow('qualified with a dataset')
    await expect(bigquery.createQueryJob({ query: 'SELECT 1', useLegacySql: true })).rejects.toThrow('legacy')
  })

  it('checks a statement in a dry run, says how much it would read, and does not run it', async () => {
    const dryRun = async (query: string) => {
      const [{ metadata }] = await bigquery.createQueryJob({ query, dryRun: true })
      return Number(metadata.statistics.totalBytesProcessed)
    }
    await insert([row('dry', { tags: ['x'.repeat(1_000)] })])
    const of = await dryRun('SELECT id FROM shop.orders')
    await insert([row('drier', { tags: ['x'.repeat(1_000)] })])
    expect((await dryRun('SELECT id FROM shop.orders')) - of).toBeGreaterThan(1_000)
    expect(await dryRun('SELECT 1')).toBe(0)
    await dryRun('DELETE FROM shop.orders WHERE TRUE')
    expect(await query("SELECT id FROM shop.orders WHERE id = 'dry'")).toHaveLength(1)
    await expect(dryRun('SELECT none FROM shop.orders')).rejects.toMatchObject({ code: 400 })
  })

  it.each([
    ['SELEC 1', 'unexpected SELEC at [1:1]'],
    ['', 'unexpected end at [1:1]'],
    ['SELECT\n  $1', 'unexpected $1 at [2:3]'],
    ["SELECT 'open", "unexpected 'open at [1:8]"],
    ["SELECT b'bytes'", "unexpected b'bytes' at [1:8]"],
    ['SELECT `open', 'unexpected `open at [1:8]'],
    ['SELECT COUNT(1', 'unexpected end at [1:15]'],
    ["SELECT 1 FROM '/etc/hostname'", "unexpected '/etc/hostname' at [1:15]"],
    ['SELECT 1 FROM a.b.c.d', 'unexpected a.b.c.d at [1:15]'],
    ['WITH x AS (SELECT 1) DELETE FROM shop.orders WHERE TRUE', 'unexpected DELETE at [1:22]'],
  ])('refuses %j as BigQuery would, with the place', async (sql, problem) => {
    await expect(
      fetch(`${server.url}/projects/local-project/queries`, {
        method: 'POST',
        body: JSON.stringify({ query: sql, useLegacySql: false }),
      }).then((response) => response.json()),
    ).resolves.toMatchObject({ error: { code: 400, message: expect.stringContaining(problem) } })
  })

  it('takes the items of an array for rows', async () => {
    await insert([row('d', { devices: [{ device_id: 'x' }, { device_id: 'y' }] })])
    const sql = 'SELECT id, device.device_id FROM shop.orders, UNNEST(devices) AS device ORDER BY device.device_id'
    expect(await query(sql)).toEqual([
      { id: 'd', device_id: 'x' },
      { id: 'd', device_id: 'y' },
    ])
  })

  it('takes an interval from a parameter, and a DELETE without FROM', async () => {
    await query(
      'DELETE shop.orders WHERE TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL @minutes MINUTE) < CURRENT_TIMESTAMP()',
      {
        minutes: 90,
      },
    )
    expect(await ids()).toEqual([])
  })

  it('deletes and updates, and says how many rows', async () => {
    const [job] = await bigquery.createQueryJob({
      query: 'DELETE FROM `shop.orders` WHERE amount < @x',
      params: { x: 3 },
    })
    expect((await job.getMetadata())[0].statistics.query).toEqual({ statementType: 'DELETE', numDmlAffectedRows: '2' })
    await query("UPDATE shop.orders SET amount = 7 WHERE id = 'c'")
    expect(await query('SELECT id, amount FROM shop.orders')).toEqual([{ id: 'c', amount: 7 }])
  })
})

describe('the streaming buffer', () => {
  freshServers({ streamingBufferMs: 60_000 })

  beforeEach(async () => {
    await insert([row('old')])
    clock.nowMs += 60_000
    await insert([row('young')])
  })

  it('keeps young rows from a DELETE as a whole, and says so in the table', async () => {
    await expect(query("DELETE FROM shop.orders WHERE id IN ('old', 'young')")).rejects.toMatchObject({
      code: 400,
      message: expect.stringContaining('would affect rows in the streaming buffer'),
    })
    expect(await ids()).toEqual(['old', 'young'])
    expect((await table.getMetadata())[0].streamingBuffer).toEqual({
      estimatedRows: '1',
      oldestEntryTime: String(clock.nowMs),
    })
  })

  it('lets old rows go at once, and young ones when they are old', async () => {
    await query("DELETE FROM shop.orders WHERE id = 'old'")
    expect(await ids()).toEqual(['young'])
    clock.nowMs += 60_000
    await query('DELETE FROM shop.orders WHERE TRUE')
    expect(await ids()).toEqual([])
    expect((await table.getMetadata())[0].streamingBuffer).toBeUndefined()
  })
})

describe('misbehaviour on order', () => {
  freshServers()

  it('is down, with the error that was ordered, until it is up again', async () => {
    server.misbehave({ kind: 'down' })
    await expect(insert([row('a')])).rejects.toMatchObject({ code: 503, errors: [{ reason: 'backendError' }] })
    server.misbehave({ kind: 'down', httpStatus: 403, reason: 'quotaExceeded' })
    await expect(insert([row('a')])).rejects.toMatchObject({ code: 403, errors: [{ reason: 'quotaExceeded' }] })
    server.misbehave({ kind: 'unreachable' })
    await expect(insert([row('a')])).rejects.toThrow()
    server.misbehave()
    await insert([row('a')])
    expect(await ids()).toEqual(['a'])
  })

  it('is slow: nothing is done before the time is over', async () => {
    const arrived = Promise.withResolvers<void>()
    onRequest = arrived.resolve
    server.misbehave({ kind: 'slow', delayMs: 60_000 })
    const inserted = insert([row('a')]).then(
      () => 'stored',
      () => 'cut',
    )
    await arrived.promise
    server.misbehave()
    expect(await ids()).toEqual([])
    await server.close()
    expect(await inserted).toBe('cut')
  })

  it('stores rows and loses the answer', async () => {
    server.misbehave({ kind: 'answerLost' })
    await expect(insert([row('a')])).rejects.toThrow()
    server.misbehave()
    expect(await ids()).toEqual(['a'])
  })

  it('refuses chosen rows, or all', async () => {
    server.misbehave({
      kind: 'refuseRows',
      matches: (name, json) => name === 'orders' && JSON.stringify(json).includes('"b"'),
    })
    await expect(insert([row('a'), row('b')])).rejects.toMatchObject({
      response: { insertErrors: [{ errors: [{ reason: 'stopped' }] }, { errors: [{ message: 'Refused by order.' }] }] },
    })
    await insert([row('a')])
    server.misbehave({ kind: 'refuseAll' })
    await expect(insert([row('c')])).rejects.toThrow()
  })
})

describe('a database file', () => {
  afterEach(stop)

  it('is closed after the rows that are under way, and takes none afterwards', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bigquery-'))
    try {
      await start({ file: join(folder, 'warehouse.duckdb') })
      await createOrders()
      const append = (id: string) => server.append('local-project.shop.orders', [{ id }], { dropUnknown: false })
      const underWay = ['a', 'b', 'c'].map(append)
      await server.close()
      await Promise.all(underWay)
      await expect(append('d')).rejects.toThrow('the local BigQuery is closed')
      await start({ file: join(folder, 'warehouse.duckdb') })
      expect(await query('SELECT COUNT(*) AS n FROM shop.orders')).toEqual([{ n: 3 }])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('has tables, views and rows again after a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bigquery-'))
    try {
      await start({ file: join(folder, 'warehouse.duckdb') })
      await createOrders()
      await bigquery
        .dataset('shop')
        .createTable('v', { view: { query: 'SELECT COUNTIF(TRUE) AS n FROM shop.orders', useLegacySql: false } })
      await bigquery.dataset('shop').createRoutine('f', {
        routineType: 'TABLE_VALUED_FUNCTION',
        arguments: [{ name: 'id', dataType: { typeKind: 'STRING' } }],
        definitionBody: 'SELECT id AS id',
      })
      await insert([row('a', { devices: [{ device_id: 'd' }] })])
      await server.close()
      await start({ file: join(folder, 'warehouse.duckdb') })
      await insert([row('b')])
      expect(await query('SELECT n FROM shop.v')).toEqual([{ n: 2 }])
      expect(await query("SELECT * FROM shop.f('x')")).toEqual([{ id: 'x' }])
      await expect(createOrders()).rejects.toMatchObject({ code: 409 })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
