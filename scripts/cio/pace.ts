import { setTimeout as delay } from 'node:timers/promises'

/**
 * Spreads work over time: resolves when `units` more may begin, so that on average no more than `perSecond` do.
 * Undefined: at once. Rejects when the signal aborts.
 */
export function createPace(
  perSecond: number | undefined,
  now: () => number,
  signal: AbortSignal,
): (units: number) => Promise<void> {
  if (perSecond === undefined) return async () => signal.throwIfAborted()
  let freeAtMs = now()
  return async (units) => {
    const startMs = Math.max(freeAtMs, now())
    freeAtMs = startMs + (units / perSecond) * 1_000
    const waitMs = startMs - now()
    if (waitMs > 0) await delay(waitMs, undefined, { signal })
    signal.throwIfAborted()
  }
}
