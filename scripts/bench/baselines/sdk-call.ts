import { http } from '@google-cloud/functions-framework'
import { TrackClient } from 'customerio-node'

interface TrackEvent {
  readonly identifiers: { readonly id: string }
  readonly name: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly timestamp: number
}

const { CUSTOMERIO_SITE_ID = '', CUSTOMERIO_TRACK_API_KEY = '', CUSTOMERIO_TRACK_URL = '' } = process.env
const client = new TrackClient(CUSTOMERIO_SITE_ID, CUSTOMERIO_TRACK_API_KEY, { url: CUSTOMERIO_TRACK_URL })

http('sdk-call', async (request, response) => {
  const event: TrackEvent = JSON.parse(Buffer.from(request.body.message.data, 'base64').toString())
  const { name, attributes, timestamp } = event
  try {
    await client.track(event.identifiers.id, { name, data: attributes, timestamp })
    response.status(204).end()
  } catch {
    response.status(503).end()
  }
})
