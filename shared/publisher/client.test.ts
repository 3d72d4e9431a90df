import { createClient } from './client.ts'
import { MessagingPublisher } from './index.ts'

describe('a client of the publisher', () => {
  const { PUBSUB_EMULATOR_HOST: before } = process.env
  beforeEach(() => {
    delete process.env.PUBSUB_EMULATOR_HOST
  })
  afterEach(() => {
    if (before === undefined) delete process.env.PUBSUB_EMULATOR_HOST
    else process.env.PUBSUB_EMULATOR_HOST = before
  })

  it('publishes to the endpoint of the region that it is given, with TLS', async () => {
    const { options, isEmulator } = await createClient({ projectId: 'acme', region: 'europe-west1' })
    expect(options).toMatchObject({
      projectId: 'acme',
      servicePath: 'europe-west1-pubsub.googleapis.com',
      port: 443,
    })
    expect(isEmulator).toBe(false)
  })

  it('publishes where Pub/Sub chooses when it is given none', async () => {
    const { options } = await createClient({ projectId: 'acme' })
    expect(options).not.toHaveProperty('servicePath')
  })

  it('stays with the emulator of its environment, whatever the region', async () => {
    process.env.PUBSUB_EMULATOR_HOST = '127.0.0.1:8085'
    const { options, isEmulator } = await createClient({ projectId: 'acme', region: 'europe-west1' })
    expect(options).toMatchObject({ servicePath: '127.0.0.1', port: 8_085 })
    expect(isEmulator).toBe(true)
  })

  it.each(['evil.example/', 'europe-west1.example.com', 'EU', '', 7])('takes no %p for a region', (region) => {
    expect(() => new MessagingPublisher({ region: region as string })).toThrow(
      'region: must be a region of Google Cloud, such as europe-west1',
    )
  })
})
