import type { Load, Seen } from '../load/load.ts'
import type { Counts } from '../sinks/counts.ts'
import { type Surroundings, whyRejected } from '../validity.ts'
import type { Instance } from './instance.ts'
import type { Lab, Sink } from './lab.ts'
import { usageOf } from './process-usage.ts'
import { watch } from './watch.ts'

/** What one load on one instance came to. */
export interface Measurement extends Surroundings {
  readonly seen: Seen
  readonly acceptedPerSecond: number
  readonly instanceCores: number
  /** Of the instance, for each message it answered. */
  readonly cpuMicrosecondsPerMessage: number
  readonly residentMiB: number
  /** What arrived at the sink meanwhile. */
  readonly sink: Counts
  /** Why it does not count; empty when it does. */
  readonly rejected: readonly string[]
}

export interface ToMeasure {
  readonly instance: Instance
  readonly sink?: Sink
  readonly load: Load
}

/** Runs a load on an instance and tells what it did and what it cost. */
export async function measure(lab: Lab, { instance, sink, load }: ToMeasure): Promise<Measurement> {
  const countsBefore = await sink?.counts()
  const { result, seconds, instanceCpuSeconds, ...surroundings } = await watch(
    lab,
    { instances: [instance], sinks: sink === undefined ? [] : [sink] },
    () => lab.load(load),
  )
  const counts = await sink?.counts()
  const [seen] = result
  if (seen === undefined) throw new Error('the load generator saw nothing')
  return {
    seen,
    acceptedPerSecond: seen.accepted / seen.windowSeconds,
    instanceCores: instanceCpuSeconds / seconds,
    cpuMicrosecondsPerMessage: (instanceCpuSeconds / seen.answered) * 1e6,
    residentMiB: usageOf(instance.pid).residentMiB,
    sink: {
      requests: (counts?.requests ?? 0) - (countsBefore?.requests ?? 0),
      items: (counts?.items ?? 0) - (countsBefore?.items ?? 0),
    },
    ...surroundings,
    rejected: whyRejected(surroundings),
  }
}
