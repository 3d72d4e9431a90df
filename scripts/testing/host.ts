import { systemClock } from '../../shared/clock/index.ts'
import { caughtUp, type Host } from '../../shared/runtime/index.ts'

/** A process for a function under test: it never shuts down, and its log lines go to `write`. */
export function hostOfTest(env: Host['env'], write: (line: string) => unknown = () => {}): Host {
  const drain = { begin: () => true, timeLeftMs: () => Number.POSITIVE_INFINITY }
  return { env, clock: systemClock, random: Math.random, output: { write }, drain, caughtUp }
}
