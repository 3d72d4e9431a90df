import { startTestWarehouse, type TestWarehouse } from '../../scripts/testing/warehouse.ts'
import { systemClock } from '../../shared/clock/index.ts'
import { createSendCounts } from './sends.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
let warehouse: TestWarehouse

beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: () => NOW_MS })
})
afterAll(() => warehouse.close())

const counts = () => {
  const clock = { ...systemClock, now: () => NOW_MS }
  return createSendCounts({ projectId: 'local-project', dataset: 'customerio', timeoutMs: 10_000, clock })()
}
const send = (message_id: string, publish_time: string, more: Record<string, unknown>) => ({
  table: 'message_outcomes',
  json: {
    ...{ publish_time, ended_at: publish_time, function: 'transactional', topic: 'transactional', message_id },
    ...{ channel: 'email', final: true, ...more },
  },
})

it('counts the rows of both views over today and yesterday', async () => {
  expect(await counts()).toEqual([
    { view: 'unsettled_sends', rows: 0 },
    { view: 'sends_without_outcome', rows: 0 },
  ])
  const uncertain = { outcome: 'refused', reason: 'uncertain' }
  const accepted = (delivery_id: string) => ({ outcome: 'delivered', delivery_id })
  await warehouse.store(
    send('1', '2026-11-20T00:00:00Z', uncertain),
    send('2', '2026-11-21T00:00:00Z', uncertain),
    send('3', '2026-11-19T23:59:59Z', uncertain),
    send('4', '2026-11-20T00:00:00Z', accepted('d4')),
    send('5', '2026-11-21T11:30:00Z', accepted('d5')),
  )
  const event = { object_type: 'email', metric: 'sent', timestamp: NOW_MS / 1_000 - 60 }
  await warehouse.receive({ ...event, event_id: 'e', data: { delivery_id: 'd9', transactional_message_id: 3 } })
  expect(await counts()).toEqual([
    { view: 'unsettled_sends', rows: 2 },
    { view: 'sends_without_outcome', rows: 1 },
  ])
})

it('rejects when BigQuery does not say', async () => {
  warehouse.server.misbehave({ kind: 'down' })
  await expect(counts()).rejects.toThrow()
})
