import type { APIClient } from 'customerio-node'
import type { Clock } from '../clock/index.ts'
import type { IdentifyMessage, TrackMessage, TransactionalMessage } from '../contract/index.ts'
import type { Log } from '../logging/index.ts'
import type { CallOutcome, Retry, Tried } from '../outcome/index.ts'
import type { RateLimiter } from '../rate/index.ts'
import type { Secret } from '../secrets/index.ts'
import { ACTIVITIES, type Activity, parseActivities } from './activities.ts'
import { Api, type ApiSettings, notConfigured } from './api.ts'
import { appClients, type ClientHolder, trackClients } from './clients.ts'
import { type DeliveryQuery, deliveriesOf, type FoundDelivery, type TooMany } from './deliveries.ts'
import { LifecycleEmitter } from './lifecycle.ts'
import type { Operation } from './person-keys.ts'
import { callBroadcast, callSend } from './send-request.ts'
import { type BatchOptions, type Carried, TrackBatches } from './track-batches.ts'

/** Exactly one way to name a person. */
export type PersonIdentifiers = Extract<IdentifyMessage, { type: 'person'; action: 'delete' }>['identifiers']

export interface TrackApi extends ApiSettings, BatchOptions {
  readonly siteId: Secret
  readonly apiKey: Secret
}

export interface AppApi extends ApiSettings {
  readonly apiKey: Secret
  /** Of `/v1/send/*`. */
  readonly rate: RateLimiter
  /** Broadcasts have a budget of their own: 1 in 10 s an account. */
  readonly broadcastRate: RateLimiter
  /** Of everything else on the App API: 10/s an account. */
  readonly lookUpRate: RateLimiter
}

export interface CustomerIOServiceOptions {
  readonly track?: TrackApi
  readonly app?: AppApi
  readonly log: Log
  readonly clock: Clock
}

/** A send that may begin now. Exactly one of the two has to be called. */
export interface PreparedSend {
  send(): Promise<CallOutcome>
  /** Gives the turn back: nothing is to be sent after all. */
  cancel(): void
}

type Undelivered = Exclude<CallOutcome, { kind: 'delivered' }>

const TRACK_SECRETS = ['CUSTOMERIO_SITE_ID', 'CUSTOMERIO_TRACK_API_KEY'] as const
const DELIVERED_ONCE: Carried = { attempt: 1 }

/**
 * The only way to Customer.io. Every operation resolves with its own outcome and never rejects for an answer of
 * Customer.io's; operations that are submitted together leave together as one v2 batch.
 *
 * An EventEmitter of one lifecycle event an operation: see {@link LifecycleEmitter}.
 */
export class CustomerIOService extends LifecycleEmitter {
  readonly #now: () => number
  readonly #track: TrackBatches | undefined
  readonly #app: (AppApi & { readonly api: Api<APIClient> }) | undefined

  constructor({ track, app, log, clock }: CustomerIOServiceOptions) {
    super(log, clock)
    this.#now = clock.now
    const api = <C>(settings: ApiSettings, clients: ClientHolder<C>) =>
      new Api({ settings, clients, onRequest: (request) => this.requested(request), log, clock })
    if (track !== undefined) {
      const clients = trackClients(track.siteId, track.apiKey, { ...track, clock })
      this.#track = new TrackBatches({ ...track, api: api(track, clients), clock })
    }
    if (app !== undefined) this.#app = { ...app, api: api(app, appClients(app.apiKey, { ...app, clock })) }
  }

