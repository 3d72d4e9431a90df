const YEAR_MS = 365 * 86_400_000

/** When a webhook arrived; when that is not said or not believable, when it was published; at worst, now. ISO 8601. */
export function arrivalOf(receivedAt: string | undefined, published: string | undefined, nowMs: number): string {
  const moments = [receivedAt, published].map((moment) => Date.parse(moment ?? ''))
  return new Date(moments.find((ms) => Math.abs(ms - nowMs) < YEAR_MS) ?? nowMs).toISOString()
}
