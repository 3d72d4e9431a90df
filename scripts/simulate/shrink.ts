import { type Hour, type HourOptions, simulateHour } from './hour.ts'

/** Runs until the shortest schedule counts as found. */
const MOST_RUNS = 400

/** A schedule that fails: the publishes and the faults that it needs. */
export interface Shrunk {
  readonly options: HourOptions
  readonly runs: number
}

/**
 * Leaves out publishes and faults for as long as one of the promises that were broken still is, half of what is left at a
 * time, then a quarter, and so on to single ones (delta debugging: Zeller and Hildebrandt, 2002).
 */
export async function shrink(options: HourOptions, failed: Hour): Promise<Shrunk> {
  const rules = new Set(failed.verdict.violations.map(({ rule }) => rule))
  let runs = 0
  let ops: readonly string[] = failed.ops
  let faults: readonly string[] = failed.faults

  async function fails(someOps: readonly string[], someFaults: readonly string[]): Promise<boolean> {
    runs++
    const hour = await simulateHour({ ...options, ops: new Set(someOps), faults: new Set(someFaults) })
    return hour.verdict.violations.some(({ rule }) => rules.has(rule))
  }

  for (let before = Number.POSITIVE_INFINITY; ops.length + faults.length < before && runs < MOST_RUNS; ) {
    before = ops.length + faults.length
    ops = await fewest(ops, (some) => fails(some, faults))
    faults = await fewest(faults, (some) => fails(ops, some))
  }
  return { options: { ...options, ops: new Set(ops), faults: new Set(faults) }, runs }

  async function fewest(
    all: readonly string[],
    stillFails: (some: readonly string[]) => Promise<boolean>,
  ): Promise<readonly string[]> {
    let kept = all
    for (
      let size = Math.ceil(kept.length / 2);
      size > 0 && runs < MOST_RUNS;
      size = size === 1 ? 0 : Math.ceil(size / 2)
    ) {
      for (let from = 0; from < kept.length && runs < MOST_RUNS; ) {
        const some = [...kept.slice(0, from), ...kept.slice(from + size)]
        if (await stillFails(some)) kept = some
        else from += size
      }
    }
    return kept
  }
}
