import { PubSub } from '@google-cloud/pubsub'
import { type PubSubServer, startPubSub } from '../emulators/pubsub/index.ts'
import { type PushEndpoint, startPushEndpoint } from '../emulators/pubsub/testing/push-endpoint.ts'
import { labelsOfPause, pauseIn } from '../topology/paused.ts'
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
    for (const { name, metadata } of topics) {
      const days = topology.topics[name.replace('projects/local/topics/', '')]?.retention_days ?? 0
      expect(Number(metadata?.messageRetentionDuration?.seconds ?? 0)).toBe(days * 86_400)
    }
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

  it('leaves paused what is paused, with the address that a resume needs now', async () => {
    await createTopology({ topology, pubsub, pushBaseUrls: addresses('http://127.0.0.1:9/') })
    const track = pubsub.subscription('track')
    const pause = {
      by: 'jane',
      sinceMs: 1_790_000_000_000,
      why: 'a look',
      push: { pushEndpoint: 'http://127.0.0.1:9/' },
    }
    await track.setMetadata({ labels: labelsOfPause(pause) })
    await track.modifyPushConfig({})
    await createTopology({ topology, pubsub, pushBaseUrls: addresses(endpoint.url) })
    const [{ labels, pushConfig }] = await track.getMetadata()
    expect(pushConfig?.pushEndpoint ?? '').toBe('')
    expect(pauseIn(labels)).toEqual({ ...pause, push: { pushEndpoint: `${endpoint.url}track` } })
  })

  it('says which function has no address', async () => {
    await expect(createTopology({ topology, pubsub, pushBaseUrls: {} })).rejects.toThrow(
      /no address for the function \w+ to push to/,
    )
  })
})
