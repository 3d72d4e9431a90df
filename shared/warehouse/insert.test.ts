import fc from 'fast-check'
import type { Refused, Retry } from '../outcome/index.ts'
import { type DecodedEvent, insertEvents, type Row } from './index.ts'
import type { InsertAnswer, InsertRows, RowFailure } from './insert.ts'
import { MAX_ROW_BYTES } from './row.ts'

const REFUSED: Refused = { kind: 'refused', reason: 'refused', error: 'bad value' }
const DOWN: Retry = { kind: 'retry', cause: 'transient', error: 'down' }
const QUIET = { warning: () => {} }

const ROW: Row = { table: 'webhook_events', insertId: 'a', json: {} }

interface EventOptions {
  readonly changes?: number
  readonly quarantine?: 'none'
  readonly padding?: number
}

/** An event with a row in `webhook_events` and `changes` rows in `subscription_changes`, named after it. */
function event(id: string, { changes = 0, quarantine, padding = 0 }: EventOptions = {}): DecodedEvent {
  const row = (table: Row['table'], insertId: string): Row => ({
    table,
    insertId,
    json: { id, padding: 'x'.repeat(padding) },
  })
  return {
    rows: [
      row('webhook_events', id),
      ...Array.from({ length: changes }, (_, index) => row('subscription_changes', `${id}/${index}`)),
    ],
    quarantineRow: (error) =>
      quarantine === 'none' ? undefined : { ...row('webhook_quarantine', `${id}/row_refused`), json: { error } },
    novelties: [],
    bytes: 100,
    eventId: id,
  }
}

/** A BigQuery that refuses the rows of `bad` as the real one does: it names them, and stops all others of the request. */
function tables(bad: (row: Row) => RowFailure | undefined = () => undefined) {
  const requests: { readonly table: string; readonly ids: readonly string[] }[] = []
  const stored = new Map<string, Row>()
  const insert: InsertRows = async (table, rows) => {
    requests.push({ table, ids: rows.map(({ insertId }) => insertId) })
    const failures = new Map(rows.map((row, index) => [index, bad(row)] as const))
    if ([...failures.values()].some((failure) => failure !== undefined)) {
      return {
        kind: 'perRow',
        failures: new Map([...failures].map(([index, failure]) => [index, failure ?? { kind: 'stopped' }])),
      }
    }
    for (const row of rows) stored.set(`${table} ${row.insertId}`, row)
    return { kind: 'inserted' }
  }
  return { insert, requests, stored }
}
const kinds = (outcomes: readonly { kind: string }[]) => outcomes.map(({ kind }) => kind)

