import type { APIClient } from 'customerio-node'
import { type BatchAnswer, type BatchLimits, bisect, Coalescer } from '../batching/index.ts'
import type { Clock } from '../clock/index.ts'
import type { IdentifyMessage, TrackMessage, TransactionalMessage } from '../contract/index.ts'
import { safeErrorName } from '../errors/index.ts'
import type { Log } from '../logging/index.ts'
import type { CallOutcome, Outcome, Retry } from '../outcome/index.ts'
import type { Denied, Permit, RateLimiter } from '../rate/index.ts'
import type { Secret } from '../secrets/index.ts'
import { type AppEndpoint, classify, classifyBatch, retryIfUncertain } from './classify.ts'
import { type ApiOptions, appClients, type ClientHolder, trackClients } from './clients.ts'
import { type DeliveryQuery, deliveriesOf, type FoundDelivery, type TooMany } from './deliveries.ts'
import { LifecycleEmitter } from './lifecycle.ts'
import { type Operation, personKeys } from './person-keys.ts'
import { callBroadcast, callSend } from './send-request.ts'
import { answerOf } from './transport.ts'

/** Exactly one way to name a person. */
export type PersonIdentifiers = Extract<IdentifyMessage, { type: 'person'; action: 'delete' }>['identifiers']

interface Api extends ApiOptions {
  /** How long a request waits for its turn within the rate before it is given back as busy. */
  readonly rateWaitMs: number
}

export interface TrackApi extends Api {
  readonly siteId: Secret
  readonly apiKey: Secret
  /** This process's share of the account's rate. */
  readonly rate: RateLimiter
  /** How long a refused batch is divided; what is undecided by then is delivered again, and each time there is less of it. */
  readonly divideMs: number
  /** `maxBytes` is of the whole body of a request. */
  readonly batch: BatchLimits
}

export interface AppApi extends Api {
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

/** What is known of the message that carries an operation. */
export interface Carried {
  /** Pub/Sub's count of deliveries, 1 for the first; 0 when it does not count. */
  readonly attempt: number
}

/** A send that may begin now. Exactly one of the two has to be called. */
export interface PreparedSend {
  send(): Promise<CallOutcome>
  /** Gives the turn back: nothing is to be sent after all. */
  cancel(): void
}

type AppApiInUse = AppApi & { readonly clients: ClientHolder<APIClient> }
type Turn = { readonly client: APIClient; readonly permit: Permit }
type TrackApiInUse = TrackApi & {
  readonly clients: ReturnType<typeof trackClients>
  readonly operations: Coalescer<SubmittedOperation, Outcome>
}
interface SubmittedOperation extends Carried {
  readonly operation: Operation
}
type Undelivered = Exclude<CallOutcome, { kind: 'delivered' }>

/** From this delivery on an operation may be what made its batches fail. */
const SUSPECT_FROM_ATTEMPT = 2
const TRACK_SECRETS = ['CUSTOMERIO_SITE_ID', 'CUSTOMERIO_TRACK_API_KEY'] as const
const DELIVERED_ONCE: Carried = { attempt: 1 }
/** Of `{"batch":[]}` around the items. */
const BATCH_ENVELOPE_BYTES = 12

/**
 * The only way to Customer.io. Every operation resolves with its own outcome and never rejects for an answer of
 * Customer.io's; operations that are submitted together leave together as one v2 batch.
 *
 * An EventEmitter of one lifecycle event an operation: see {@link LifecycleEmitter}.
 */
export class CustomerIOService extends LifecycleEmitter {
  readonly #log: Log
  readonly #now: () => number
  readonly #track: TrackApiInUse | undefined
  readonly #app: AppApiInUse | undefined

  constructor(options: CustomerIOServiceOptions) {
    const { track, app, log, clock } = options
    super(log, clock)
    this.#log = log
    this.#now = clock.now
    this.#track = track && this.#inUse(track, clock)
    this.#app = app && { ...app, clients: appClients(app.apiKey, { ...app, clock }) }
  }

