import type { Log } from '../logging/index.ts'
import type { CustomerIOService } from './service.ts'

/** Writes one log line per request to Customer.io: metrics, dashboard and alerts count them. */
export function logRequests(service: CustomerIOService, log: Log): void {
  service.on('request', ({ operation, answer, batchSize, latencyMs }) => {
    log.info('request to Customer.io', {
      event: 'customerio_request',
      operation,
      batchSize,
      latencyMs,
      ...(answer.kind === 'response' ? { httpStatus: answer.status } : { reason: answer.kind, error: answer.code }),
    })
  })
}
