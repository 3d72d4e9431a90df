import { setTimeout as delay } from 'node:timers/promises'
import { INJECTIONS } from './inject.ts'
import type { MadeFault, PlannedFault } from './schedule.ts'
import type { Target } from './target.ts'

/**
 * Makes each fault at its time; resolves with those that were made once the last one is over.
 *
 * @param begins is told of each as it begins
 * @param signal once aborted, no fault begins any more
 */
export async function makeTrouble(
  target: Target,
  plan: readonly PlannedFault[],
  begins: (fault: PlannedFault) => void,
  signal?: AbortSignal,
): Promise<MadeFault[]> {
  const made = await Promise.all(
    plan.map(async (fault): Promise<MadeFault[]> => {
      await delay(fault.atMs, undefined, { signal }).catch(() => undefined)
      if (signal?.aborted) return []
      const fromMs = performance.now()
      begins(fault)
      await INJECTIONS[fault.kind](target, fault)
      return [{ fault, fromMs, untilMs: performance.now() }]
    }),
  )
  return made.flat()
}
