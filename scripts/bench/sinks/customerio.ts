import { startCustomerIo } from '../../emulators/customerio/index.ts'
import { serveBench } from '../lab/child.ts'
import { CREDENTIALS, customerIoOptions } from './options.ts'

/** The local Customer.io, which counts and acknowledges without reading what is in a batch. */
const options = customerIoOptions.parse(JSON.parse(process.argv[2] ?? '{}'))
const server = await startCustomerIo({
  port: 0,
  ...CREDENTIALS,
  deliveryDelayMs: 0,
  storeInbox: 'count',
  latencyMs: options.latencyMs,
  ...(options.requestsPerSecond !== undefined && { requestsPerSecond: options.requestsPerSecond }),
})

await serveBench({ port: server.port }, async () => {
  const { requests, operations } = server.statistics()
  return { requests, items: operations }
})
