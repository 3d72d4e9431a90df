import { type CustomerIoOptions, type CustomerIoServer, startCustomerIo } from '../emulators/customerio/index.ts'

/** What a Customer.io under test takes. */
export const TEST_CREDENTIALS = { siteId: 'site', trackApiKey: 'track-key', appApiKey: 'app-key' }

/** A local Customer.io on a free port that lists a send at once. */
export function startTestCustomerIo(options: Partial<CustomerIoOptions> = {}): Promise<CustomerIoServer> {
  return startCustomerIo({ port: 0, ...TEST_CREDENTIALS, deliveryDelayMs: 0, ...options })
}
