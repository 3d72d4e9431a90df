import { type protos, v1 } from '@google-cloud/pubsub'
import { credentials, status } from '@grpc/grpc-js'
import { z } from 'zod'

type Request = Readonly<Record<string, unknown>>

/** One way to call Pub/Sub. Answers come in the form of its REST API, failures as {@link Refused}. */
export interface Wire {
  publish(topic: string, messages: readonly Request[]): Promise<string[]>
  pull(subscription: string, maxMessages: number): Promise<Received[]>
  acknowledge(subscription: string, ackIds: readonly string[]): Promise<void>
  modifyAckDeadline(subscription: string, ackIds: readonly string[], ackDeadlineSeconds: number): Promise<void>
  topic(name: string): Promise<{ name: string }>
  topics(project: string, page: Page): Promise<Listed>
  topicSubscriptions(topic: string, page: Page): Promise<Listed>
  subscription(name: string): Promise<{ name: string; topic: string; ackDeadlineSeconds: number }>
  subscriptions(project: string, page: Page): Promise<Listed>
  close(): Promise<void>
}

export interface Page {
  readonly pageSize?: number
  readonly pageToken?: string
}

export interface Listed {
  readonly names: string[]
  readonly nextPageToken?: string
}

export interface Received {
  readonly ackId: string
  readonly deliveryAttempt?: number
  readonly message: {
    readonly messageId: string
    /** Base64. */
    readonly data: string
    readonly attributes: Readonly<Record<string, string>>
    readonly publishTime: string
    readonly orderingKey?: string
  }
}

