/**
 * How long a message waits after its n-th failed delivery under a retry policy: doubling from the minimum up to the maximum,
 * for each message on its own (cloud.google.com/pubsub/docs/handling-failures#exponential_backoff).
 */
export function retryDelayMs(failures: number, policy: { minimumMs: number; maximumMs: number }): number {
  return Math.min(policy.maximumMs, policy.minimumMs * 2 ** (failures - 1))
}
