// The same in CommonJS.
const { MessagingPublisher, PublisherValidationError } = require('cio-gcp')
const { parseMapping } = require('cio-gcp/repository')
const schema = require('cio-gcp/schemas/track.schema.json')
const { createFakePublisher } = require('cio-gcp/testing')
const { signWebhook, verifyWebhook } = require('cio-gcp/webhooks')

async function main() {
  const event = { identifiers: { id: 'u1' }, name: 'from_commonjs' }
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
}

main()