describe('insertEvents', () => {
  it('puts the rows of many events into one request a table', async () => {
    const { insert, requests } = tables()
    const outcomes = await insertEvents(
      [event('a', { changes: 2 }), event('b'), event('c', { changes: 1 })],
      insert,
      QUIET,
    )
    expect(outcomes).toEqual([0, 1, 2].map(() => ({ kind: 'delivered', batchSize: 3 })))
    expect(requests).toEqual([
      { table: 'webhook_events', ids: ['a', 'b', 'c'] },
      { table: 'subscription_changes', ids: ['a/0', 'a/1', 'c/0'] },
    ])
  })

  it('stores the neighbours of a bad row at once, and the bad one in the quarantine with the reason', async () => {
    const logged: unknown[] = []
    const { insert, requests, stored } = tables(({ insertId }) => (insertId === 'b' ? REFUSED : undefined))
    const log = { warning: (_message: string, fields: unknown) => logged.push(fields) }
    const outcomes = await insertEvents([event('a'), event('b'), event('c')], insert, log)
    expect(kinds(outcomes)).toEqual(['delivered', 'delivered', 'delivered'])
    expect(requests.map(({ ids }) => ids)).toEqual([['a', 'b', 'c'], ['a', 'c'], ['b/row_refused']])
    expect(stored.get('webhook_quarantine b/row_refused')?.json).toEqual({ error: 'bad value' })
    expect(logged).toEqual([{ event: 'row_refused', table: 'webhook_events', reason: 'refused', eventId: 'b' }])
  })

  it('says of each refused row of an event in which table it should have been', async () => {
    const logged: unknown[] = []
    const { insert } = tables(({ insertId }) => (insertId === 'a' || insertId === 'a/1' ? REFUSED : undefined))
    await insertEvents([event('a', { changes: 2 })], insert, {
      warning: (_message, { table }) => logged.push(table),
    })
    expect(logged.toSorted()).toEqual(['subscription_changes', 'webhook_events'])
  })

  it('delivers an event only when every row of it is safe', async () => {
    const { insert } = tables(({ insertId }) => (insertId === 'a/1' ? DOWN : undefined))
    expect(kinds(await insertEvents([event('a', { changes: 2 }), event('b')], insert, QUIET))).toEqual([
      'retry',
      'delivered',
    ])
  })

  it('stores the other rows of an event of which one is bad', async () => {
    const { insert, stored } = tables(({ insertId }) => (insertId === 'a' ? REFUSED : undefined))
    expect(kinds(await insertEvents([event('a', { changes: 1 })], insert, QUIET))).toEqual(['delivered'])
    expect([...stored.keys()]).toEqual(['subscription_changes a/0', 'webhook_quarantine a/row_refused'])
  })

  it('retries an event that the quarantine does not take, for whatever reason', async () => {
    for (const failure of [DOWN, REFUSED]) {
      const { insert } = tables(({ table }) => (table === 'webhook_events' ? REFUSED : failure))
      expect(await insertEvents([event('a')], insert, QUIET)).toMatchObject([{ kind: 'retry', batchSize: 1 }])
    }
    const { insert } = tables(() => REFUSED)
    const unreadable = {
      ...event('a', { quarantine: 'none' }),
      rows: [{ ...ROW, table: 'webhook_quarantine' as const }],
    }
    expect(await insertEvents([unreadable], insert, QUIET)).toMatchObject([{ kind: 'retry', cause: 'configuration' }])
  })

  it('refuses an event of which BigQuery refuses a row and that the quarantine cannot hold', async () => {
    const { insert } = tables(({ insertId }) => (insertId === 'a' ? REFUSED : undefined))
    expect(await insertEvents([event('a', { quarantine: 'none' }), event('b')], insert, QUIET)).toEqual([
      { ...REFUSED, batchSize: 2 },
      { kind: 'delivered', batchSize: 2 },
    ])
  })

  it('retries all when BigQuery is down, with one request a table', async () => {
    let requests = 0
    const insert: InsertRows = async () => {
      requests++
      return { kind: 'failed', outcome: DOWN }
    }
    const outcomes = await insertEvents([event('a', { changes: 1 }), event('b')], insert, QUIET)
    expect(kinds(outcomes)).toEqual(['retry', 'retry'])
    expect(requests).toBe(2)
  })

  it('retries what was stopped when BigQuery goes down between the rounds', async () => {
    const { insert } = tables(({ insertId }) => (insertId === 'b' ? REFUSED : undefined))
    let rounds = 0
    const failing: InsertRows = async (table, rows) =>
      table === 'webhook_events' && ++rounds === 2 ? { kind: 'failed', outcome: DOWN } : insert(table, rows)
    expect(kinds(await insertEvents([event('a'), event('b')], failing, QUIET))).toEqual(['retry', 'delivered'])
  })

  it('gives up with a retry, not with a loop, when every row is stopped by none, or the rest refused as a whole', async () => {
    const stopped: InsertRows = async (_table, rows) => ({
      kind: 'perRow',
      failures: new Map(rows.map((_, index) => [index, { kind: 'stopped' }])),
    })
    expect(kinds(await insertEvents([event('a'), event('b')], stopped, QUIET))).toEqual(['retry', 'retry'])
    let rounds = 0
    const whole: InsertRows = async (table, rows) =>
      ++rounds === 1 ? stopped(table, rows) : { kind: 'refusedWhole', outcome: REFUSED }
    expect(kinds(await insertEvents([event('a')], whole, QUIET))).toEqual(['retry'])
  })

  it('finds the row for which a request is refused as a whole', async () => {
    const { insert, stored } = tables()
    const strict: InsertRows = async (table, rows) =>
      table === 'webhook_events' && rows.some(({ insertId }) => insertId === 'c')
        ? { kind: 'refusedWhole', outcome: REFUSED }
        : insert(table, rows)
    const outcomes = await insertEvents(
      ['a', 'b', 'c', 'd'].map((id) => event(id)),
      strict,
      QUIET,
    )
    expect(kinds(outcomes)).toEqual(['delivered', 'delivered', 'delivered', 'delivered'])
    expect([...stored.keys()].toSorted()).toEqual(
      ['webhook_events a', 'webhook_events b', 'webhook_events d', 'webhook_quarantine c/row_refused'].toSorted(),
    )
  })

  it('makes no request of more than 500 rows or of more bytes than BigQuery takes', async () => {
    const { insert, requests } = tables()
    await insertEvents(
      Array.from({ length: 1_001 }, (_, index) => event(String(index))),
      insert,
      QUIET,
    )
    expect(requests.map(({ ids }) => ids.length)).toEqual([500, 500, 1])
    const large = tables()
    await insertEvents(
      ['a', 'b', 'c'].map((id) => event(id, { padding: MAX_ROW_BYTES / 2 - 1_000 })),
      large.insert,
      QUIET,
    )
    expect(large.requests.map(({ ids }) => ids)).toEqual([['a', 'b'], ['c']])
  })

  it('has nothing to do for no events', async () => {
    const { insert, requests } = tables()
    expect(await insertEvents([], insert, QUIET)).toEqual([])
    expect(requests).toEqual([])
  })

  it('never calls an event delivered of which a row is neither stored nor in the quarantine', async () => {
    const failure = fc.constantFrom<RowFailure | undefined>(undefined, undefined, undefined, REFUSED, DOWN)
    const events = fc.array(
      fc.record({ changes: fc.nat(2), failures: fc.array(failure, { minLength: 4, maxLength: 4 }) }),
      { maxLength: 12 },
    )
    await fc.assert(
      fc.asyncProperty(events, fc.option(fc.nat(8)), async (specs, downAt) => {
        const fate = (row: Row): RowFailure | undefined => {
          const [id = '', change] = row.insertId.split('/')
          const failures = specs[Number(id)]?.failures
          if (row.table === 'webhook_quarantine') return failures?.[3]
          return failures?.[change === undefined ? 0 : Number(change) + 1]
        }
        const { insert, stored } = tables(fate)
        let requests = 0
        const sometimesDown: InsertRows = async (table, rows): Promise<InsertAnswer> =>
          requests++ === downAt ? { kind: 'failed', outcome: DOWN } : insert(table, rows)
        const decoded = specs.map(({ changes }, index) => event(String(index), { changes }))
        const outcomes = await insertEvents(decoded, sometimesDown, QUIET)
        expect(outcomes).toHaveLength(specs.length)
        decoded.forEach(({ rows, eventId }, index) => {
          const safe = rows.every(
            ({ table, insertId }) =>
              stored.has(`${table} ${insertId}`) || stored.has(`webhook_quarantine ${eventId}/row_refused`),
          )
          if (outcomes[index]?.kind === 'delivered') expect(safe).toBe(true)
        })
      }),
    )
  })
})