/** What Pub/Sub said no with: the name of a gRPC status. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly status: string

  constructor(code: string, message: string) {
    super(message)
    this.status = code
  }
}

const received = z.object({
  receivedMessages: z
    .array(
      z.object({
        ackId: z.string(),
        deliveryAttempt: z.number().optional(),
        message: z.object({
          messageId: z.string(),
          data: z.string().default(''),
          attributes: z.record(z.string(), z.string()).default({}),
          publishTime: z.iso.datetime(),
          orderingKey: z.string().optional(),
        }),
      }),
    )
    .default([]),
})
const named = z.object({ name: z.string() })
const subscriptionShape = named.extend({ topic: z.string(), ackDeadlineSeconds: z.number() })
const listed = z.object({
  topics: z.array(named).optional(),
  subscriptions: z.array(z.union([z.string(), named])).optional(),
  nextPageToken: z.string().optional(),
})
const refusal = z.strictObject({
  error: z.object({ code: z.number(), message: z.string(), status: z.string() }),
})

/** The REST API, called by `fetch`. */
export function restWire(host: string): Wire {
  async function call(verb: string, path: string, body?: Request): Promise<unknown> {
    const response = await fetch(`http://${host}/v1/${path}`, {
      method: verb,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const answer: unknown = await response.json()
    if (response.ok) return answer
    const { error } = refusal.parse(answer)
    if (error.code !== response.status) throw new Error(`status ${response.status} with a body of ${error.code}`)
    throw new Refused(error.status, error.message)
  }
  const list = async (path: string, { pageSize, pageToken }: Page): Promise<Listed> => {
    const query = new URLSearchParams({
      ...(pageSize !== undefined && { pageSize: String(pageSize) }),
      ...(pageToken !== undefined && { pageToken }),
    })
    const { topics, subscriptions, nextPageToken } = listed.parse(await call('GET', `${path}?${query}`))
    const names = [...(topics ?? []), ...(subscriptions ?? [])].map((item) =>
      typeof item === 'string' ? item : item.name,
    )
    return { names, ...(nextPageToken && { nextPageToken }) }
  }
  return {
    publish: async (topic, messages) =>
      z.object({ messageIds: z.array(z.string()) }).parse(await call('POST', `${topic}:publish`, { messages }))
        .messageIds,
    pull: async (subscription, maxMessages) =>
      received.parse(await call('POST', `${subscription}:pull`, { maxMessages })).receivedMessages,
    acknowledge: async (subscription, ackIds) => {
      expect(await call('POST', `${subscription}:acknowledge`, { ackIds })).toEqual({})
    },
    modifyAckDeadline: async (subscription, ackIds, ackDeadlineSeconds) => {
      expect(await call('POST', `${subscription}:modifyAckDeadline`, { ackIds, ackDeadlineSeconds })).toEqual({})
    },
    topic: async (name) => named.parse(await call('GET', name)),
    topics: (project, page) => list(`${project}/topics`, page),
    topicSubscriptions: (topic, page) => list(`${topic}/subscriptions`, page),
    subscription: async (name) => subscriptionShape.parse(await call('GET', name)),
    subscriptions: (project, page) => list(`${project}/subscriptions`, page),
    close: async () => {},
  }
}

/** gRPC, by the generated clients. */
export function grpcWire(host: string): Wire {
  const [servicePath, port] = host.split(':')
  const options = { servicePath, port: Number(port), sslCreds: credentials.createInsecure(), projectId: 'local' }
  const publisher = new v1.PublisherClient(options)
  const subscriber = new v1.SubscriberClient(options)
  const onePage = { autoPaginate: false }

  async function answered<T>(answer: Promise<readonly [T, ...unknown[]]>): Promise<T> {
    try {
      return (await answer)[0]
    } catch (error) {
      if (error instanceof Error && 'code' in error) throw new Refused(status[Number(error.code)] ?? '', error.message)
      throw error
    }
  }
  async function pages<Item>(
    answer: Promise<readonly [Item[], unknown, { nextPageToken?: string | null }]>,
    nameOf: (item: Item) => string | null | undefined,
  ): Promise<Listed> {
    let next: string | null | undefined
    const items = await answered(
      answer.then(([found, , response]) => {
        next = response.nextPageToken
        return [found] as const
      }),
    )
    return { names: items.map((item) => nameOf(item) ?? ''), ...(next && { nextPageToken: next }) }
  }
  const json = ({ ackId, message, deliveryAttempt }: protos.google.pubsub.v1.IReceivedMessage): Received => ({
    ackId: ackId ?? '',
    ...(deliveryAttempt && { deliveryAttempt }),
    message: {
      messageId: message?.messageId ?? '',
      data: Buffer.from(message?.data ?? '').toString('base64'),
      attributes: message?.attributes ?? {},
      publishTime: new Date(Number(message?.publishTime?.seconds) * 1000).toISOString(),
      ...(message?.orderingKey && { orderingKey: message.orderingKey }),
    },
  })
  return {
    publish: async (topic, messages) =>
      (await answered(publisher.publish({ topic, messages: [...messages] }))).messageIds ?? [],
    pull: async (subscription, maxMessages) =>
      ((await answered(subscriber.pull({ subscription, maxMessages }))).receivedMessages ?? []).map(json),
    acknowledge: async (subscription, ackIds) => {
      await answered(subscriber.acknowledge({ subscription, ackIds: [...ackIds] }))
    },
    modifyAckDeadline: async (subscription, ackIds, ackDeadlineSeconds) => {
      await answered(subscriber.modifyAckDeadline({ subscription, ackIds: [...ackIds], ackDeadlineSeconds }))
    },
    topic: async (topic) => named.parse(await answered(publisher.getTopic({ topic }))),
    topics: (project, page) => pages(publisher.listTopics({ project, ...page }, onePage), ({ name }) => name),
    topicSubscriptions: (topic, page) =>
      pages(publisher.listTopicSubscriptions({ topic, ...page }, onePage), (name) => name),
    subscription: async (subscription) =>
      subscriptionShape.parse(await answered(subscriber.getSubscription({ subscription }))),
    subscriptions: (project, page) =>
      pages(subscriber.listSubscriptions({ project, ...page }, onePage), ({ name }) => name),
    close: async () => {
      await publisher.close()
      await subscriber.close()
    },
  }
}
