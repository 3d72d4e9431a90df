import { captureRejectionSymbol, EventEmitter } from 'node:events'
import type { Clock } from '../clock/index.ts'
import { placeOf, safeErrorName } from '../errors/index.ts'
import type { Log } from '../logging/index.ts'
import type { CallOutcome } from '../outcome/index.ts'
import type { RequestMade } from './api.ts'
import type { Endpoint } from './classify.ts'
import type { Answer } from './transport.ts'

/** What a listener is told of one finished operation. Nothing in it is personal data. */
export interface LifecycleEvent {
  readonly operation: LifecycleOperation
  readonly outcome: CallOutcome
  /** From the call until its outcome, with the wait for a batch and for the rate limit, in milliseconds. */
  readonly latencyMs: number
}

export type LifecycleOperation = 'identify' | 'track' | 'transactional' | 'broadcast' | 'suppress' | 'delete'

/** What a listener is told of one finished request to Customer.io. */
export interface RequestEvent {
  readonly operation: Endpoint
  /** How it was answered; `code` says why it was not. */
  readonly answer:
    | { readonly kind: 'response'; readonly status: number }
    | { readonly kind: Exclude<Answer['kind'], 'response'>; readonly code: string }
  /** Messages that it carried. */
  readonly batchSize: number
  readonly latencyMs: number
}

/** One event per operation, whatever its outcome; `failure` besides when it was not delivered. One `request` per request. */
export type LifecycleEvents = Record<LifecycleOperation | 'failure', [LifecycleEvent]> & { request: [RequestEvent] }

/**
 * Tells of operations. A `failure` nobody listens to is no error, and a listener that throws, or whose promise is
 * rejected, changes no outcome: it is logged.
 */
export class LifecycleEmitter extends EventEmitter<LifecycleEvents> {
  readonly #log: Log
  readonly #now: () => number

  constructor(log: Log, clock: Pick<Clock, 'now'>) {
    super({ captureRejections: true })
    this.#log = log
    this.#now = clock.now
  }

  /** Runs an operation and tells of it. */
  protected announced<O extends CallOutcome>(operation: LifecycleOperation, call: () => Promise<O>): Promise<O> {
    const startedAt = this.#now()
    return call().then((outcome) => {
      const event: LifecycleEvent = { operation, outcome, latencyMs: this.#now() - startedAt }
      this.#safely(() => this.emit(operation, event))
      if (outcome.kind !== 'delivered') this.#safely(() => this.emit('failure', event))
      return outcome
    })
  }

  /** Tells of a request. */
  protected requested({ endpoint, answer, batchSize, latencyMs }: RequestMade): void {
    const { kind } = answer
    const told = kind === 'response' ? { kind, status: answer.status } : { kind, code: answer.code }
    this.#safely(() => this.emit('request', { operation: endpoint, answer: told, batchSize, latencyMs }))
  }

  #safely(emit: () => unknown): void {
    try {
      emit()
    } catch (error) {
      this.#logFailure(error)
    }
  }

  /** Where the rejected promise of a listener ends: unhandled, it would end the process. */
  override [captureRejectionSymbol](...[error]: unknown[]): void {
    this.#logFailure(error)
  }

  #logFailure(error: unknown): void {
    const place = placeOf(error)
    this.#log.error('a lifecycle listener failed', {
      event: 'listener_failure',
      error: safeErrorName(error),
      ...(place !== undefined && { place }),
    })
  }
}
