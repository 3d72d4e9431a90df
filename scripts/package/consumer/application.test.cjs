// A test of an application, run by Jest without any flag or transform.
const { MessagingPublisher, PublishFailedError } = require('cio-gcp')
const { connectLocalPipeline, createFakePublisher } = require('cio-gcp/testing')

const pipeline = connectLocalPipeline()
beforeEach(() => pipeline.reset())

test('an event arrives at Customer.io', async () => {
  const publisher = new MessagingPublisher()
  await publisher.trackEvent({ identifiers: { id: 'u1' }, name: 'order_completed' })
  await publisher.close()
  await pipeline.settled()
  expect(await pipeline.received('event')).toMatchObject([{ body: { name: 'order_completed' } }])
})

test('the pipeline was reset', async () => {
  expect(await pipeline.received()).toEqual([])
})

test('an application that cannot publish', async () => {
  const publisher = createFakePublisher()
  publisher.fail()
  await expect(publisher.identifyUser({ identifiers: { id: 'u1' } })).rejects.toThrow(PublishFailedError)
})
