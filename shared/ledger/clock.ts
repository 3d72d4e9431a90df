/**
 * Milliseconds since 1970 that neither go back when the wall clock is set back nor stand still when the monotonic clock
 * does (a suspended machine): a lease measured with it is never believed to last longer than it does.
 */
export function steadyNow(): number {
  return Math.max(Date.now(), performance.timeOrigin + performance.now())
}
