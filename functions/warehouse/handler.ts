import { batchIdOf, Coalescer } from '../../shared/batching/index.ts'
import type { Clock } from '../../shared/clock/index.ts'
import type { WarehouseConfig } from '../../shared/config/index.ts'
import { createPushHandler, type DeadLetters } from '../../shared/delivery/index.ts'
import type { Log } from '../../shared/logging/index.ts'
import type { Outcome } from '../../shared/outcome/index.ts'
import type { Host, RequestHandler } from '../../shared/runtime/index.ts'
import {
  createBigQueryRows,
  createNoveltyFilter,
  type DecodedEvent,
  decodeWebhookEvent,
  type InsertTarget,
  insertEvents,
} from '../../shared/warehouse/index.ts'

export interface WarehouseHandlerOptions {
  readonly config: Pick<
    WarehouseConfig,
    'ackDeadlineMs' | 'batch' | 'deadLetter' | 'insertTimeoutMs' | 'bodyMemoryBytes'
  >
  /** Opened at the first insert. */
  readonly dataset: () => Promise<InsertTarget>
  readonly deadLetters: DeadLetters
  readonly log: Log
  readonly clock: Clock
  readonly caughtUp: Host['caughtUp']
}

interface Submitted {
  readonly event: DecodedEvent
  readonly messageId: string
  readonly attempt: number
  readonly submittedMs: number
}

/**
 * Takes pushes of `webhook-events` and puts each event into BigQuery. Events that arrive at the same time share an
 * insert; each is acknowledged only when every row of it is safe.
 */
export function createWarehouseHandler(options: WarehouseHandlerOptions): RequestHandler {
  const { config, deadLetters, log, clock, caughtUp } = options
  const insert = createBigQueryRows({ dataset: options.dataset, timeoutMs: config.insertTimeoutMs, clock })
  const firstSeen = createNoveltyFilter()
  const coalescer = new Coalescer<Submitted, Outcome>({
    limits: config.batch,
    sizeOf: ({ event }) => event.bytes,
    send: (batch) => insertBatch(batch),
    busy: (reason) => ({ kind: 'retry', cause: 'busy', error: reason }),
    tooLarge: () => ({ kind: 'refused', reason: 'refused', error: 'its rows are larger than an insert may be' }),
    onError: () => ({ kind: 'retry', cause: 'transient', error: 'unexpected error during the insert' }),
    clock,
  })

  return createPushHandler<DecodedEvent>({
    work: {
      parse: (message) => decodeWebhookEvent(message, clock.now()),
      deliver: (event, { messageId, deliveryAttempt: attempt }) =>
        coalescer.submit({ event, messageId, attempt, submittedMs: clock.now() }).then((outcome) => {
          if (outcome.kind === 'delivered') logWhatIsUnusual(event)
          return outcome
        }),
    },
    record: { topic: 'webhook-events' },
    deadLetters,
    maxDeliveryAttempts: config.deadLetter.maxDeliveryAttempts,
    ackDeadlineMs: config.ackDeadlineMs,
    bodyMemoryBytes: config.bodyMemoryBytes,
    log,
    clock,
    caughtUp,
  })

  async function insertBatch(batch: readonly Submitted[]): Promise<readonly Outcome[]> {
    const startedMs = clock.now()
    const outcomes = await insertEvents(
      batch.map(({ event }) => event),
      insert,
      log,
    )
    const requestMs = clock.now() - startedMs
    const batchId = batchIdOf(batch)
    return outcomes.map((outcome, batchPosition) => {
      const queueWaitMs = startedMs - (batch[batchPosition]?.submittedMs ?? startedMs)
      return { ...outcome, batchId, batchPosition, queueWaitMs, requestMs }
    })
  }

  function logWhatIsUnusual({ rows, novelties, eventId }: DecodedEvent): void {
    for (const { kind, name } of firstSeen(novelties)) {
      const stored = kind === 'shape' ? 'it was understood all the same' : 'it is stored, without a column of its own'
      log.info(`new in webhooks: ${kind} ${name}; ${stored}`, {
        event: 'webhook_novelty',
        reason: kind,
      })
    }
    for (const { table, json } of rows) {
      if (table !== 'webhook_quarantine') continue
      const about = { event: 'webhook_quarantined', reason: String(json.reason), table }
      log.warning('a webhook is in the quarantine', eventId === undefined ? about : { ...about, eventId })
    }
  }
}
