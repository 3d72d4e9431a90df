import { EventEmitter } from 'node:events'
import type { Context, Store } from './context.ts'
import { Credentials } from './credentials.ts'
import { FaultOrders } from './faults.ts'
import { Inbox } from './inbox.ts'
import { APP_REQUESTS_PER_SECOND } from './limits.ts'
import { createLocalApi } from './local/api.ts'
import { behaviourOf, type Observed } from './observed.ts'
import { reportOwnEvents } from './own-events.ts'
import { seededRandom } from './random.ts'
import { BroadcastQueue, RequestRate } from './rates.ts'
import { Recipients } from './recipient.ts'
import { ReportingWebhooks } from './reporting-webhooks.ts'
import { Reports } from './reports.ts'
import { type CustomerIoEvents, createApiServer } from './server.ts'
import { Statistics, type StatisticsReport } from './statistics.ts'
import { WebhookSender, type WebhookSenderOptions } from './webhooks.ts'
import { Workspace } from './workspace/workspace.ts'

export {
  ENDPOINT_KINDS,
  type EndpointKind,
  type FaultOrder,
  type FaultOrders,
  faultOrderSchema,
  type StandingOrder,
} from './faults.ts'
export type { Inbox, InboxEntry } from './inbox.ts'
export { type Observed, readObserved, writeObserved } from './observed.ts'
export { RECIPIENT_ACTIONS, type RecipientAction, type Recipients } from './recipient.ts'
export { SUBSCRIBABLE_EVENTS } from './reporting-webhooks.ts'
export type { CustomerIoEvents, SeenRequest } from './server.ts'
export type { StatisticsReport } from './statistics.ts'
export { signWebhook, WebhookSender, type WebhookSenderOptions } from './webhooks.ts'
export type { EventRecord } from './workspace/events.ts'
export type { Person } from './workspace/people.ts'
export type { BroadcastTrigger, Send } from './workspace/sends.ts'
export type { Workspace } from './workspace/workspace.ts'

export interface CustomerIoOptions {
  /** 0 means any free one. */
  readonly port: number
  /** 127.0.0.1 by default. */
  readonly host?: string
  /** Milliseconds; Date.now by default. */
  readonly now?: () => number
  readonly siteId: string
  readonly trackApiKey: string
  readonly appApiKey: string
  /** The region the account is in; `us` by default. */
  readonly region?: 'us' | 'eu'
  /** How a workspace was seen to behave where the documents are silent. Options that are given go first. */
  readonly observed?: Partial<Observed>
  /** How long after a send the delivery look-ups first show it, unless that was observed. */
  readonly deliveryDelayMs: number
  /** What every answer of the two APIs takes at least; none by default. */
  readonly latencyMs?: number
  /** Track and `/v1/send` together; no limit by default. */
  readonly requestsPerSecond?: number
  /** The rest of the App API; 10 by default, as documented. */
  readonly appRequestsPerSecond?: number
  /** True keeps all; false keeps people, events and sends but no inbox; `count` counts only, without validating. True by default. */
  readonly storeInbox?: boolean | 'count'
  /** `reversed` applies the operations of a batch last to first: Customer.io promises no order within one. As given by default. */
  readonly batchOrder?: 'given' | 'reversed'
  /** For orders with a probability; 1 by default. */
  readonly seed?: number
  /** Where reporting webhooks go and how; by default nowhere until an address is given. */
  readonly webhooks?: Partial<Omit<WebhookSenderOptions, 'now'>> & {
    /** Also report what happens here: messages sent, subscriptions and preferences changed. */
    readonly ownEvents?: boolean
  }
}

export interface CustomerIoServer {
  readonly port: number
  /** `http://host:port`; the local API is under `/_local`. */
  readonly url: string
  /** For the SDK's TrackClient. */
  readonly trackUrl: string
  /** For the SDK's APIClient. */
  readonly appUrl: string
  /** People, objects, events, sends and broadcasts; `workspace.changes` tells of sends and subscriptions. */
  readonly workspace: Workspace
  readonly inbox: Inbox
  readonly statistics: () => StatisticsReport
  /** Orders to misbehave. */
  readonly orders: FaultOrders
  /** The keys that are valid; they can be rotated and revoked. */
  readonly credentials: Credentials
  readonly webhooks: WebhookSender
  /** Does what the recipients of the messages would: open, click, unsubscribe … */
  readonly recipients: Recipients
  /** Requests as they are received and answered. */
  readonly events: EventEmitter<CustomerIoEvents>
  /** Resolves when the condition holds; looked at after each request. Rejects after `timeoutMs`, 10 s by default. */
  until(condition: () => boolean, timeoutMs?: number): Promise<void>
  /** False between `down` and `up`. */
  readonly isUp: boolean
  /** Refuses connections and cuts those that are open, as if the host were gone; the state stays. */
  down(): Promise<void>
  /** Listens again, on the same port. */
  up(): Promise<void>
  close(): Promise<void>
}

