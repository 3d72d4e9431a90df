import { setTimeout as delay } from 'node:timers/promises'
import type { PubSub, Topic as PubSubTopic } from '@google-cloud/pubsub'
import type { PlannedMessage, Topic } from './messages.ts'

/** Publishes a plan with the real client, each message at its time. */
export class Publisher {
  readonly #topics: Readonly<Record<Topic, PubSubTopic>>
  readonly #underWay = new Set<Promise<void>>()
  #held: PromiseWithResolvers<void> | undefined
  #stopped = false
  readonly #onPublished: (message: PlannedMessage, messageId: string) => void

  constructor(client: PubSub, onPublished: (message: PlannedMessage, messageId: string) => void) {
    const topic = (name: Topic) => client.topic(name, { messageOrdering: name === 'identify' })
    this.#topics = { identify: topic('identify'), track: topic('track'), transactional: topic('transactional') }
    this.#onPublished = onPublished
  }

  /** Resolves when Pub/Sub has every message. Rejects when it refuses one. */
  async run(plan: readonly PlannedMessage[]): Promise<void> {
    const startedAt = performance.now()
    for (const message of plan) {
      const waitMs = message.atMs - (performance.now() - startedAt)
      if (waitMs > 1) await delay(waitMs)
      while (this.#held !== undefined) await this.#held.promise
      if (this.#stopped) break
      this.#begin(message)
    }
    await Promise.all(this.#underWay)
  }

  /** Publishes no more, and resolves when nothing is under way: the client can be closed then. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.allSettled(this.#underWay)
  }

  /** Runs something while no publish is under way and none begins. */
  async withoutPublishing(work: () => Promise<void>): Promise<void> {
    this.#held = Promise.withResolvers()
    try {
      await Promise.all(this.#underWay)
      await work()
    } finally {
      this.#held.resolve()
      this.#held = undefined
    }
  }

  #begin(message: PlannedMessage): void {
    const published = this.#publish(message).finally(() => this.#underWay.delete(published))
    this.#underWay.add(published)
  }

  async #publish(message: PlannedMessage): Promise<void> {
    const { topic, data, attributes, orderingKey } = message
    const messageId = await this.#topics[topic].publishMessage({
      data: Buffer.from(data),
      attributes: { ...attributes },
      ...(orderingKey !== undefined && { orderingKey }),
    })
    this.#onPublished(message, messageId)
  }
}
