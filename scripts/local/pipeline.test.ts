import { existsSync } from 'node:fs'
import { BigQuery } from '@google-cloud/bigquery'
import { PubSub } from '@google-cloud/pubsub'
import { MessagingPublisher } from '../../shared/publisher/index.ts'
import { signWebhook } from '../../shared/webhooks/index.ts'
import { connectLocalPipeline, type StartedPipeline, startLocalPipeline } from './pipeline.ts'
import { LOCAL_CREDENTIALS } from './stack.ts'

let pipeline: StartedPipeline
let publisher: MessagingPublisher
beforeAll(async () => {
  pipeline = await startLocalPipeline()
  publisher = new MessagingPublisher()
}, 60_000)
afterAll(async () => {
  await publisher.close()
  await pipeline.close()
})
beforeEach(() => pipeline.reset())

const ada = { id: 'ada' }

it('shows what became of messages', async () => {
  await publisher.identifyUser({ identifiers: ada, attributes: { plan: 'pro' } })
  await publisher.trackEvent({ identifiers: ada, name: 'order_completed' })
  await pipeline.settled()
  expect(await pipeline.received('event')).toEqual([
    { kind: 'event', result: 'applied', body: expect.objectContaining({ name: 'order_completed' }) },
  ])
  expect(await pipeline.received()).toHaveLength(2)
})

it('shows dead letters, and leaves them there', async () => {
  const client = new PubSub()
  await client.topic('track').publishMessage({ json: { identifiers: ada } })
  await client.close()
  for (let time = 0; time < 2; time++) {
    await pipeline.settled()
    expect(await pipeline.deadLetters('track')).toEqual([
      expect.objectContaining({ reason: 'contract', error: 'name: required', body: '{"identifiers":{"id":"ada"}}' }),
    ])
  }
})

it('is found by other processes through the environment', async () => {
  await publisher.identifyUser({ identifiers: ada })
  const other = connectLocalPipeline()
  await other.settled()
  expect(await other.received('identify')).toHaveLength(1)
})

it('forgets messages, dead letters, sends and rows in a reset', async () => {
  const send = async () => {
    const message = { channel: 'email', transactional_message_id: 1, to: 'ada@example.com', identifiers: ada } as const
    await publisher.sendTransactional(message, { idempotencyKey: 'receipt-1' })
    await webhook(pipeline.webhookUrl, {
      event_id: 'e1',
      object_type: 'email',
      metric: 'sent',
      timestamp: 1_790_000_000,
    })
    await pipeline.settled()
  }
  await send()
  expect(await pipeline.received('send')).toHaveLength(1)
  expect(await rows()).toBe(1)
  await pipeline.reset()
  expect(await pipeline.received()).toEqual([])
  expect(await rows()).toBe(0)
  // The same key and the same event id are new to a pipeline that has forgotten them.
  await send()
  expect(await pipeline.received('send')).toHaveLength(1)
  expect(await rows()).toBe(1)
})

it('drops what is waiting for a retry in a reset', async () => {
  const fault = { on: 'batch', fault: { do: 'answer', status: 503 } }
  await fetch(`${pipeline.customerioUrl}/_local/faults`, { method: 'POST', body: JSON.stringify(fault) })
  await publisher.trackEvent({ identifiers: ada, name: 'while_down' })
  await pipeline.reset()
  await publisher.trackEvent({ identifiers: ada, name: 'afterwards' })
  await pipeline.settled()
  expect(await pipeline.received('event')).toEqual([
    expect.objectContaining({ body: expect.objectContaining({ name: 'afterwards' }) }),
  ])
})

it('leaves neither files nor variables behind', async () => {
  await pipeline.close()
  expect(existsSync(pipeline.logs)).toBe(false)
  expect(process.env.CIO_GCP_PIPELINE).toBeUndefined()
  expect(connectLocalPipeline).toThrow('start a pipeline first')
})

async function rows(): Promise<number> {
  const [found] = await new BigQuery({ apiEndpoint: process.env.BIGQUERY_EMULATOR_HOST ?? '' }).query(
    'SELECT COUNT(*) AS n FROM `customerio.webhook_events`',
  )
  return Number(found[0]?.n)
}

async function webhook(url: string, event: object): Promise<void> {
  const body = Buffer.from(JSON.stringify(event))
  const timestamp = String(Math.floor(Date.now() / 1_000))
  const signature = signWebhook(LOCAL_CREDENTIALS.CUSTOMERIO_WEBHOOK_SIGNING_KEYS, timestamp, body)
  const headers = { 'x-cio-timestamp': timestamp, 'x-cio-signature': signature, 'content-type': 'application/json' }
  const { ok } = await fetch(url, { method: 'POST', body, headers })
  if (!ok) throw new Error('the webhook was not accepted')
}
