import type { TrackClient } from 'customerio-node'
import { type BatchAnswer, type BatchLimits, batchIdOf, bisect, Coalescer, isOfItsKey } from '../batching/index.ts'
import type { Clock } from '../clock/index.ts'
import { safeErrorName } from '../errors/index.ts'
import type { Retry, Tried } from '../outcome/index.ts'
import type { RateLimiter } from '../rate/index.ts'
import type { Api, ApiSettings, RequestTime } from './api.ts'
import { classifyBatch, retryIfUncertain } from './classify.ts'
import { type Operation, personKeys } from './person-keys.ts'

export interface BatchOptions {
  /** This process's share of the account's rate. */
  readonly rate: RateLimiter
  /** How long a refused batch is divided; what is undecided by then is delivered again, and each time there is less of it. */
  readonly divideMs: number
  /** `maxBytes` is of the whole body of a request. */
  readonly batch: BatchLimits
  /** How many updates of one object may wait for another if they may move. By default `batch` decides. */
  readonly moveFromItems?: number
  /** Until the process ends; by default it does not. */
  readonly timeLeftMs?: () => number
}

/** What is known of the message that carries an operation. */
export interface Carried {
  /** Pub/Sub's id of it. */
  readonly messageId?: string
  /** Pub/Sub's count of deliveries, 1 for the first; 0 when it does not count. */
  readonly attempt: number
  /** Whether the message may wait in the bulk lane, as far as it itself tells. */
  readonly mayMove?: boolean
  /** Milliseconds until Pub/Sub delivers it again: what begins and lasts longer is done twice. By default it does not. */
  readonly untilRedeliveryMs?: () => number
  /** Of its JSON as it came. By default the operation is measured. */
  readonly bytes?: number
}

interface SubmittedOperation extends Carried {
  readonly operation: Operation
  readonly submittedMs: number
}

/** From this delivery on an operation may be what made its batches fail. */
const SUSPECT_FROM_ATTEMPT = 2
/** For the dead letters and the answers after the last request of a process that ends. */
const ANSWER_MS = 500
/** What defaults add to a message: `type`, `action`, `timestamp` and `id`. */
const FILLED_IN_BYTES = 130
/** How much longer JSON gets at most when it is read and written again: of `9e20` come 21 digits. */
const MOST_GROWTH = 21 / 4
/** Of `{"batch":[]}` around the items. */
const BATCH_ENVELOPE_BYTES = 12

interface Parts extends BatchOptions, Pick<ApiSettings, 'timeoutMs'> {
  readonly api: Api<TrackClient>
  readonly clock: Clock
}

/** Operations of the Track API v2, which leave together. */
export class TrackBatches {
  readonly #options: Parts
  readonly #operations: Coalescer<SubmittedOperation, Tried>

