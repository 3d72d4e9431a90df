import { on } from 'node:events'
import { type CreateSubscriptionOptions, PubSub, type Subscription, type Topic, v1 } from '@google-cloud/pubsub'
import type { PubSubEvents, PubSubOptions, PubSubServer } from '../index.ts'
import { startPubSub } from '../index.ts'
import { type Answer, type PushEndpoint, type ReceivedPush, startPushEndpoint } from './push-endpoint.ts'

/** Everything that a test started, closed together with `close`. */
export class Started {
  readonly #closers: (() => Promise<unknown>)[] = []
  #names = 0

  async pubSub(options: Partial<PubSubOptions> = {}): Promise<PubSubServer> {
    const server = await startPubSub({ port: 0, ...options })
    this.#closers.unshift(() => server.close())
    return server
  }

  client(server: PubSubServer): PubSub {
    const client = new PubSub({ projectId: 'local', apiEndpoint: server.host })
    this.#closers.unshift(() => client.close())
    return client
  }

  puller(client: PubSub): v1.SubscriberClient {
    const puller = new v1.SubscriberClient({ ...client.options, projectId: 'local' })
    this.#closers.unshift(() => puller.close())
    return puller
  }

  async endpoint(answer: (push: ReceivedPush, index: number) => Answer): Promise<PushEndpoint> {
    const endpoint = await startPushEndpoint(answer)
    this.#closers.unshift(() => endpoint.close())
    return endpoint
  }

  async subscription(client: PubSub, options: CreateSubscriptionOptions = {}): Promise<[Topic, Subscription]> {
    this.#names += 1
    const [topic] = await client.createTopic(`topic-${this.#names}`)
    const [subscription] = await topic.createSubscription(`subscription-${this.#names}`, options)
    return [topic, subscription]
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close()
  }
}

/** Resolves with the next event that the predicate accepts. To be called before what causes it. */
export async function nextEvent<Name extends keyof PubSubEvents>(
  { events }: PubSubServer,
  name: Name,
  accepts: (event: PubSubEvents[Name][0]) => boolean = () => true,
): Promise<PubSubEvents[Name][0]> {
  for await (const [event] of on(events, name)) {
    if (accepts(event)) return event
  }
  throw new Error(`no event ${name} came`)
}
