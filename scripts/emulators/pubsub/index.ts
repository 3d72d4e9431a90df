import type { JsonWebKey } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { RpcError } from '../rpc-error.ts'
import { type AppendRows, BigQueryConsumer } from './bigquery.ts'
import { Broker, type PubSubSnapshot } from './broker.ts'
import { type Clock, type Schedule, systemClock } from './clock.ts'
import type { PubSubEvents, SubscriptionStats } from './events.ts'
import type { Consumer, Lease } from './lease.ts'
import { OidcSigner } from './oidc.ts'
import { listenOnOnePort } from './one-port.ts'
import { loadServices } from './protos.ts'
import { createPushAgents, type DuplicateOrder, PushConsumer } from './push.ts'
import { restListener } from './rest.ts'
import { grpcService, publisherMethods, type ServiceContext, subscriberMethods } from './services.ts'
import { streamingPull } from './streaming-pull.ts'
import type { BacklogEntry, Subscription } from './subscription.ts'

export type { AppendRows } from './bigquery.ts'
export type { PubSubSnapshot } from './broker.ts'
export type { Clock, Schedule } from './clock.ts'
export type { PubSubEvents, SubscriptionStats } from './events.ts'
export type { BacklogEntry } from './subscription.ts'

export interface PubSubOptions {
  /** 0 means any free one. */
  readonly port: number
  readonly host?: string
  readonly now?: () => number
  readonly schedule?: Schedule
  /** Multiplies every back-off, of a message and of a subscription, 1 by default: 0.01 makes ten minutes six seconds, 0 redelivers at once. */
  readonly backoffScale?: number
  /** False: pushes carry no OIDC token even where the subscription names a service account. */
  readonly signPush?: boolean
  /** Most pushes in flight a subscription; 1,000 by default. */
  readonly maxOutstandingPushes?: number
  /** Topics, subscriptions and unacknowledged messages of a server that was closed: Pub/Sub loses nothing in a restart. */
  readonly restore?: PubSubSnapshot
  /** Where BigQuery subscriptions write; without it their messages wait. */
  readonly appendRows?: AppendRows
  /** Who watches on over a restart gives the emitter along; a new one by default. */
  readonly events?: EventEmitter<PubSubEvents>
}

/** Pub/Sub in this process. Subscriptions are named in full: `projects/<project>/subscriptions/<id>`. */
export interface PubSubServer {
  readonly port: number
  /** What PUBSUB_EMULATOR_HOST, or the client's `apiEndpoint`, is to be. */
  readonly host: string
  readonly events: EventEmitter<PubSubEvents>
  /** Publishes messages without attributes to `projects/<project>/topics/<id>`, as a service of the same cloud would. */
  publish(topic: string, data: readonly string[]): void
  /** Of one subscription; throws when there is no such one. */
  stats(subscription: string): SubscriptionStats
  allStats(): SubscriptionStats[]
  /** The messages of one subscription that are not acknowledged, without taking them; throws when there is no such one. */
  backlog(subscription: string): readonly BacklogEntry[]
  /** Public key of the pushes' tokens as a JWK set. */
  jwks(): Promise<{ keys: JsonWebKey[] }>
  /** The same as PEM by key id. */
  certs(): Promise<Record<string, string>>
  /** Fault: the next `count` pushes go out twice, both at once or one after the other. Zero calls it off. */
  duplicatePushes(subscription: string, count: number, when?: 'together' | 'after'): void
  /** How many pushes of a subscription still go out twice. */
  duplicatesDue(subscription: string): number
  /** Fault: delivers nothing until `resume`. What is in flight stays so. */
  pause(subscription: string): void
  resume(subscription: string): void
  /** What a new server takes up as `restore`. Best taken after `close`, when nothing can change any more. */
  snapshot(): PubSubSnapshot
  /** Cuts all connections, pushes in flight among them; the messages stay in the snapshot. */
  close(): Promise<void>
}

/** The wire carries 10 MB messages, and refuses larger ones itself, with Pub/Sub's own words. */
const GRPC_OPTIONS = { 'grpc.max_receive_message_length': 64 * 1024 * 1024, 'grpc.max_send_message_length': -1 }

