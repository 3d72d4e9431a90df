import { readCostModel, readProd } from '../cost/cost.ts'
import { readTopology } from '../topology/topology.ts'
import type { Batching, CpuCost, ModelInput } from './model.ts'

/** Customer.io's documented limit of Track and transactional sends together. */
const ACCOUNT_REQUESTS_PER_SECOND = 1_000
/**
 * Push subscriber throughput of a large region, the lowest that https://cloud.google.com/pubsub/quotas has named for one: look up
 * your own region's. It can be raised on request.
 */
const PUSH_BYTES_PER_SECOND = 140_000_000
/** Firestore names no limit any more; this is the last that it named, and a database grows into it (500, then half as much again every 5 minutes). */
const FIRESTORE_WRITES_PER_SECOND = 10_000

/** The limits and the cost model of `terraform/`, and what of a day cannot be read from any file. */
export function modelInput(cpu: CpuCost, batching: Batching): ModelInput {
  const topology = readTopology()
  const { identify, track, transactional } = topology.functions
  return {
    batching,
    cpu,
    cost: { model: readCostModel(), ...readProd(topology) },
    assumptions: {
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
