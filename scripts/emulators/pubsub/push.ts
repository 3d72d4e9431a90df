import type { EventEmitter } from 'node:events'
import { type ClientRequest, Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Clock } from './clock.ts'
import type { PubSubEvents } from './events.ts'
import type { Consumer, Lease } from './lease.ts'
import type { OidcSigner } from './oidc.ts'
import { pushBody } from './push-body.ts'
import { PushFlow } from './push-flow.ts'
import type { PushSettings } from './settings.ts'
import type { Subscription } from './subscription.ts'

/** Answers that acknowledge a push; every other one means that it is to be delivered again. */
const ACKNOWLEDGING_STATUSES: ReadonlySet<number> = new Set([102, 200, 201, 202, 204])

/**
 * Most new connections at a time whose first answer has not come. A listener queues some 500 before its process accepts them
 * and drops the rest, whose pushes would then hang until the ack deadline.
 */
const MAX_NEW_CONNECTIONS = 100

/** Keeps connections open between pushes; shared by all subscriptions of a server. */
export interface PushAgents {
  readonly http: HttpAgent
  readonly https: HttpsAgent
}

/** As many idle connections stay open as pushes may be in flight: opening them again for each burst overruns the listener. */
export function createPushAgents(maxOutstanding: number): PushAgents {
  const options = { keepAlive: true, maxFreeSockets: maxOutstanding }
  return { http: new HttpAgent(options), https: new HttpsAgent(options) }
}

/** An order to deliver pushes twice: both at the same time, or the second once the first is answered. */
export interface DuplicateOrder {
  count: number
  readonly when: 'together' | 'after'
}

export interface PushOptions {
  readonly clock: Clock
  readonly events: EventEmitter<PubSubEvents>
  readonly agents: PushAgents
  /** Undefined: pushes carry no token, whatever the subscription says. */
  readonly signer: OidcSigner | undefined
  readonly maxOutstanding: number
  readonly backoffScale: number
  /** The order that stands for this subscription, if any; counted down here. */
  readonly duplicates: () => DuplicateOrder | undefined
}

const LATE = 'no answer within the ack deadline'

type PushResult =
  | { readonly acknowledged: boolean; readonly status: number }
  | { readonly acknowledged: false; readonly failure: string }

/** Delivers a subscription's messages to its endpoint, one HTTP request a message. */
export class PushConsumer implements Consumer {
  readonly ackDeadlineMs = undefined
  readonly endpoint: string
  readonly #subscription: Subscription
  readonly #settings: PushSettings
  readonly #options: PushOptions
  readonly #requests = new Map<string, Set<ClientRequest>>()
  readonly #flow: PushFlow
  #inFlight = 0
  #newConnections = 0
  #closed = false

  constructor(subscription: Subscription, settings: PushSettings, options: PushOptions) {
    this.endpoint = settings.endpoint
    this.#subscription = subscription
    this.#settings = settings
    this.#options = options
    this.#flow = new PushFlow({ ...options, resume: () => subscription.wake() })
    // Making the key takes a while: now, rather than while the first message waits.
    if (settings.oidc !== undefined) void options.signer?.token(settings.oidc.email, settings.oidc.audience)
  }

  hasRoom(): boolean {
    return !this.#closed && this.#flow.mayPush(this.#inFlight) && this.#newConnections < MAX_NEW_CONNECTIONS
  }

  deliver(lease: Lease): void {
    this.#inFlight += 1
    this.#requests.set(lease.ackId, new Set())
    void this.#push(lease).then((acknowledged) => this.#settle(lease, acknowledged))
  }

  /** The ack deadline is the request's timeout too: whoever answers later is not heard. */
  released(lease: Lease, why: 'acknowledged' | 'failed' | 'expired'): void {
    if (why === 'expired') this.#abort(lease.ackId, LATE)
  }

