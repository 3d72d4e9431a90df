import { BigQuery } from '@google-cloud/bigquery'
import { http } from '@google-cloud/functions-framework'

interface WebhookEvent {
  readonly event_id: string
  readonly object_type: string
  readonly metric: string
  readonly timestamp: number
  readonly data: Readonly<Record<string, unknown>>
}

const table = new BigQuery({ projectId: process.env.GOOGLE_CLOUD_PROJECT ?? '' })
  .dataset(process.env.BIGQUERY_DATASET ?? '')
  .table('webhook_events')

http('insert-row', async (request, response) => {
  const event: WebhookEvent = JSON.parse(Buffer.from(request.body.message.data, 'base64').toString())
  const { event_id, object_type, metric, timestamp, data } = event
  try {
    await table.insert({ event_id, object_type, metric, timestamp, data: JSON.stringify(data) })
    response.status(204).end()
  } catch {
    response.status(503).end()
  }
})
