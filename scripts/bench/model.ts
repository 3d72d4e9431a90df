import { type CostModel, type CostQuestion, costOf, sum } from '../cost/cost.ts'
import { fitLine } from './statistics.ts'

/** What one measured step told: so many concurrent pushes at one instance. */
export interface MeasuredStep {
  readonly concurrentPushes: number
  readonly messagesPerSecond: number
  readonly requestsPerMessage: number
  readonly cpuMicrosecondsPerMessage: number
}

/** How a batch comes about: the bounds of the group commit, and how long Customer.io takes for one. */
export interface Batching {
  readonly maxItems: number
  readonly maxInFlight: number
  readonly requestSeconds: number
}

/** CPU of a message is its own part and its share of the request that it leaves in. */
export interface CpuCost {
  readonly perMessageMicroseconds: number
  readonly perRequestMicroseconds: number
}

/**
 * Requests to Customer.io a second of one instance, at so many messages per second. One request is under way at a time,
 * and takes with it all that came meanwhile, until that is a full batch; then further ones go beside it.
 */
export function requestsPerSecond(messagesPerSecond: number, batching: Batching): number {
  const { maxItems, maxInFlight, requestSeconds } = batching
  const duringOneRequest = messagesPerSecond * requestSeconds
  if (duringOneRequest <= 1) return messagesPerSecond
  const underWay = Math.min(maxInFlight, Math.max(1, duringOneRequest / maxItems))
  return underWay / requestSeconds
}

/** Splits the measured CPU of a message into its own part and that of the requests. */
export function fitCpu(steps: readonly MeasuredStep[]): CpuCost {
  const line = fitLine(steps.map((step) => [step.requestsPerMessage, step.cpuMicrosecondsPerMessage]))
  return { perMessageMicroseconds: line.intercept, perRequestMicroseconds: line.slope }
}

export function cpuMicroseconds(cost: CpuCost, requestsPerMessage: number): number {
  return cost.perMessageMicroseconds + cost.perRequestMicroseconds * requestsPerMessage
}

/** How far the model is from what was measured, as predicted / measured, at one step. */
export interface Check {
  readonly concurrentPushes: number
  readonly requests: number
  readonly cpu: number
}

/** Compares the model with the points that it was not told the requests of. */
export function check(steps: readonly MeasuredStep[], batching: Batching): Check[] {
  const cost = fitCpu(steps)
  return steps.map((step) => {
    const requestsPerMessage = requestsPerSecond(step.messagesPerSecond, batching) / step.messagesPerSecond
    return {
      concurrentPushes: step.concurrentPushes,
      requests: requestsPerMessage / step.requestsPerMessage,
      cpu: cpuMicroseconds(cost, requestsPerMessage) / step.cpuMicrosecondsPerMessage,
    }
  })
}

export interface Assumptions {
  /** Of the day's mean, in its busiest time. */
  readonly peakFactor: number
  /** How much of an instance's core the platform fills before it starts another. */
  readonly utilization: number
  /** What part of the messages goes to each function; together 1. */
  readonly mix: { readonly identify: number; readonly track: number; readonly transactional: number }
  readonly firestoreWritesPerSend: number
}

/** What stands at the end of the road, whatever the number of instances. */
export interface Limits {
  /** Of the account, for the functions that batch and for sends. */
  readonly batchRequestsPerSecond: number
  readonly sendsPerSecond: number
  /** Of identify or track, whichever has fewer: what `max_instances` can do. */
  readonly maxInstances: number
  readonly pushBytesPerSecond: number
  readonly firestoreWritesPerSecond: number
}

export interface ModelInput {
  readonly batching: Batching
  readonly cpu: CpuCost
  /** The model of `terraform/cost`, and what of prod it is asked about. */
  readonly cost: { readonly model: CostModel } & Required<Pick<CostQuestion, 'functions' | 'options'>>
  readonly assumptions: Assumptions
  readonly limits: Limits
}

export interface Day {
  readonly messagesPerDay: number
  /** Of identify and track together, at the busiest time. */
  readonly instancesAtPeak: number
  readonly requestsPerDay: number
  readonly messagesPerRequest: number
  readonly dollarsPerMonth: number
  readonly dollarsPerMillion: number
  /** The limit that this load comes nearest to, and how much of it is used at the busiest time. */
  readonly nearestLimit: string
  readonly usedOfLimit: number
}

const SECONDS_A_DAY = 86_400
const DAYS_A_MONTH = 30
const BATCHED = ['identify', 'track'] as const

