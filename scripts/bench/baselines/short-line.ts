import type { logMessage as recorded } from '../../../shared/delivery/message-line.ts'

/** The line of a message without the fields and hashes of the record: what an operator needs for metrics and alerts. */
export const logMessage: typeof recorded = (log, message, { outcome, answer }, { trace, startedAt, endedAt }) => {
  const publishedAt = Date.parse(message.publishTime)
  log.info(outcome.kind, {
    event: 'message',
    outcome: outcome.kind,
    answer,
    messageId: message.messageId,
    attempt: message.deliveryAttempt,
    latencyMs: endedAt - startedAt,
    ageMs: Number.isFinite(publishedAt) ? Math.max(0, endedAt - publishedAt) : undefined,
    batchSize: outcome.batchSize,
    trace,
  })
}
