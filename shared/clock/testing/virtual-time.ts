import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../index.ts'
import { manualClock } from './manual-clock.ts'

/** Lets virtual time pass until the work is done, a tenth of a second at a time; tells how much that was, in milliseconds. */
export async function inVirtualTime<T>(
  run: (clock: Clock) => Promise<T>,
  startMs = 0,
): Promise<{ readonly value: T; readonly ms: number }> {
  const clock = manualClock(startMs)
  let done = false
  const running = run(clock).finally(() => {
    done = true
  })
  while (!done) {
    await setImmediate()
    if (!done) clock.advance(100)
  }
  return { value: await running, ms: clock.now() - startMs }
}
