/** Counts of what was received, cheap enough to be kept when nothing else is. */
export interface StatisticsReport {
  readonly requests: number
  /** By endpoint: how many requests, and how many were answered with each status (`reset`, `cut`, `hung` for none). */
  readonly endpoints: Readonly<
    Record<string, { readonly requests: number; readonly statuses: Readonly<Record<string, number>> }>
  >
  /** Operations of Track, each item of a batch counted. */
  readonly operations: number
  readonly refusedOperations: number
  readonly batches: {
    readonly requests: number
    readonly items: number
    readonly largest: number
    readonly mean: number
  }
  readonly sends: number
  readonly broadcasts: number
  /** The most requests of Track and `/v1/send` that one calendar second saw. */
  readonly peakRequestsPerSecond: number
}

export class Statistics {
  #requests = 0
  #operations = 0
  #refused = 0
  #batchRequests = 0
  #batchItems = 0
  #largestBatch = 0
  #sends = 0
  #broadcasts = 0
  #second = 0
  #inSecond = 0
  #peak = 0
  readonly #endpoints = new Map<string, { requests: number; statuses: Map<string, number> }>()

  request(endpoint: string, nowMs: number, countsForRate: boolean): void {
    this.#requests++
    this.#endpoint(endpoint).requests++
    if (!countsForRate) return
    const second = Math.floor(nowMs / 1000)
    this.#inSecond = second === this.#second ? this.#inSecond + 1 : 1
    this.#second = second
    this.#peak = Math.max(this.#peak, this.#inSecond)
  }

  answer(endpoint: string, status: string): void {
    const { statuses } = this.#endpoint(endpoint)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }

  batch(items: number): void {
    this.#batchRequests++
    this.#batchItems += items
    this.#largestBatch = Math.max(this.#largestBatch, items)
  }

  operations(accepted: number, refused: number): void {
    this.#operations += accepted + refused
    this.#refused += refused
  }

  send(): void {
    this.#sends++
  }

  broadcast(): void {
    this.#broadcasts++
  }

  report(): StatisticsReport {
    return {
      requests: this.#requests,
      endpoints: Object.fromEntries(
        [...this.#endpoints].map(([name, { requests, statuses }]) => [
          name,
          { requests, statuses: Object.fromEntries(statuses) },
        ]),
      ),
      operations: this.#operations,
      refusedOperations: this.#refused,
      batches: {
        requests: this.#batchRequests,
        items: this.#batchItems,
        largest: this.#largestBatch,
        mean: this.#batchRequests === 0 ? 0 : this.#batchItems / this.#batchRequests,
      },
      sends: this.#sends,
      broadcasts: this.#broadcasts,
      peakRequestsPerSecond: this.#peak,
    }
  }

  clear(): void {
    this.#requests = this.#operations = this.#refused = 0
    this.#batchRequests = this.#batchItems = this.#largestBatch = 0
    this.#sends = this.#broadcasts = this.#inSecond = this.#peak = 0
    this.#endpoints.clear()
  }

  #endpoint(name: string) {
    const found = this.#endpoints.get(name)
    if (found !== undefined) return found
    const made = { requests: 0, statuses: new Map<string, number>() }
    this.#endpoints.set(name, made)
    return made
  }
}