const NOWHERE = 'http://127.0.0.1:9/no-webhook-address-was-given'

/** Starts a Customer.io on this machine: the Track API, the App API and, under `/_local`, what a test needs besides. */
export async function startCustomerIo(options: CustomerIoOptions): Promise<CustomerIoServer> {
  const { now = Date.now, host = '127.0.0.1', storeInbox = true } = options
  const events = new EventEmitter<CustomerIoEvents>()
  events.setMaxListeners(0) // each `until` under way listens
  const { observed } = options
  const behaviour = behaviourOf(observed)
  const workspace = new Workspace(behaviour)
  const store: Store = storeInbox === 'count' ? 'count' : storeInbox ? 'all' : 'state'
  const context: Context = {
    workspace,
    inbox: new Inbox(),
    statistics: new Statistics(),
    reportingWebhooks: new ReportingWebhooks(),
    broadcasts: new BroadcastQueue(now),
    now,
    region: options.region ?? 'us',
    store,
    deliveryDelayMs: seconds(observed?.delivery_list_delay_seconds) ?? options.deliveryDelayMs,
    batchOrder: options.batchOrder ?? 'given',
    behaviour,
  }
  const { siteId, trackApiKey, appApiKey, requestsPerSecond } = options
  const passed = observed?.throttling && observed.throttling.requests_until_429 - 1
  const appRequestsPerSecond = options.appRequestsPerSecond ?? passed ?? APP_REQUESTS_PER_SECOND
  const credentials = new Credentials({ siteId, trackApiKeys: [trackApiKey], appApiKeys: [appApiKey] })
  const orders = new FaultOrders(seededRandom(options.seed ?? 1))
  const { ownEvents = false, ...sending } = options.webhooks ?? {}
  const webhooks = new WebhookSender({
    ...{ url: NOWHERE, signingKey: 'unset', retrySignature: observed?.webhook_retry_signature ?? 'fresh' },
    ...{ ...sending, now },
  })
  const reports = new Reports(workspace, (event) => webhooks.send(event))
  if (ownEvents) reportOwnEvents(workspace, reports)
  const recipients = new Recipients(workspace, reports, now, ownEvents)
  const rates = {
    track: requestsPerSecond === undefined ? undefined : new RequestRate(requestsPerSecond, now),
    app: new RequestRate(appRequestsPerSecond, now),
  }
  const local = createLocalApi({ context, orders, credentials, webhooks, recipients, reports })
  const server = createApiServer({
    context,
    orders,
    credentials,
    rates,
    latencyMs: options.latencyMs ?? 0,
    events,
    local,
  })
  const port = await server.listen(options.port, host)
  const url = `http://${host}:${port}`
  return {
    port,
    url,
    trackUrl: `${url}/api/v1`,
    appUrl: `${url}/v1`,
    workspace,
    inbox: context.inbox,
    statistics: () => context.statistics.report(),
    orders,
    credentials,
    webhooks,
    recipients,
    events,
    until: (condition, timeoutMs) => until(events, condition, timeoutMs),
    get isUp() {
      return server.isListening()
    },
    down: () => server.stop(),
    up: async () => {
      if (!server.isListening()) await server.listen(port, host)
    },
    close: async () => {
      webhooks.close()
      await server.close()
    },
  }
}

/** In milliseconds. */
const seconds = (given: number | undefined) => (given === undefined ? undefined : given * 1_000)

const UNTIL_TIMEOUT_MS = 10_000

/** Looks at a condition now and after each request, rather than after a guess of time. */
async function until(
  events: EventEmitter<CustomerIoEvents>,
  condition: () => boolean,
  timeoutMs = UNTIL_TIMEOUT_MS,
): Promise<void> {
  if (condition()) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = () => condition() && resolve()
  const timer = setTimeout(
    () => reject(new Error(`Customer.io: not so within ${timeoutMs} ms: ${condition.toString()}`)),
    timeoutMs,
  )
  events.on('received', look).on('answered', look)
  try {
    await promise
  } finally {
    clearTimeout(timer)
    events.off('received', look).off('answered', look)
  }
}