/** What a day of so many messages takes, with the webhooks that they cause. Pure. */
export function modelDay(messagesPerDay: number, input: ModelInput): Day {
  const { assumptions, cost } = input
  const { mix } = assumptions
  const mean = messagesPerDay / SECONDS_A_DAY
  const peak = mean * assumptions.peakFactor
  const atMean = BATCHED.map((name) => [name, fleet(mean * mix[name], input)] as const)
  const requestsPerDay =
    sum(atMean.map(([, { requestsPerSecond }]) => requestsPerSecond)) * SECONDS_A_DAY +
    messagesPerDay * mix.transactional

  const monthSeconds = SECONDS_A_DAY * DAYS_A_MONTH
  const messagesPerMonth = messagesPerDay * DAYS_A_MONTH
  const webhooks = messagesPerMonth * cost.model.webhooks_per_message
  const dollarsPerMonth = sum(
    Object.values(
      costOf(cost.model, {
        functions: cost.functions,
        environment: cost.model.environment,
        messagesPerMonth: {
          ...Object.fromEntries(Object.entries(mix).map(([name, share]) => [name, messagesPerMonth * share])),
          webhook: webhooks,
          warehouse: webhooks,
        },
        options: cost.options,
        measured: Object.fromEntries(
          atMean.map(([name, { billedInstances, requestsPerSecond }]) => [
            name,
            { busySeconds: billedInstances * monthSeconds, customerioRequests: requestsPerSecond * monthSeconds },
          ]),
        ),
      }),
    ),
  )

  const [nearestLimit, usedOfLimit] = nearest(peak, input)
  return {
    messagesPerDay,
    instancesAtPeak: sum(BATCHED.map((name) => fleet(peak * mix[name], input).instances)),
    requestsPerDay,
    messagesPerRequest: messagesPerDay / requestsPerDay,
    dollarsPerMonth,
    dollarsPerMillion: (dollarsPerMonth / messagesPerMonth) * 1e6,
    nearestLimit,
    usedOfLimit,
  }
}

interface Fleet {
  readonly instances: number
  readonly requestsPerSecond: number
  /** Instances that are billed at a moment, on the average: those that hold a message. */
  readonly billedInstances: number
}

/** The instances of one function at so many messages per second, shared out evenly. */
function fleet(messagesPerSecond: number, { batching, cpu, assumptions }: ModelInput): Fleet {
  let instances = 1
  for (;;) {
    const each = messagesPerSecond / instances
    const requests = requestsPerSecond(each, batching)
    const cores = (each * cpuMicroseconds(cpu, each === 0 ? 0 : requests / each)) / 1e6
    if (cores <= assumptions.utilization) {
      const held = requests < each ? 2 * batching.requestSeconds : batching.requestSeconds
      return {
        instances,
        requestsPerSecond: requests * instances,
        billedInstances: instances * busyShare(each, held),
      }
    }
    instances++
  }
}

/** How much of the time at least one of messages that come at random and are held so long is there (M/G/∞). */
function busyShare(perSecond: number, heldSeconds: number): number {
  return 1 - Math.exp(-perSecond * heldSeconds)
}

function nearest(peakPerSecond: number, input: ModelInput): readonly [string, number] {
  const { limits, assumptions, cost } = input
  const { mix } = assumptions
  const fleets = BATCHED.map((name) => fleet(peakPerSecond * mix[name], input))
  const sends = peakPerSecond * mix.transactional
  const used: readonly (readonly [string, number])[] = [
    [
      "Customer.io's rate, batches",
      fleets.reduce((total, each) => total + each.requestsPerSecond, 0) / limits.batchRequestsPerSecond,
    ],
    ["Customer.io's rate, sends", sends / limits.sendsPerSecond],
    ['max_instances', Math.max(...fleets.map(({ instances }) => instances)) / limits.maxInstances],
    ['push quota', (peakPerSecond * cost.model.assumptions.bytes_per_message) / limits.pushBytesPerSecond],
    ['Firestore writes', (sends * assumptions.firestoreWritesPerSend) / limits.firestoreWritesPerSecond],
  ]
  return used.reduce((most, each) => (each[1] > most[1] ? each : most))
}

/** The most messages per day before the first limit is reached, and which one that is. */
export function firstLimit(input: ModelInput): { readonly messagesPerDay: number; readonly limit: string } {
  let [least, most] = [1, 1e12]
  for (let step = 0; step < 60; step++) {
    const middle = Math.sqrt(least * most)
    const [, used] = nearest((middle / SECONDS_A_DAY) * input.assumptions.peakFactor, input)
    if (used > 1) most = middle
    else least = middle
  }
  const [limit] = nearest((most / SECONDS_A_DAY) * input.assumptions.peakFactor, input)
  return { messagesPerDay: least, limit }
}
