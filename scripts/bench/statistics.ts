/** The middle of several rounds and how far they lie apart. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
  readonly rounds: number
}

/**
 * The value below which `share` (0 to 1) of the sorted values lie, by the nearest rank: always a value that was measured.
 * Throws on an empty list.
 */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length))
  const value = sorted[Math.min(rank, sorted.length) - 1]
  if (value === undefined) throw new RangeError('no values, no percentile')
  return value
}

/** The median; of an even number of values the mean of the two in the middle. Throws on an empty list. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const low = sorted[Math.floor(middle)]
  const high = sorted[Math.ceil(middle)]
  if (low === undefined || high === undefined) throw new RangeError('no values, no median')
  return (low + high) / 2
}

/** Throws on an empty list. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values), rounds: values.length }
}

/** How large a figure has to be, or how small. */
export type Target =
  | { readonly atLeast: number }
  | { readonly atMost: number }
  /** Told for what it is worth: nothing is promised of it. */
  | 'none'

export function isMet(value: number, target: Target): boolean {
  if (target === 'none') return true
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost
}

/** The straight line `y = intercept + slope x` that lies nearest to the points (least squares). Throws on fewer than two. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): {
  readonly intercept: number
  readonly slope: number
} {
  const count = points.length
  if (count < 2) throw new RangeError('a line wants two points')
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const under = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const slope = under === 0 ? 0 : over / under
  return { intercept: meanY - slope * meanX, slope }
}
