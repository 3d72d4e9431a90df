import { once } from 'node:events'
import type { Server } from 'node:http'
import { getTestServer } from '@google-cloud/functions-framework/testing'
import { webhookSamples } from '../../scripts/emulators/customerio/samples/index.ts'
import { registerFunction } from '../../scripts/testing/push.ts'
import { startTestWarehouse, type TestWarehouse } from '../../scripts/testing/warehouse.ts'

/** The function as it is put together from its environment, under the name it is registered by. */

let warehouse: TestWarehouse
let server: Server
const ENVIRONMENT = {
  GOOGLE_CLOUD_PROJECT: 'local-project',
  BIGQUERY_DATASET: 'customerio',
  DEAD_LETTER_TOPIC: 'warehouse-dead-letter',
  MAX_DELIVERY_ATTEMPTS: '100',
  ACK_DEADLINE_SECONDS: '60',
  LOG_LEVEL: 'ERROR',
}

beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: Date.now })
  Object.assign(process.env, ENVIRONMENT)
  await registerFunction('warehouse')
  server = getTestServer('warehouse')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await warehouse.close()
  for (const name of Object.keys(ENVIRONMENT)) delete process.env[name]
})

it('is registered as "warehouse" and stores what Pub/Sub pushes', async () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const event = { ...webhookSamples()[0]?.event, timestamp: Math.floor(Date.now() / 1000) }
  const data = Buffer.from(JSON.stringify(event)).toString('base64')
  const response = await fetch(`http://127.0.0.1:${address.port}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message: { data, messageId: '1', attributes: {} }, subscription: 's', deliveryAttempt: 1 }),
  })
  expect(response.status).toBe(204)
  expect(await warehouse.query('SELECT event_id FROM customerio.webhook_events')).toEqual([
    { event_id: event.event_id },
  ])
})
