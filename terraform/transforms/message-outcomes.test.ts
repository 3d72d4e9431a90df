import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseRow } from '../../scripts/emulators/bigquery/row.ts'
import { fieldsSchema } from '../../scripts/emulators/bigquery/schema.ts'
import { parseLogFilter } from '../../scripts/emulators/logging/index.ts'
import { readTransform } from '../../scripts/emulators/pubsub/transform.ts'
import { tableFields } from '../../scripts/local/deploy-warehouse.ts'
import { PROJECT_ROOT, readTopology } from '../../scripts/topology/topology.ts'
import { ENDS, messageLines } from '../tests/alerts/function-lines.ts'

/** Log lines of the real code, by way of filter and transform, against the columns of the table. */

const { subscriptions, bigquery, record } = readTopology()
const { bigquery: table = '', transform: code } = subscriptions['message-outcomes'] ?? {}
const fields = fieldsSchema.parse(tableFields(PROJECT_ROOT, bigquery.tables[table]?.schema ?? ''))
const required = fields.filter(({ mode }) => mode === 'REQUIRED').map(({ name }) => name)
const transform = readTransform([
  {
    javascriptUdf: {
      functionName: code?.function ?? '',
      code: readFileSync(join(PROJECT_ROOT, 'terraform', code?.file ?? ''), 'utf8'),
    },
  },
])

function rowOf(entry: unknown): Record<string, unknown> {
  const message = {
    ...{ id: '1', sequence: 1, attributes: {}, orderingKey: '', publishTimeMs: 0 },
    data: Buffer.from(JSON.stringify(entry)),
  }
  return JSON.parse(transform?.(message)?.data ?? 'null')
}

const LINE = {
  ...{ message: 'delivered', event: 'message', topic: 'track', message_id: '17', source_message_id: '4' },
  ...{ publish_time: '2026-11-21T10:00:00.000Z', attempt: 2, outcome: 'delivered', answer: 204, note: 'duplicate' },
  ...{ action: 'event', event_name: 'order', channel: 'email', template: '7', delivery_id: 'd1' },
  ...{ send_at: '2026-11-22T10:00:00.000Z', queue_draft: false },
  ...{ hash_key: 'abcd1234', key_hash: 'k1', persons: ['p1', 'p2'], reason: 'refused', cause: 'transient' },
  ...{ http_status: 400, batch_id: '16.1', batch_size: 12, batch_position: 3 },
  ...{ latency_ms: 40, queue_wait_ms: 7, request_ms: 31, age_ms: 3_000 },
}
const ENTRY = {
  ...{ insertId: 'i1', timestamp: '2026-11-21T10:00:03.000Z', severity: 'INFO', labels: { function: 'track' } },
  ...{ trace: 'projects/p/traces/0af7651916cd43dd8448eb211c80319c', jsonPayload: LINE },
}

it('makes one row of a line, with every column', () => {
  const row = rowOf(ENTRY)
  expect(row).toMatchObject({
    ...{ publish_time: LINE.publish_time, ended_at: ENTRY.timestamp, function: 'track', final: true },
    ...{ person: 'p1', trace: '0af7651916cd43dd8448eb211c80319c', insert_id: 'i1', batch_position: 3 },
  })
  expect(fields.map(({ name }) => name).filter((name) => row[name] === undefined)).toEqual([])
  expect(parseRow(row, fields, true)).toMatchObject({ ok: true })
})

it('leaves out nothing of a line but what the table has in another form', () => {
  const columns = fields.map(({ name }) => name)
  // The row has `final` for the answer, and two times for the age.
  expect(Object.keys(rowOf(ENTRY)).filter((name) => !columns.includes(name))).toEqual([
    'message',
    'event',
    'answer',
    'age_ms',
  ])
})

it('takes the least that a function writes, and a message without a publish time counts from its line', () => {
  const entry = { ...ENTRY, trace: undefined, jsonPayload: { event: 'message', outcome: 'retry', answer: 503 } }
  const row = rowOf(entry)
  expect(parseRow(row, fields, true)).toMatchObject({ ok: true })
  expect(row).toMatchObject({ publish_time: ENTRY.timestamp, final: false })
  expect(Object.keys(row)).toEqual(expect.arrayContaining(required))
  expect(row).not.toHaveProperty('trace')
})

it.each(['null', '{}', '{"textPayload":"oops","labels":{}}'])('makes nothing of %s', (data) => {
  expect(() => rowOf(JSON.parse(data))).toThrow()
})

it('is fed every final outcome and every failed attempt, and no attempt where nothing was tried', async () => {
  const passes = parseLogFilter(record.filter)
  const entries = (await messageLines(Object.values(ENDS))).filter(passes)
  const rows = entries.map(rowOf)
  for (const row of rows) expect(parseRow(row, fields, true)).toMatchObject({ ok: true })
  const outcomes = rows.map(({ outcome, cause = '', final }) => `${outcome} ${cause} ${final}`)
  expect(new Set(outcomes)).toEqual(
    new Set([
      ...['delivered  true', 'refused  true', 'guarded  true', 'exhausted transient true'],
      ...['retry transient false', 'retry configuration false'],
    ]),
  )
  expect(passes({ jsonPayload: { event: 'message', cause: 'busy' } })).toBe(false)
})
