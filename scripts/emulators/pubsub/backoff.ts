/**
 * How long a message waits after its n-th failed delivery under a retry policy: doubling from the minimum up to the maximum,
 * for each message on its own (cloud.google.com/pubsub/docs/handling-failures#exponential_backoff).
 */
export function retryDelayMs(failures: number, policy: { minimumMs: number; maximumMs: number }): number {
  return Math.min(policy.maximumMs, policy.minimumMs * 2 ** (failures - 1))
}

const PUSH_BACKOFF_AFTER_FAILURES = 10
const PUSH_BACKOFF_MINIMUM_MS = 100
const PUSH_BACKOFF_MAXIMUM_MS = 60_000

/**
 * How long a push subscription without a retry policy stops delivering when nothing but failures come back: between 100 ms and
 * 60 s (cloud.google.com/pubsub/docs/push#push_backoff). Zero for the first failures: these are redelivered at once.
 */
export function pushBackoffMs(failuresInARow: number): number {
  if (failuresInARow < PUSH_BACKOFF_AFTER_FAILURES) return 0
  const exponent = Math.min(failuresInARow - PUSH_BACKOFF_AFTER_FAILURES, 20)
  return Math.min(PUSH_BACKOFF_MAXIMUM_MS, PUSH_BACKOFF_MINIMUM_MS * 2 ** exponent)
}
