import { captureRejectionSymbol, EventEmitter } from 'node:events'
import type { Clock } from '../clock/index.ts'
import type { Log } from '../logging/index.ts'
import type { CallOutcome } from '../outcome/index.ts'

/** What a listener is told of one finished operation. Nothing in it is personal data. */
export interface LifecycleEvent {
  readonly operation: LifecycleOperation
  readonly outcome: CallOutcome
  /** From the call until its outcome, with the wait for a batch and for the rate limit, in milliseconds. */
  readonly latencyMs: number
}

export type LifecycleOperation = 'identify' | 'track' | 'transactional' | 'broadcast' | 'suppress' | 'delete'

/** One event an operation, whatever its outcome; `failure` besides when it was not delivered. */
export type LifecycleEvents = Record<LifecycleOperation | 'failure', [LifecycleEvent]>

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
      this.#emitSafely(operation, event)
      if (outcome.kind !== 'delivered') this.#emitSafely('failure', event)
      return outcome
    })
  }

  #emitSafely(name: keyof LifecycleEvents, event: LifecycleEvent): void {
    try {
      this.emit(name, event)
    } catch (error) {
      this.#logFailure(error)
    }
  }

  /** Where the rejected promise of a listener ends: unhandled, it would end the process. */
  override [captureRejectionSymbol](...[error]: unknown[]): void {
    this.#logFailure(error)
  }

  #logFailure(error: unknown): void {
    this.#log.error('a lifecycle listener failed', {
      event: 'listener_failure',
      error: error instanceof Error ? error.name : typeof error,
    })
  }
}
