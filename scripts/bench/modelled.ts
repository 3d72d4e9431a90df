import { z } from 'zod'
import { BATCH_OF_TRACK } from './batching.ts'
import { CONCURRENT_PUSHES } from './figures/growth.ts'
import { CUSTOMERIO_LATENCY_MS } from './figures/throughput.ts'
import {
  type Check,
  check,
  type Day,
  firstLimit,
  fitCpu,
  type MeasuredStep,
  type ModelInput,
  modelDay,
} from './model.ts'
import { modelInput } from './model-input.ts'
import type { StoredResult } from './results.ts'
import { median } from './statistics.ts'

/** The days that the model is asked about. */
const MESSAGES_A_DAY = [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]

export interface Modelled {
  readonly input: ModelInput
  readonly checks: readonly Check[]
  readonly days: readonly Day[]
  readonly first: { readonly messagesPerDay: number; readonly limit: string }
}

const measurement = z.object({
  acceptedPerSecond: z.number(),
  cpuMicrosecondsPerMessage: z.number(),
  sink: z.object({ requests: z.number(), items: z.number() }),
})
const growthRound = z.object({ 1: measurement, 10: measurement, 100: measurement, 1000: measurement })

/** The model, fed with what the figure `growth` has measured. */
export function modelFrom(growth: StoredResult): Modelled {
  const rounds = z.array(growthRound).parse(growth.rounds)
  const steps = CONCURRENT_PUSHES.map((concurrentPushes): MeasuredStep => {
    const middle = (of: (measured: z.infer<typeof measurement>) => number) =>
      median(rounds.map((round) => of(round[concurrentPushes])))
    return {
      concurrentPushes,
      messagesPerSecond: middle((measured) => measured.acceptedPerSecond),
      requestsPerMessage: middle(({ sink }) => sink.requests / sink.items),
      cpuMicrosecondsPerMessage: middle((measured) => measured.cpuMicrosecondsPerMessage),
    }
  })
  const batching = { ...BATCH_OF_TRACK, requestSeconds: CUSTOMERIO_LATENCY_MS / 1_000 }
  const input = modelInput(fitCpu(steps), batching)
  return {
    input,
    checks: check(steps, batching),
    days: MESSAGES_A_DAY.map((messages) => modelDay(messages, input)),
    first: firstLimit(input),
  }
}
