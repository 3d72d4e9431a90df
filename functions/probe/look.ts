import { type Clock, sleep } from '../../shared/clock/index.ts'

/** The first looks, then one after half as long again as has passed: what is quick is timed well, what is slow costs few. */
const FIRST_MS = 500
const LEAST_MS = 1_500
const MOST_MS = 10_000

/**
 * Looks until `look` resolves with true, which means that there is nothing more to see, or `waitMs` have passed. The last
 * look is at the end of that time.
 */
export async function lookUntil(clock: Clock, waitMs: number, look: () => Promise<boolean>): Promise<void> {
  const startMs = clock.now()
  let pauseMs = FIRST_MS
  for (;;) {
    const leftMs = startMs + waitMs - clock.now()
    await sleep(clock, Math.max(0, Math.min(pauseMs, leftMs)))
    if ((await look()) || clock.now() >= startMs + waitMs) return
    pauseMs = Math.min(MOST_MS, Math.max(LEAST_MS, (clock.now() - startMs) / 2))
  }
}
