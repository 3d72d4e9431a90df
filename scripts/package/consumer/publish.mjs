// An application in ES modules.
import { MessagingPublisher, PublisherValidationError } from 'cio-gcp'
import { parseMapping } from 'cio-gcp/repository'
import schema from 'cio-gcp/schemas/track.schema.json' with { type: 'json' }
import { createFakePublisher } from 'cio-gcp/testing'
import { signWebhook, verifyWebhook } from 'cio-gcp/webhooks'

const event = { identifiers: { id: 'u1' }, name: 'from_es_modules' }
const publisher = new MessagingPublisher()
await publisher.trackEvent(event)
await publisher.close()

const fake = createFakePublisher()
const refusal = await fake.trackEvent({ ...event, name: '' }).catch((error) => error)
const claim = { timestamp: '1790000000', signature: signWebhook('key', '1790000000', Buffer.from('{}')) }
console.log(
  JSON.stringify({
    schema: schema.$schema,
    refused: refusal instanceof PublisherValidationError,
    verified: verifyWebhook(['key'], claim, Buffer.from('{}')),
    table: parseMapping('{table: users, never: [], attributes: {}}').table,
  }),
)