  /** Any v2 operation on a person or an object that is no event. */
  identify(operation: IdentifyMessage, carried = DELIVERED_ONCE): Promise<Tried> {
    const { action } = operation
    const name = action === 'suppress' || action === 'delete' ? action : 'identify'
    return this.announced(name, () => this.#submit(operation, carried))
  }

  /** An event of a person, known or anonymous. Safe to repeat when it carries an `id`. */
  track(event: TrackMessage, carried = DELIVERED_ONCE): Promise<Tried> {
    return this.announced('track', () => this.#submit(event, carried))
  }

  /** Deletes the person and blocks the identifier for good, until it is unsuppressed. */
  suppress(identifiers: PersonIdentifiers): Promise<Tried> {
    return this.identify({ type: 'person', action: 'suppress', identifiers })
  }

  /** Deletes the person; a later identify creates them again. */
  delete(identifiers: PersonIdentifiers): Promise<Tried> {
    return this.identify({ type: 'person', action: 'delete', identifiers })
  }

  /**
   * Sends one transactional message, or triggers one broadcast. Not safe to repeat: Customer.io has no idempotency key,
   * so an `uncertain` outcome may stand for a message that was sent.
   */
  async transactional(message: TransactionalMessage): Promise<CallOutcome> {
    const prepared = await this.prepareSend(message)
    return 'send' in prepared ? prepared.send() : prepared
  }

  /** Triggers one broadcast: {@link transactional} under its own name. */
  broadcast(message: Extract<TransactionalMessage, { channel: 'broadcast' }>): Promise<CallOutcome> {
    return this.transactional(message)
  }

  /**
   * Everything about a send that can wait or fail before it begins: configured credentials, no pause, a turn within the
   * rate. The send ledger is asked between this and `send`, so that a claim is never held while waiting for a turn.
   */
  async prepareSend(message: TransactionalMessage): Promise<PreparedSend | Retry> {
    const app = this.#app
    if (app === undefined) return notConfigured(['CUSTOMERIO_APP_API_KEY'])
    const broadcast = message.channel === 'broadcast'
    const askedMs = this.#now()
    const turn = await app.api.turn(broadcast ? app.broadcastRate : app.rate)
    if (!('request' in turn)) return turn
    const queueWaitMs = this.#now() - askedMs
    const call = (client: APIClient) => (broadcast ? callBroadcast(client, message) : callSend(client, message))
    return {
      cancel: turn.cancel,
      send: () =>
        this.announced(broadcast ? 'broadcast' : 'transactional', async () => {
          const { outcome, latencyMs } = await turn.request(broadcast ? 'broadcast' : 'send', call)
          return { ...outcome, queueWaitMs, requestMs: latencyMs }
        }),
    }
  }

  /** The deliveries that Customer.io lists for a person or a transactional message, or why it cannot be asked now. */
  async findDeliveries(query: DeliveryQuery): Promise<readonly FoundDelivery[] | TooMany | Undelivered> {
    return deliveriesOf(query, (call) => this.#read(call), this.#now)
  }

  /**
   * What Customer.io lists of the newest changes and events of a person, by `id`, or why it cannot be asked now; `refused`
   * means that it knows no such person. One request.
   */
  async findActivities(personId: string): Promise<readonly Activity[] | Undelivered> {
    const body = await this.#read((client) => client.getCustomerActivities(personId, { limit: ACTIVITIES }))
    return typeof body === 'string' ? parseActivities(body) : body
  }

  /** A request that reads next to nothing and changes nothing: whether Customer.io answers again. */
  async probe(): Promise<CallOutcome> {
    const answer = await this.#read((client) => client.getIpAddresses())
    return typeof answer === 'string' ? { kind: 'delivered' } : answer
  }

  /** One GET of the App API by its path below `/v1`, such as `/campaigns`: the body of its 2xx answer, or what it came to instead. */
  lookUp(path: string): Promise<string | Undelivered> {
    return this.#read((client) => client.request.get(`${this.#app?.url ?? ''}${path}`))
  }

  /** One reading request, within the rate of look-ups. */
  async #read(call: (client: APIClient) => Promise<Record<string, unknown>>): Promise<string | Undelivered> {
    const app = this.#app
    if (app === undefined) return notConfigured(['CUSTOMERIO_APP_API_KEY'])
    const turn = await app.api.turn(app.lookUpRate)
    if (!('request' in turn)) return turn
    const { outcome, answer } = await turn.request('look_up', call)
    if (outcome.kind !== 'delivered') return outcome
    return answer.kind === 'response' ? answer.body : ''
  }

  #submit(operation: Operation, carried: Carried): Promise<Tried> {
    return this.#track?.submit(operation, carried) ?? Promise.resolve(notConfigured(TRACK_SECRETS))
  }
}
