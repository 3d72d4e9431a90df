import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { PROJECT_ROOT, readTopology } from '../topology/topology.ts'
import type { Batching, CpuCost, ModelInput } from './model.ts'

const price = z.object({ usd: z.number() }).transform(({ usd }) => usd)
const pricesSchema = z.object({
  prices: z.object({
    pubsub_tib: price,
    run_vcpu_second: price,
    run_gib_second: price,
    run_million_requests: price,
    firestore_100k_writes: price,
    firestore_100k_deletes: price,
    logging_gib: price,
  }),
  assumptions: z.object({ bytes_per_message: z.number(), bytes_per_log_line: z.number() }),
})

/** Customer.io's documented limit of Track and transactional sends together. */
const ACCOUNT_REQUESTS_PER_SECOND = 1_000
/**
 * Push subscriber throughput of a large region, the lowest that https://cloud.google.com/pubsub/quotas has named for one: look up
 * your own region's. It can be raised on request.
 */
const PUSH_BYTES_PER_SECOND = 140_000_000
/** Firestore names no limit any more; this is the last that it named, and a database grows into it (500, then half as much again every 5 minutes). */
const FIRESTORE_WRITES_PER_SECOND = 10_000

/** The limits and prices of `terraform/`, and what of a day cannot be read from any file. */
export function modelInput(cpu: CpuCost, batching: Batching): ModelInput {
  const { prices, assumptions } = pricesSchema.parse(
    parse(readFileSync(join(PROJECT_ROOT, 'terraform/cost/prices.yaml'), 'utf8')),
  )
  const { identify, track, transactional } = readTopology().functions
  return {
    batching,
    cpu,
    memoryGib: 1,
    prices: {
      pubsubTiB: prices.pubsub_tib,
      runVcpuSecond: prices.run_vcpu_second,
      runGibSecond: prices.run_gib_second,
      runMillionRequests: prices.run_million_requests,
      firestore100kWrites: prices.firestore_100k_writes,
      firestore100kDeletes: prices.firestore_100k_deletes,
      loggingGib: prices.logging_gib,
    },
    assumptions: {
      bytesPerMessage: assumptions.bytes_per_message,
      bytesPerLogLine: assumptions.bytes_per_log_line,
      peakFactor: 4,
      utilization: 0.6,
      mix: { identify: 0.35, track: 0.6, transactional: 0.05 },
      firestoreWritesPerSend: 2,
    },
    limits: {
      batchRequestsPerSecond: ACCOUNT_REQUESTS_PER_SECOND * ((identify?.rate_share ?? 0) + (track?.rate_share ?? 0)),
      sendsPerSecond: ACCOUNT_REQUESTS_PER_SECOND * (transactional?.rate_share ?? 0),
      maxInstances: Math.min(identify?.max_instances ?? 1, track?.max_instances ?? 1),
      pushBytesPerSecond: PUSH_BYTES_PER_SECOND,
      firestoreWritesPerSecond: FIRESTORE_WRITES_PER_SECOND,
    },
  }
}
