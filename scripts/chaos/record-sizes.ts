import type { LogSink } from '../emulators/logging/index.ts'

/** Weighs the log entries of the record, as the sink publishes them. */
export class RecordSizes implements LogSink {
  readonly filter: string
  #entries = 0
  #bytes = 0

  constructor(filter: string) {
    this.filter = filter
  }

  deliver(entries: readonly string[]): void {
    this.#entries += entries.length
    this.#bytes += entries.reduce((sum, entry) => sum + Buffer.byteLength(entry), 0)
  }

  /** Bytes of an entry, on the average. */
  get mean(): number {
    return this.#bytes / Math.max(1, this.#entries)
  }
}

/** Bytes that BigQuery charges for a value (https://cloud.google.com/bigquery/pricing#data), as its client reads it. */
export function storedBytes(value: unknown): number {
  if (value === null || value === undefined) return 0
  if (typeof value === 'string') return 2 + Buffer.byteLength(value)
  if (typeof value === 'boolean') return 1
  if (Array.isArray(value)) return value.reduce((sum: number, each) => sum + storedBytes(each), 0)
  return 8 // numbers and times
}
