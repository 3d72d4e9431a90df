/** Publishes log entries, and keeps them while Pub/Sub is away, as a sink of Cloud Logging does. */
export class RecordSink {
  readonly #publish: (entries: readonly string[]) => void
  #kept: string[] | undefined

  constructor(publish: (entries: readonly string[]) => void) {
    this.#publish = publish
  }

  readonly deliver = (entries: readonly string[]): void => {
    if (this.#kept === undefined) this.#publish(entries)
    else this.#kept.push(...entries)
  }

  /** From now on entries wait. */
  hold(): void {
    this.#kept ??= []
  }

  /** Publishes what waited. */
  release(): void {
    const kept = this.#kept ?? []
    this.#kept = undefined
    if (kept.length > 0) this.#publish(kept)
  }
}
