import { EventEmitter, once } from 'node:events'
import type { PubSubEvents } from '../emulators/pubsub/index.ts'
import { lanesOf, type PlannedMessage, TOPICS } from './messages.ts'

export interface Observed {
  readonly messageId: string
  readonly publishedAtMs: number
  readonly settledAtMs: number | undefined
}

/** Follows every message from its publish to its acknowledgement, over restarts of Pub/Sub. Times are `performance.now()`. */
export class MessageWatch {
  /** Given to Pub/Sub, which reports here. */
  readonly events = new EventEmitter<PubSubEvents>()
  readonly #published = new Map<PlannedMessage, { readonly messageId: string; readonly atMs: number }>()
  readonly #settledAtMs = new Map<string, number>()
  readonly #open = new Set<string>()
  /** Of each message that went on as others, in the bulk lane: those of them, and itself, that are not acknowledged. */
  readonly #copies = new Map<string, Set<string>>()
  readonly #originals = new Map<string, string>()
  readonly #sources: ReadonlySet<string>
  readonly #changed = new EventEmitter<{ settled: [] }>()
  #attempts = 0
  /** Told of each message that Pub/Sub will not deliver again because it, and what it went on as, was acknowledged. */
  onSettled: (messageId: string) => void = () => {}
  /** Told of each delivery that begins. */
  onAttempted: (attempt: PubSubEvents['attempted'][0]) => void = () => {}

  constructor(projectId: string) {
    this.#sources = new Set(
      TOPICS.flatMap(lanesOf).map((subscription) => `projects/${projectId}/subscriptions/${subscription}`),
    )
    this.events.on('attempted', (attempt) => {
      if (this.#sources.has(attempt.subscription)) this.onAttempted(attempt)
    })
    this.events.on('delivered', ({ via }) => {
      if (via === 'push') this.#attempts++
    })
    const topics = new Set(TOPICS.map((topic) => `projects/${projectId}/topics/${topic}`))
    this.events.on('published', ({ topic, messageId, attributes: { source_message_id: original } }) => {
      if (original !== undefined && topics.has(topic)) this.#goesOn(original, messageId)
    })
    this.events.on('acknowledged', (end) => {
      const settled = this.#settle(end)
      if (settled !== undefined) this.onSettled(settled)
    })
    this.events.on('deadLettered', (end) => this.#settle(end))
    this.events.on('expired', (end) => this.#settle(end))
  }

  published(message: PlannedMessage, messageId: string): void {
    this.#published.set(message, { messageId, atMs: performance.now() })
    if (!this.#settledAtMs.has(messageId)) this.#open.add(messageId)
  }

  /** The message that this one is a copy of in the bulk lane, or itself. */
  originalOf(messageId: string): string {
    return this.#originals.get(messageId) ?? messageId
  }

  of(message: PlannedMessage): Observed | undefined {
    const published = this.#published.get(message)
    if (published === undefined) return undefined
    const { messageId, atMs } = published
    return { messageId, publishedAtMs: atMs, settledAtMs: this.#settledAtMs.get(messageId) }
  }

  /** Pushes that were answered, or came to nothing. */
  get attempts(): number {
    return this.#attempts
  }

  /** Messages that are published and not acknowledged. */
  get open(): number {
    return this.#open.size
  }

  /** Resolves when every published message is acknowledged, or the time is over. */
  async allSettled(limitMs: number): Promise<void> {
    const signal = AbortSignal.timeout(limitMs)
    try {
      while (this.#open.size > 0) await once(this.#changed, 'settled', { signal })
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  #goesOn(original: string, copy: string): void {
    const open = this.#copies.get(original) ?? new Set(this.#settledAtMs.has(original) ? [] : [original])
    this.#copies.set(original, open.add(copy))
    this.#originals.set(copy, original)
    this.#settledAtMs.delete(original)
    this.#open.add(original)
  }

  /** The message that is settled now, if it is one: of those that went on as others the last one settles it. */
  #settle({ subscription, messageId }: { readonly subscription: string; readonly messageId: string }) {
    if (!this.#sources.has(subscription)) return undefined
    const original = this.originalOf(messageId)
    const copies = this.#copies.get(original)
    copies?.delete(messageId)
    if (copies !== undefined && copies.size > 0) return undefined
    this.#settledAtMs.set(original, performance.now())
    this.#open.delete(original)
    this.#changed.emit('settled')
    return original
  }
}
