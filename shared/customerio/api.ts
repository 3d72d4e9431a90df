import { type Clock, withTimeout } from '../clock/index.ts'
import type { Log } from '../logging/index.ts'
import type { CallOutcome, Retry } from '../outcome/index.ts'
import type { Denied, RateLimiter } from '../rate/index.ts'
import { classify, type Endpoint } from './classify.ts'
import type { ApiOptions, ClientHolder } from './clients.ts'
import { type Answer, answerOf } from './transport.ts'

export interface ApiSettings extends ApiOptions {
  /** How long a request waits for its turn within the rate before it is given back as busy. */
  readonly rateWaitMs: number
}

/** The right to make one request, with the credentials of now. Exactly one of the two should be called. */
export interface Turn<C> {
  /** Makes it. It takes no longer than `timeoutMs`, credentials that are read again included. Never rejects for an answer. */
  request(
    endpoint: Endpoint,
    call: (client: C) => Promise<Record<string, unknown>>,
    batchSize?: number,
  ): Promise<{ readonly outcome: CallOutcome; readonly answer: Answer } & RequestTime>
  /** Gives the turn back: nothing is to be sent after all. */
  cancel(): void
}

/** When a request began, and how long it took. */
export interface RequestTime {
  readonly startedMs: number
  readonly latencyMs: number
}

/** One request as it went. */
export interface RequestMade {
  readonly endpoint: Endpoint
  readonly answer: Answer
  /** Messages that it carried. */
  readonly batchSize: number
  readonly latencyMs: number
}

interface ApiParts<C> {
  readonly clients: ClientHolder<C>
  readonly settings: ApiSettings
  readonly onRequest: (request: RequestMade) => void
  readonly log: Log
  readonly clock: Clock
}

/** One of Customer.io's two APIs: credentials, a turn within a rate, one request, and what it came to. */
export class Api<C> {
  readonly #parts: ApiParts<C>

  constructor(parts: ApiParts<C>) {
    this.#parts = parts
  }

  /** Waits for a turn within a rate, or tells why there is none now. */
  async turn(rate: RateLimiter): Promise<Turn<C> | Retry> {
    const { clients, settings, onRequest, clock } = this.#parts
    const held = await clients.current()
    if ('unset' in held) return this.#unset(held.unset)
    const permit = await rate.acquire(settings.rateWaitMs)
    if (!permit.ok) return denied(permit)
    return {
      cancel: permit.cancel,
      request: async (endpoint, call, batchSize = 1) => {
        const startedMs = clock.now()
        const answer = await answerOf(() => call(held.client))
        const latencyMs = clock.now() - startedMs
        onRequest({ endpoint, answer, batchSize, latencyMs })
        const outcome = classify(endpoint, answer, clock.now)
        permit.report(outcome)
        return { outcome: await this.#unlessRotated(outcome, held.client, startedMs), answer, startedMs, latencyMs }
      },
    }
  }

  /**
   * After refused credentials: reads them again. If they have changed meanwhile it was a rotation, and no alarm. The time
   * of the request bounds this too: what follows it, the ledger's write, has to be done before a shutdown ends.
   */
  async #unlessRotated(outcome: CallOutcome, used: C, startedMs: number): Promise<CallOutcome> {
    if (outcome.kind !== 'retry' || (outcome.httpStatus !== 401 && outcome.httpStatus !== 403)) return outcome
    const { clients, settings, clock } = this.#parts
    const leftMs = Math.max(0, startedMs + settings.timeoutMs - clock.now())
    const changed = await withTimeout(clock, leftMs, clients.reload(used)).catch(() => false)
    return changed ? { ...outcome, cause: 'busy', error: 'the credentials have just been rotated' } : outcome
  }

  #unset(names: readonly string[]): Retry {
    for (const name of names) {
      this.#parts.log.error('a secret is not configured: add its value with `npx cio-gcp secrets set`', {
        event: 'secret',
        reason: 'unset',
        secret: name,
      })
    }
    return notConfigured(names)
  }
}

export function notConfigured(names: readonly string[]): Retry {
  return { kind: 'retry', cause: 'configuration', error: `not configured: ${names.join(', ')}` }
}

function denied(permit: Denied): Retry {
  const why = permit.cause === 'paused' ? 'Customer.io is given a pause' : "this instance's rate is used up"
  return { kind: 'retry', cause: 'busy', error: `not sent: ${why}`, retryAfterMs: permit.waitMs }
}
