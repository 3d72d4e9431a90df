import type { Answer, ItemError } from './answers.ts'
import type { EndpointKind } from './faults.ts'
import type { Inbox } from './inbox.ts'
import type { Behaviour } from './observed.ts'
import type { BroadcastQueue } from './rates.ts'
import type { ReportingWebhooks } from './reporting-webhooks.ts'
import type { Statistics } from './statistics.ts'
import type { Workspace } from './workspace/workspace.ts'

/**
 * What is kept of what is received. `all`: state and inbox. `state`: people, events and sends, no inbox.
 * `count`: only the statistics, for benches: nothing is validated or stored.
 */
export type Store = 'all' | 'state' | 'count'

/** What the endpoints work with. */
export interface Context {
  readonly workspace: Workspace
  readonly inbox: Inbox
  readonly statistics: Statistics
  readonly reportingWebhooks: ReportingWebhooks
  readonly broadcasts: BroadcastQueue
  readonly now: () => number
  readonly region: 'us' | 'eu'
  readonly store: Store
  readonly deliveryDelayMs: number
  /** `reversed` applies the operations of a batch last to first: Customer.io promises no order within one. */
  readonly batchOrder: 'given' | 'reversed'
  readonly behaviour: Behaviour
}

export interface ReceivedRequest {
  readonly endpoint: string
  /** The variable parts of the path, decoded. */
  readonly params: readonly string[]
  readonly query: URLSearchParams
  readonly body: Buffer
  /** By order, this item of a batch is to be refused. */
  readonly refusesItem?: (index: number, item: unknown) => ItemError | undefined
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Parts that begin with a colon are variable. */
  readonly path: string
  readonly name: string
  readonly kind: EndpointKind
  readonly credentials: 'track' | 'app' | 'none'
  /** Which rate limit it counts against: Track and sends share one, the rest of the App API has another. */
  readonly budget: 'track' | 'app' | 'none'
  readonly handle: (request: ReceivedRequest, context: Context) => Answer
}
