import { PubSub } from '@google-cloud/pubsub'
import { type PubSubServer, startPubSub } from '../emulators/pubsub/index.ts'
import { type PushEndpoint, startPushEndpoint } from '../emulators/pubsub/testing/push-endpoint.ts'
import { readTopology } from '../topology/topology.ts'
import { createTopology } from './create-topology.ts'

describe('the topology of the pipeline', () => {
  const topology = readTopology()
  let server: PubSubServer
  let pubsub: PubSub
  let endpoint: PushEndpoint

  beforeEach(async () => {
    endpoint = await startPushEndpoint(() => 204)
    server = await startPubSub({ port: 0 })
    pubsub = new PubSub({ projectId: 'local', apiEndpoint: server.host })
  })

  afterEach(async () => {
    await pubsub.close()
    await server.close()
    await endpoint.close()
  })

  const addresses = (base: string) =>
    Object.fromEntries(Object.keys(topology.functions).map((name) => [name, `${base}${name}`]))

  it('is created with every topic and subscription, as Terraform would', async () => {
    const pushBaseUrls = addresses('http://127.0.0.1:9/')
    await createTopology({ topology, pubsub, pushBaseUrls, pushServiceAccountEmail: 'push@local.example' })

    const [topics] = await pubsub.getTopics()
    const shortNames = topics.map(({ name }) => name.replace('projects/local/topics/', ''))
    expect(shortNames.sort()).toEqual(Object.keys(topology.topics).sort())
    for (const [name, expected] of Object.entries(topology.subscriptions)) {
      const [actual] = await pubsub.subscription(name).getMetadata()
      expect(actual).toMatchObject({
        topic: `projects/local/topics/${expected.topic}`,
        ackDeadlineSeconds: expected.ack_deadline_seconds,
        enableMessageOrdering: expected.ordered,
        messageRetentionDuration: { seconds: String(expected.retention_seconds) },
      })
      expect(actual.deadLetterPolicy?.maxDeliveryAttempts).toBe(expected.max_delivery_attempts)
      expect(Number(actual.retryPolicy?.maximumBackoff?.seconds ?? Number.NaN)).toBe(
        expected.maximum_backoff_seconds ?? Number.NaN,
      )
      expect(actual.pushConfig?.pushEndpoint || undefined).toBe(expected.push && pushBaseUrls[expected.push])
      expect(actual.pushConfig?.oidcToken?.serviceAccountEmail).toBe(expected.push && 'push@local.example')
    }
  })

  it('can be created again, and then pushes to where the functions are now', async () => {
    await createTopology({ topology, pubsub, pushBaseUrls: addresses('http://127.0.0.1:9/') })
    await createTopology({ topology, pubsub, pushBaseUrls: addresses(endpoint.url) })
    await pubsub.topic('track').publishMessage({ data: Buffer.from('moved') })
    expect((await endpoint.received(1))[0]?.text).toBe('moved')
  })

  it('says which function has no address', async () => {
    await expect(createTopology({ topology, pubsub, pushBaseUrls: {} })).rejects.toThrow(
      /no address for the function \w+ to push to/,
    )
  })
})
