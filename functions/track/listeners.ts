import { type CustomerIOService, logRequests } from '../../shared/customerio/index.ts'
import type { Log } from '../../shared/logging/index.ts'

/**
 * The place for listeners of your own, called for each operation and each request to Customer.io once it is over:
 *
 *     service.on('failure', ({ operation, outcome }) => { … })
 *
 * A listener that fails changes no outcome; it is logged.
 */
export function addListeners(service: CustomerIOService, log: Log): void {
  logRequests(service, log)
}