  #inUse(track: TrackApi, clock: Clock): TrackApiInUse {
    const inUse: TrackApiInUse = {
      ...track,
      clients: trackClients(track.siteId, track.apiKey, { ...track, clock }),
      operations: new Coalescer<SubmittedOperation, Outcome>({
        limits: { ...track.batch, maxBytes: track.batch.maxBytes - BATCH_ENVELOPE_BYTES },
        // With the comma that parts it from the next.
        sizeOf: ({ operation }) => Buffer.byteLength(JSON.stringify(operation)) + 1,
        conflictKeys: ({ operation }) => personKeys(operation),
        suspects: {
          isSuspect: ({ attempt }) => attempt >= SUSPECT_FROM_ATTEMPT,
          isFailure: (outcome) => outcome.kind === 'retry' && outcome.cause === 'transient',
        },
        send: (submitted) =>
          this.#sendOperations(
            inUse,
            submitted.map(({ operation }) => operation),
          ),
        busy: (reason) => ({ kind: 'retry', cause: 'busy', error: `not sent: ${reason.replaceAll('_', ' ')}` }),
        tooLarge: () => ({ kind: 'refused', reason: 'contract', error: 'the operation is too large for a batch' }),
        onError: (error) => unexpected(error),
        clock,
      }),
    }
    return inUse
  }

  /** Any v2 operation on a person or an object that is no event. */
  identify(operation: IdentifyMessage, carried = DELIVERED_ONCE): Promise<Outcome> {
    const { action } = operation
    const name = action === 'suppress' || action === 'delete' ? action : 'identify'
    return this.announced(name, () => this.#submit(operation, carried))
  }

  /** An event of a person, known or anonymous. Safe to repeat when it carries an `id`. */
  track(event: TrackMessage, carried = DELIVERED_ONCE): Promise<Outcome> {
    return this.announced('track', () => this.#submit(event, carried))
  }

  /** Deletes the person and blocks the identifier for good, until it is unsuppressed. */
  suppress(identifiers: PersonIdentifiers): Promise<Outcome> {
    return this.identify({ type: 'person', action: 'suppress', identifiers })
  }

  /** Deletes the person; a later identify creates them again. */
  delete(identifiers: PersonIdentifiers): Promise<Outcome> {
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
    const turn = await this.#turn(app, broadcast ? app.broadcastRate : app.rate)
    if (!('client' in turn)) return turn
    const call = (client: APIClient) => (broadcast ? callBroadcast(client, message) : callSend(client, message))
    return {
      cancel: turn.permit.cancel,
      send: () =>
        this.announced(broadcast ? 'broadcast' : 'transactional', async () => {
          const endpoint = broadcast ? 'broadcast' : 'send'
          return (await this.#appRequest(app, turn, endpoint, call)).outcome
        }),
    }
  }

  /** The deliveries that Customer.io lists for a person or a transactional message, or why it cannot be asked now. */
  async findDeliveries(query: DeliveryQuery): Promise<readonly FoundDelivery[] | TooMany | Undelivered> {
    return deliveriesOf(query, (call) => this.#lookUp(call), this.#now)
  }

  /** A request that reads next to nothing and changes nothing: whether Customer.io answers again. */
  async probe(): Promise<CallOutcome> {
    const answer = await this.#lookUp((client) => client.getIpAddresses())
    return typeof answer === 'string' ? { kind: 'delivered' } : answer
  }

  /** One reading request, within the rate of look-ups: the body of its 2xx answer, or what it came to instead. */
  async #lookUp(call: (client: APIClient) => Promise<Record<string, unknown>>): Promise<string | Undelivered> {
    const app = this.#app
    if (app === undefined) return notConfigured(['CUSTOMERIO_APP_API_KEY'])
    const turn = await this.#turn(app, app.lookUpRate)
    if (!('client' in turn)) return turn
    const { outcome, body } = await this.#appRequest(app, turn, 'look_up', call)
    return outcome.kind === 'delivered' ? body : outcome
  }

  /** Resolves when nothing waits for a batch and none is under way. */
  async idle(): Promise<void> {
    await this.#track?.operations.idle()
  }

  #submit(operation: Operation, { attempt }: Carried): Promise<Outcome> {
    if (this.#track === undefined) return Promise.resolve(notConfigured(TRACK_SECRETS))
    return this.#track.operations.submit({ operation, attempt })
  }

  async #sendOperations(track: TrackApiInUse, operations: readonly Operation[]): Promise<readonly Outcome[]> {
    const lastStartMs = this.#now() + track.divideMs
    const outcomes = await bisect<Operation, Outcome>(operations, async (part) =>
      this.#now() > lastStartMs ? { kind: 'undecided', outcome: NO_TIME_LEFT } : await this.#sendPart(track, part),
    )
    return outcomes.map((outcome) => ({ ...outcome, batchSize: operations.length }))
  }

  async #sendPart(track: TrackApiInUse, operations: readonly Operation[]): Promise<BatchAnswer<Outcome>> {
    const held = await track.clients.current()
    if ('unset' in held) return { kind: 'undecided', outcome: this.#unset(held.unset) }
    const permit = await track.rate.acquire(track.rateWaitMs)
    if (!permit.ok) return { kind: 'undecided', outcome: denied(permit) }
    const startedAt = this.#now()
    const answer = await answerOf(() => held.client.batch([...operations]))
    this.requested('batch', answer, operations.length, startedAt)
    const whole = classify('track', answer, this.#now)
    permit.report(whole)
    if (whole.kind === 'retry' || whole.kind === 'uncertain') {
      const outcome = await this.#reloaded(retryIfUncertain(whole), track.clients, held.client)
      return { kind: 'undecided', outcome }
    }
    const verdict = classifyBatch(operations.length, answer, this.#now)
    return verdict.kind === 'refusedWhole'
      ? verdict
      : { kind: 'perItem', outcomes: verdict.outcomes.map(retryIfUncertain) }
  }

  /** Waits for a turn within a rate of the App API. */
  async #turn(app: AppApiInUse, rate: RateLimiter): Promise<Turn | Retry> {
    const held = await app.clients.current()
    if ('unset' in held) return this.#unset(held.unset)
    const permit = await rate.acquire(app.rateWaitMs)
    return permit.ok ? { client: held.client, permit } : denied(permit)
  }

  async #appRequest(
    app: AppApiInUse,
    turn: Turn,
    endpoint: AppEndpoint,
    call: (client: APIClient) => Promise<Record<string, unknown>>,
  ): Promise<{ readonly outcome: CallOutcome; readonly body: string }> {
    const startedAt = this.#now()
    const answer = await answerOf(() => call(turn.client))
    this.requested(endpoint, answer, 1, startedAt)
    const outcome = classify(endpoint, answer, this.#now)
    turn.permit.report(outcome)
    return {
      outcome: outcome.kind === 'retry' ? await this.#reloaded(outcome, app.clients, turn.client) : outcome,
      body: answer.kind === 'response' ? answer.body : '',
    }
  }

  /** After refused credentials: reads them again. If they have changed meanwhile it was a rotation, and no alarm. */
  async #reloaded<C, O extends CallOutcome>(outcome: O, clients: ClientHolder<C>, used: C): Promise<O | Retry> {
    if (outcome.kind !== 'retry' || (outcome.httpStatus !== 401 && outcome.httpStatus !== 403)) return outcome
    if (!(await clients.reload(used))) return outcome
    return { ...outcome, cause: 'busy', error: 'the credentials have just been rotated' }
  }

  #unset(names: readonly string[]): Retry {
    for (const name of names) {
      this.#log.error('a secret is not configured: add its value with `npx cio-gcp secrets set`', {
        event: 'secret',
        reason: 'unset',
        secret: name,
      })
    }
    return notConfigured(names)
  }
}

const NO_TIME_LEFT: Retry = { kind: 'retry', cause: 'busy', error: 'not sent: dividing a refused batch took too long' }

function denied(permit: Denied): Retry {
  const why = permit.cause === 'paused' ? 'Customer.io is given a pause' : "this instance's rate is used up"
  return { kind: 'retry', cause: 'busy', error: `not sent: ${why}`, retryAfterMs: permit.waitMs }
}

function notConfigured(names: readonly string[]): Retry {
  return { kind: 'retry', cause: 'configuration', error: `not configured: ${names.join(', ')}` }
}

/** Of an unknown error only the name is passed on: its words may hold anything. */
function unexpected(error: unknown): Retry {
  return { kind: 'retry', cause: 'transient', reason: 'unexpected', error: `unexpected error: ${safeErrorName(error)}` }
}
