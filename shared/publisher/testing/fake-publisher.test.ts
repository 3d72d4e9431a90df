import { PublisherClosedError, PublisherValidationError, PublishFailedError } from '../index.ts'
import { createFakePublisher } from './fake-publisher.ts'

const identifiers = { id: 'u1' }

it('records messages as the pipeline would get them', async () => {
  const publisher = createFakePublisher()
  const messageId = await publisher.trackEvent({ identifiers, name: 'order_completed' }, { idempotencyKey: 'order-1' })
  await publisher.identifyUser({ identifiers, attributes: { plan: 'pro' } })
  expect(publisher.published).toEqual([
    {
      topic: 'track',
      message: { type: 'person', action: 'event', identifiers, name: 'order_completed' },
      idempotencyKey: 'order-1',
      traceparent: expect.stringMatching(/^00-/),
      orderingKey: undefined,
      messageId,
    },
    expect.objectContaining({ topic: 'identify', orderingKey: 'id:u1' }),
  ])
  expect(publisher.publishedTo('identify')).toHaveLength(1)
})

it('refuses what breaks the contract, and records nothing of it', async () => {
  const publisher = createFakePublisher()
  await expect(publisher.trackEvent({ identifiers, name: '' })).rejects.toThrow(PublisherValidationError)
  expect(publisher.published).toEqual([])
})

it('fails as often as it is told to, with the key to publish again with', async () => {
  const publisher = createFakePublisher()
  const cause = new Error('no such topic')
  publisher.fail(cause, 1)
  const failed = publisher.trackEvent({ identifiers, name: 'e' }, { idempotencyKey: 'k' })
  await expect(failed).rejects.toThrow(PublishFailedError)
  await expect(failed).rejects.toMatchObject({ cause, idempotencyKey: 'k' })
  await expect(publisher.trackEvent({ identifiers, name: 'e' }, { idempotencyKey: 'k' })).resolves.toBe('1')
})

it('fails until it recovers; a reset forgets both', async () => {
  const publisher = createFakePublisher()
  publisher.fail()
  await expect(publisher.identifyUser({ identifiers })).rejects.toThrow(PublishFailedError)
  await expect(publisher.identifyUser({ identifiers })).rejects.toThrow(PublishFailedError)
  publisher.reset()
  await publisher.identifyUser({ identifiers })
  publisher.reset()
  expect(publisher.published).toEqual([])
})

it('is closed as a real one is', async () => {
  const publisher = createFakePublisher()
  await publisher.close()
  await expect(publisher.identifyUser({ identifiers })).rejects.toThrow(PublisherClosedError)
})
