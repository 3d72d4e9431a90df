import type { Surroundings } from '../validity.ts'
import type { Instance } from './instance.ts'
import type { Lab, Sink } from './lab.ts'
import { machineBusySeconds, type ProcessUsage, usageOf } from './process-usage.ts'

/** How a piece of work went for every process that had a part in it. */
export interface Watched<T> extends Surroundings {
  readonly result: T
  readonly seconds: number
  /** CPU time of all instances together. */
  readonly instanceCpuSeconds: number
}

/** Takes the CPU time of instances, sinks and load generator, and of the rest of the machine, before and after. */
export async function watch<T>(
  lab: Lab,
  parts: { readonly instances: readonly Instance[]; readonly sinks: readonly Sink[] },
  work: () => Promise<T>,
): Promise<Watched<T>> {
  const instancePids = parts.instances.map(({ pid }) => pid)
  const sinkPids = parts.sinks.map(({ pid }) => pid)
  const ourPids = [...parts.instances.flatMap(({ pids }) => pids), ...sinkPids, lab.generatorPid, process.pid]
  const look = () => ({
    atMs: performance.now(),
    machine: machineBusySeconds(),
    ours: used(ourPids),
    instances: used(instancePids),
    sinks: used(sinkPids),
    generator: used([lab.generatorPid]),
  })
  const before = look()
  const result = await work()
  const after = look()
  const seconds = (after.atMs - before.atMs) / 1_000
  const cpu = (of: 'ours' | 'instances' | 'sinks' | 'generator') => after[of].cpuSeconds - before[of].cpuSeconds
  return {
    result,
    seconds,
    instanceCpuSeconds: cpu('instances'),
    generatorCores: cpu('generator') / seconds,
    sinkCores: cpu('sinks') / seconds,
    otherCores: Math.max(0, after.machine - before.machine - cpu('ours')) / seconds,
    instanceWaited: (after.instances.waitedSeconds - before.instances.waitedSeconds) / seconds,
  }
}

function used(pids: readonly number[]): ProcessUsage {
  const each = pids.map(usageOf)
  const sum = (field: keyof ProcessUsage) => each.reduce((total, usage) => total + usage[field], 0)
  return { cpuSeconds: sum('cpuSeconds'), waitedSeconds: sum('waitedSeconds'), residentMiB: sum('residentMiB') }
}