/** Starts a Pub/Sub that the real client library talks to. Rejects when the port is taken. */
export async function startPubSub(options: PubSubOptions): Promise<PubSubServer> {
  const address = options.host ?? '127.0.0.1'
  const backoffScale = options.backoffScale ?? 1
  const maxOutstanding = options.maxOutstandingPushes ?? 1_000
  const clock: Clock = {
    now: options.now ?? systemClock.now,
    schedule: options.schedule ?? systemClock.schedule,
  }
  const events = options.events ?? new EventEmitter<PubSubEvents>()
  const signer = new OidcSigner(clock.now)
  const agents = createPushAgents(maxOutstanding)
  const consumers = new Map<string, Consumer>()
  const duplicates = new Map<string, DuplicateOrder>()

  const consumerOf = (subscription: Subscription): Consumer | undefined => {
    const { push, bigQuery } = subscription.settings
    if (push !== undefined) {
      return new PushConsumer(subscription, push, {
        clock,
        events,
        agents,
        backoffScale,
        signer: options.signPush === false ? undefined : signer,
        maxOutstanding,
        duplicates: () => duplicates.get(subscription.name),
      })
    }
    if (bigQuery === undefined || options.appendRows === undefined) return undefined
    return new BigQueryConsumer(subscription, bigQuery, { clock, events, append: options.appendRows })
  }

  /** Gives a subscription the consumer that its configuration asks for, in place of an earlier one. */
  const attach = (subscription: Subscription): void => {
    const earlier = consumers.get(subscription.name)
    if (earlier !== undefined) subscription.removeConsumer(earlier)
    consumers.delete(subscription.name)
    const consumer = consumerOf(subscription)
    if (consumer === undefined) return
    consumers.set(subscription.name, consumer)
    subscription.addConsumer(consumer)
  }

  const broker = new Broker({ clock, events, backoffScale, attach })
  const onHandedOut = (subscription: Subscription, lease: Lease): void => {
    const { message, attempt } = lease
    events.emit('delivered', { subscription: subscription.name, messageId: message.id, attempt, via: 'pull' })
  }
  const context: ServiceContext = { broker, clock, onHandedOut }
  const services = loadServices()
  const server = new Server(GRPC_OPTIONS)
  const publisher = publisherMethods(context)
  const subscriber = subscriberMethods(context)
  server.addService(services.publisher, grpcService(publisher))
  server.addService(services.subscriber, {
    ...grpcService(subscriber),
    streamingPull: streamingPull(broker, onHandedOut),
  })
  const grpc = server.createConnectionInjector(ServerCredentials.createInsecure())
  const api = restListener({ ...publisher, ...subscriber })
  const rest = createServer((request, response) => {
    const [, name] = /^\/emulator\/v1\/(projects\/[^/]+\/subscriptions\/[^/]+)$/.exec(request.url ?? '') ?? []
    if (name === undefined) return api(request, response)
    const found = broker.subscriptions().find((subscription) => subscription.name === name)
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(found?.stats() ?? {}))
  })
  const listener = await listenOnOnePort(
    { port: options.port, host: address },
    { http1: (socket) => rest.emit('connection', socket), http2: (socket) => grpc.injectConnection(socket) },
  )
  const { port } = listener
  if (options.restore !== undefined) broker.restore(options.restore)

  return {
    port,
    host: `${address}:${port}`,
    events,
    publish: (topic, data) => {
      broker.publish(
        topic,
        data.map((text) => ({ data: Buffer.from(text), attributes: {}, orderingKey: '' })),
      )
    },
    stats: (name) => broker.subscription(name).stats(),
    allStats: () => broker.subscriptions().map((subscription) => subscription.stats()),
    backlog: (name) => broker.subscription(name).backlog(),
    jwks: () => signer.jwks(),
    certs: () => signer.certs(),
    duplicatePushes: (name, count, when = 'together') =>
      duplicates.set(broker.subscription(name).name, { count, when }),
    duplicatesDue: (name) => duplicates.get(broker.subscription(name).name)?.count ?? 0,
    pause: (name) => broker.subscription(name).pause(),
    resume: (name) => broker.subscription(name).resume(),
    snapshot: () => broker.snapshot(),
    close: async () => {
      for (const subscription of broker.subscriptions()) {
        subscription.close(new RpcError(status.UNAVAILABLE, 'The server is shutting down.'))
      }
      server.forceShutdown()
      await listener.close()
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}