  constructor(options: Parts) {
    const { batch, clock, moveFromItems } = options
    const mayMove = ({ operation, mayMove = false }: SubmittedOperation) => mayMove && operation.action === 'identify'
    // A person's update moves only where it would be answered 503: sooner, it would let pass deletions that came after it.
    const movesSoon = (submitted: SubmittedOperation) => submitted.operation.type === 'object' && mayMove(submitted)
    // A batch of such messages is full by their number before it is by their bytes.
    const smallBytes = Math.min((batch.maxBytes - BATCH_ENVELOPE_BYTES) / batch.maxItems, batch.maxItemBytes)
    this.#options = options
    this.#operations = new Coalescer<SubmittedOperation, Tried>({
      limits: { ...batch, maxBytes: batch.maxBytes - BATCH_ENVELOPE_BYTES },
      sizeOf: ({ operation, bytes = Number.POSITIVE_INFINITY }) => {
        const most = bytes * MOST_GROWTH + FILLED_IN_BYTES
        // What may be larger is measured, with the comma that parts it from the next.
        return most <= smallBytes ? most : Buffer.byteLength(JSON.stringify(operation)) + 1
      },
      conflictKeys: ({ operation }) => personKeys(operation),
      suspects: {
        isSuspect: ({ attempt }) => attempt >= SUSPECT_FROM_ATTEMPT,
        isFailure: (outcome) => outcome.kind === 'retry' && outcome.cause === 'transient',
      },
      ...(moveFromItems !== undefined && { movable: { isMovable: movesSoon, maxBlocked: moveFromItems } }),
      send: (submitted) => this.#send(submitted),
      busy: (reason, submitted) => ({
        ...{ kind: 'retry', cause: 'busy', error: `not sent: ${reason.replaceAll('_', ' ')}` },
        ...(isOfItsKey(reason) && mayMove(submitted) && { mayMove: true }),
      }),
      tooLarge: () => ({ kind: 'refused', reason: 'contract', error: 'the operation is too large for a batch' }),
      onError: unexpected,
      clock,
    })
  }

  /** Resolves with the outcome of this operation alone. */
  submit(operation: Operation, carried: Carried): Promise<Tried> {
    return this.#operations.submit({ ...carried, operation, submittedMs: this.#options.clock.now() })
  }

  async #send(batch: readonly SubmittedOperation[]): Promise<readonly Tried[]> {
    const { now } = this.#options.clock
    const lastStartMs = now() + this.#options.divideMs
    /** The last request that carried each. */
    const requests = new Map<SubmittedOperation, RequestTime>()
    const outcomes = await bisect<SubmittedOperation, Tried>(batch, async (part) =>
      now() > lastStartMs ? { kind: 'undecided', outcome: NO_TIME_LEFT } : await this.#sendPart(part, requests),
    )
    const batchId = batchIdOf(batch)
    return outcomes.map((outcome, batchPosition) => {
      const submitted = batch[batchPosition]
      const times = submitted && timesOf(submitted, requests.get(submitted))
      return { ...outcome, batchId, batchSize: batch.length, batchPosition, ...times }
    })
  }

  /** Whether the process could end before a request that begins now is answered, and its messages after it. */
  #mayBeCutOff(): boolean {
    const { timeLeftMs, timeoutMs } = this.#options
    return timeLeftMs !== undefined && timeLeftMs() < timeoutMs + ANSWER_MS
  }

  async #sendPart(
    part: readonly SubmittedOperation[],
    requests: Map<SubmittedOperation, RequestTime>,
  ): Promise<BatchAnswer<Tried>> {
    const { api, rate, clock } = this.#options
    if (this.#mayBeCutOff()) return { kind: 'undecided', outcome: SHUTTING_DOWN }
    const turn = await api.turn(rate)
    if (!('request' in turn)) return { kind: 'undecided', outcome: turn }
    if (this.#mayBeCutOff()) {
      turn.cancel()
      return { kind: 'undecided', outcome: SHUTTING_DOWN }
    }
    const inTime = part.filter((submitted) => this.#isInTime(submitted))
    if (inTime.length === 0) {
      turn.cancel()
      return { kind: 'perItem', outcomes: part.map(() => GIVEN_UP) }
    }
    const operations = inTime.map(({ operation }) => operation)
    const request = await turn.request('batch', (client) => client.batch(operations), operations.length)
    for (const submitted of inTime) requests.set(submitted, request)
    const { outcome, answer } = request
    if (outcome.kind === 'retry' || outcome.kind === 'uncertain') {
      return { kind: 'undecided', outcome: retryIfUncertain(outcome) }
    }
    const verdict = classifyBatch(operations.length, answer, clock.now)
    if (verdict.kind === 'refusedWhole') return verdict
    const sent = new Map(inTime.map((submitted, index) => [submitted, verdict.outcomes[index]]))
    const outcomes = part.map((submitted) => retryIfUncertain(sent.get(submitted) ?? GIVEN_UP))
    return { kind: 'perItem', outcomes }
  }

  /** Of a message that is delivered again meanwhile, a request could take effect after a later update of the same person. */
  #isInTime({ untilRedeliveryMs }: Carried): boolean {
    return untilRedeliveryMs === undefined || untilRedeliveryMs() >= this.#options.timeoutMs
  }
}

function timesOf({ submittedMs }: SubmittedOperation, request: RequestTime | undefined) {
  return request && { queueWaitMs: request.startedMs - submittedMs, requestMs: request.latencyMs }
}

const SHUTTING_DOWN: Retry = { kind: 'retry', cause: 'busy', error: 'not sent: this instance shuts down' }
const GIVEN_UP: Retry = {
  kind: 'retry',
  cause: 'busy',
  error: 'not sent: Pub/Sub delivers it again before a request could be answered',
}
const NO_TIME_LEFT: Retry = { kind: 'retry', cause: 'busy', error: 'not sent: dividing a refused batch took too long' }

/** Of an unknown error only the name is passed on: its words may hold anything. */
function unexpected(error: unknown): Retry {
  return { kind: 'retry', cause: 'transient', reason: 'unexpected', error: `unexpected error: ${safeErrorName(error)}` }
}