  closed(): void {
    this.#closed = true
    this.#flow.close()
    for (const ackId of [...this.#requests.keys()]) this.#abort(ackId, 'the subscription was closed')
  }

  #abort(ackId: string, reason: string): void {
    const requests = this.#requests.get(ackId)
    this.#requests.delete(ackId)
    for (const request of requests ?? []) request.destroy(new Error(reason))
  }

  async #push(lease: Lease): Promise<boolean> {
    const body = Buffer.from(
      pushBody(this.#subscription.name, lease.message, this.#subscription.settings.deadLetter && lease.attempt),
    )
    const when = this.#takeDuplicate()
    const first = this.#pushOnce(lease, body)
    if (when === undefined) return await first
    if (when === 'after') await first
    // The message is acknowledged when both are answered, so on an ordered subscription nothing overtakes the duplicate.
    const answers = await Promise.all([first, this.#pushOnce(lease, body)])
    return answers.includes(true)
  }

  #takeDuplicate(): DuplicateOrder['when'] | undefined {
    const order = this.#options.duplicates()
    if (order === undefined || order.count === 0) return undefined
    order.count -= 1
    return order.when
  }

  async #pushOnce(lease: Lease, body: Buffer): Promise<boolean> {
    const startedMs = this.#options.clock.now()
    const result = await this.#request(lease.ackId, body).catch(
      (error: unknown): PushResult => ({
        acknowledged: false,
        failure: error instanceof Error ? error.message : String(error),
      }),
    )
    if (this.#closed) return false
    this.#options.events.emit('delivered', {
      subscription: this.#subscription.name,
      messageId: lease.message.id,
      attempt: lease.attempt,
      via: 'push',
      ...('status' in result ? { status: result.status } : { failure: result.failure }),
      latencyMs: this.#options.clock.now() - startedMs,
    })
    return result.acknowledged
  }

  async #request(ackId: string, body: Buffer): Promise<PushResult> {
    const { endpoint, oidc } = this.#settings
    const headers: Record<string, string | number> = {
      'content-type': 'application/json',
      'content-length': body.length,
      'user-agent': 'CloudPubSub-Google',
    }
    // A new connection until it turns out that an open one is used.
    this.#newConnections += 1
    let isNew = true
    const isProven = () => {
      if (isNew) this.#newConnections -= 1
      isNew = false
      this.#subscription.wake()
    }
    try {
      if (oidc !== undefined && this.#options.signer !== undefined) {
        headers.authorization = `Bearer ${await this.#options.signer.token(oidc.email, oidc.audience)}`
      }
      const requests = this.#requests.get(ackId)
      if (requests === undefined) return { acknowledged: false, failure: LATE }
      const { http, https } = this.#options.agents
      const request = endpoint.startsWith('https:')
        ? httpsRequest(endpoint, { method: 'POST', headers, agent: https })
        : httpRequest(endpoint, { method: 'POST', headers, agent: http })
      if (request.reusedSocket) isProven()
      requests.add(request)
      return await answerTo(request, body)
    } finally {
      isProven()
    }
  }

  #settle(lease: Lease, acknowledged: boolean): void {
    this.#inFlight -= 1
    this.#requests.delete(lease.ackId)
    if (this.#closed) return
    if (acknowledged) {
      this.#flow.acknowledged()
      this.#subscription.acknowledge(lease.ackId)
    } else {
      this.#flow.failed()
      this.#subscription.modifyDeadline(lease.ackId, 0)
    }
    this.#subscription.wake()
  }
}

/** Sends the request; rejects when no answer comes. */
function answerTo(request: ClientRequest, body: Buffer): Promise<PushResult> {
  return new Promise((resolve, reject) => {
    const answered = (status = 0) => resolve({ acknowledged: ACKNOWLEDGING_STATUSES.has(status), status })
    request.on('information', ({ statusCode }) => statusCode === 102 && answered(statusCode))
    request.on('response', (response) => {
      answered(response.statusCode)
      response.resume()
    })
    request.on('error', reject)
    request.end(body)
  })
}
