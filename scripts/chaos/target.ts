import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FaultOrder } from '../emulators/customerio/index.ts'
import type { FunctionProcess } from '../local/function-process.ts'
import { LOCAL_CREDENTIALS, type Stack } from '../local/stack.ts'
import type { InstancePool } from './instances.ts'
import { type PlannedMessage, REFUSED_TEXTS, type Topic } from './messages.ts'

/** Each API's key: its secret, and what the local Customer.io calls the keys that it takes. */
const KEYS = {
  track: { secret: 'CUSTOMERIO_TRACK_API_KEY', valid: 'trackApiKeys' },
  app: { secret: 'CUSTOMERIO_APP_API_KEY', valid: 'appApiKeys' },
} as const
export type Api = keyof typeof KEYS

/** The marked messages are refused whenever nothing worse is ordered. */
const STANDING_ORDERS: readonly FaultOrder[] = [
  { on: 'batch', containing: [REFUSED_TEXTS.refused_batch], fault: { do: 'refuse' } },
  {
    on: 'batch',
    containing: [REFUSED_TEXTS.refused_item],
    fault: { do: 'refuse_items', containing: [REFUSED_TEXTS.refused_item] },
  },
]

export interface TargetParts {
  readonly stack: Stack
  readonly pools: {
    readonly of: Readonly<Record<Topic, Pick<InstancePool, 'instances' | 'rollOut'>>>
    /** Of the topics whose bulk lane has a function of its own. */
    readonly lanes?: ReadonlyMap<Topic, Pick<InstancePool, 'instances'>>
  }
  /** Runs something while no publish is under way: a publisher that is not answered publishes again, under its own key. */
  readonly withoutPublishing: (work: () => Promise<void>) => Promise<void>
  /** Publishes messages beside those of the plan, so many at a time. */
  readonly burst: (messages: Iterable<PlannedMessage>, atATime: number) => Promise<void>
  /** Told of each process that is killed, before it is. */
  readonly onKill: (process: FunctionProcess) => void
  /** Told when two revisions begin to serve, and when the first one has drained. */
  readonly onOverlap: (bothServe: boolean) => void
  /** Told when Pub/Sub has confirmed that a subscription is paused, and before it is asked to resume it. */
  readonly onPause: (what: 'pause' | 'resume', subscription: string) => void
}

/** What trouble is made with, and what has to be remembered about trouble that is being made. */
export class Target {
  readonly parts: TargetParts
  /** Ids of the messages that a process held while it stood still beyond what the ledger is promised. */
  readonly frozen = new Set<string>()
  /** When each flood of one key began, by `performance.now()`. */
  readonly floodsFromMs: number[] = []
  readonly #turns = new Map<unknown, Promise<unknown>>()
  readonly #keys = new Map<Api, string>()
  #standing: number[] = []

  constructor(parts: TargetParts) {
    this.parts = parts
    this.#renewStandingOrders()
  }

  /** Two troubles of one thing come one after the other. */
  async inTurn(thing: unknown, work: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(thing) ?? Promise.resolve()).then(work)
    this.#turns.set(
      thing,
      turn.catch(() => {}),
    )
    await turn
  }

  /** Gives Customer.io an order to misbehave while something runs. */
  async withOrder(order: FaultOrder, work: () => Promise<unknown>): Promise<void> {
    const { orders } = this.parts.stack.customerio
    const id = orders.add(order)
    // The first order that matches is followed: this one has to come before those that stand.
    this.#renewStandingOrders()
    await work()
    orders.remove(id)
  }

  /** Takes back the orders that stand. */
  end(): void {
    for (const id of this.#standing.splice(0)) this.parts.stack.customerio.orders.remove(id)
  }

  #renewStandingOrders(): void {
    this.end()
    const { orders } = this.parts.stack.customerio
    this.#standing = STANDING_ORDERS.map((order) => orders.add(order))
  }

  /** The key that is in the secret's file now. */
  keyOf(api: Api): string {
    return this.#keys.get(api) ?? LOCAL_CREDENTIALS[KEYS[api].secret]
  }

  /** Adds a version to the secret: from now on a read of the mounted file gives it. */
  writeKey(api: Api, key: string): void {
    this.#keys.set(api, key)
    writeFileSync(join(this.parts.stack.endpoints.secrets, KEYS[api].secret), key)
  }

  /** Which keys Customer.io takes. */
  allowKeys(api: Api, keys: readonly string[]): void {
    this.parts.stack.customerio.credentials.replace({ [KEYS[api].valid]: keys })
  }
}
