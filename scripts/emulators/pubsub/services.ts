import type { protos } from '@google-cloud/pubsub'
import { type handleUnaryCall, status, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { RpcError } from '../rpc-error.ts'
import type { Broker } from './broker.ts'
import type { Clock } from './clock.ts'
import type { Lease } from './lease.ts'
import { checkPublishRequest, type MessageContent } from './message.ts'
import { requestSizeBytes } from './protos.ts'
import { pull, receivedMessage } from './pull.ts'
import { invalidArgument } from './refusals.ts'
import type { Subscription } from './subscription.ts'
import { timestampToMs } from './time.ts'

type Empty = protos.google.protobuf.IEmpty

/** How long a Pull waits for a first message. Google waits "a bounded amount of time". */
const PULL_WAIT_MS = 1_000

export interface ServiceContext {
  readonly broker: Broker
  readonly clock: Clock
  readonly onHandedOut: (subscription: Subscription, lease: Lease) => void
}

/** A method of the API, whichever way it is called. The signal aborts when the caller hangs up. */
export type Method = (request: object, signal: AbortSignal) => Promise<object>
export type Methods = Readonly<Record<string, Method>>

/** google.pubsub.v1.Publisher: topics and publishing. */
export function publisherMethods({ broker }: ServiceContext): Methods {
  return {
    createTopic: method((topic: protos.google.pubsub.v1.ITopic) => broker.createTopic(topic)),
    getTopic: method(({ topic }: protos.google.pubsub.v1.IGetTopicRequest) => broker.topic(topic ?? '')),
    listTopics: method((request: protos.google.pubsub.v1.IListTopicsRequest) => {
      const [topics, nextPageToken] = page(broker.topics(request.project ?? ''), request)
      return { topics, nextPageToken }
    }),
    listTopicSubscriptions: method((request: protos.google.pubsub.v1.IListTopicSubscriptionsRequest) => {
      const [subscriptions, nextPageToken] = page(broker.topicSubscriptions(request.topic ?? ''), request)
      return { subscriptions, nextPageToken }
    }),
    deleteTopic: method(({ topic }: protos.google.pubsub.v1.IDeleteTopicRequest): Empty => {
      broker.deleteTopic(topic ?? '')
      return {}
    }),
    publish: method((request: protos.google.pubsub.v1.IPublishRequest) => {
      const topic = request.topic ?? ''
      broker.topic(topic)
      const messages = (request.messages ?? []).map(contentOf)
      checkPublishRequest(messages, requestSizeBytes(request))
      return { messageIds: broker.publish(topic, messages) }
    }),
  }
}

/** google.pubsub.v1.Subscriber: subscriptions and pulling, without the streaming pull that gRPC alone has. */
export function subscriberMethods({ broker, clock, onHandedOut }: ServiceContext): Methods {
  return {
    createSubscription: method(
      (subscription: protos.google.pubsub.v1.ISubscription) => broker.createSubscription(subscription).resource,
    ),
    getSubscription: method(
      ({ subscription }: protos.google.pubsub.v1.IGetSubscriptionRequest) =>
        broker.subscription(subscription ?? '').resource,
    ),
    updateSubscription: method(
      ({ subscription, updateMask }: protos.google.pubsub.v1.IUpdateSubscriptionRequest) =>
        broker.updateSubscription(subscription ?? {}, updateMask?.paths ?? []).resource,
    ),
    listSubscriptions: method((request: protos.google.pubsub.v1.IListSubscriptionsRequest) => {
      const ofProject = broker
        .subscriptions()
        .filter(({ name }) => name.startsWith(`${request.project}/subscriptions/`))
      const [subscriptions, nextPageToken] = page(
        ofProject.map(({ resource }) => resource),
        request,
      )
      return { subscriptions, nextPageToken }
    }),
    deleteSubscription: method(({ subscription }: protos.google.pubsub.v1.IDeleteSubscriptionRequest): Empty => {
      broker.deleteSubscription(subscription ?? '')
      return {}
    }),
    modifyPushConfig: method(
      ({ subscription, pushConfig }: protos.google.pubsub.v1.IModifyPushConfigRequest): Empty => {
        broker.updateSubscription({ name: subscription ?? '', pushConfig: pushConfig ?? null }, ['push_config'])
        return {}
      },
    ),
    pull: method(async (request: protos.google.pubsub.v1.IPullRequest, signal) => {
      const subscription = broker.subscription(request.subscription ?? '')
      const maxMessages = request.maxMessages ?? 0
      if (maxMessages <= 0) throw invalidArgument('max_messages must be greater than 0.')
      const enough = new AbortController()
      const stop = () => enough.abort()
      signal.addEventListener('abort', stop, { once: true })
      const pulled = pull(subscription, maxMessages, enough.signal)
      if (request.returnImmediately) stop()
      const leases = await pulled.finally(clock.schedule(stop, PULL_WAIT_MS))
      for (const lease of leases) onHandedOut(subscription, lease)
      return { receivedMessages: leases.map((lease) => receivedMessage(lease, subscription)) }
    }),
    acknowledge: method(({ subscription, ackIds }: protos.google.pubsub.v1.IAcknowledgeRequest): Empty => {
      const target = broker.subscription(subscription ?? '')
      for (const ackId of ackIds ?? []) target.acknowledge(ackId)
      return {}
    }),
    modifyAckDeadline: method((request: protos.google.pubsub.v1.IModifyAckDeadlineRequest): Empty => {
      const seconds = request.ackDeadlineSeconds ?? 0
      if (seconds < 0 || seconds > 600)
        throw invalidArgument(`Invalid ack_deadline_seconds: ${seconds} is not between 0 and 600.`)
      const target = broker.subscription(request.subscription ?? '')
      for (const ackId of request.ackIds ?? []) target.modifyDeadline(ackId, seconds * 1000)
      return {}
    }),
    seek: method(({ subscription, time }: protos.google.pubsub.v1.ISeekRequest): Empty => {
      if (!time) throw new RpcError(status.UNIMPLEMENTED, 'This server seeks to a time only: it has no snapshots.')
      broker.subscription(subscription ?? '').seek(timestampToMs(time))
      return {}
    }),
  }
}

/** The methods as gRPC calls them; what they throw becomes the call's status. */
export function grpcService(methods: Methods): UntypedServiceImplementation {
  return Object.fromEntries(
    Object.entries(methods).map(([name, answer]) => {
      const handle: handleUnaryCall<object, object> = async (call, callback) => {
        const hungUp = new AbortController()
        call.on('cancelled', () => hungUp.abort())
        try {
          callback(null, await answer(call.request, hungUp.signal))
        } catch (error) {
          const code = error instanceof RpcError ? error.code : status.INTERNAL
          callback({ code, details: error instanceof Error ? error.message : String(error) })
        }
      }
      return [name, handle]
    }),
  )
}

/** Requests come decoded by the definitions of the API, so they are what the method says. */
function method<Request extends object, Response extends object>(
  answer: (request: Request, signal: AbortSignal) => Response | Promise<Response>,
): Method {
  return async (request, signal) => await answer(request as Request, signal)
}

function contentOf(message: protos.google.pubsub.v1.IPubsubMessage): MessageContent {
  return {
    // A copy: what came over the wire is a view of the whole request, which would stay in memory with it.
    data: Buffer.from(message.data ?? []),
    attributes: message.attributes ?? {},
    orderingKey: message.orderingKey ?? '',
  }
}

/** One page of a list. The token is the position of the next one. */
function page<Item>(items: Item[], request: { pageSize?: number | null; pageToken?: string | null }): [Item[], string] {
  const start = Number(request.pageToken || 0)
  const end = request.pageSize ? start + request.pageSize : items.length
  return [items.slice(start, end), end < items.length ? String(end) : '']
}
