import { setTimeout as delay } from 'node:timers/promises'
import type { PubSub, Topic as PubSubTopic } from '@google-cloud/pubsub'
import type { PlannedMessage, Topic } from './messages.ts'
import type { Recorder } from './recorder.ts'

/** Told of each message that Pub/Sub has, and of the id that it gave it. */
export type OnPublished = (message: PlannedMessage, messageId: string) => void

/** Publishes with the real client. */
export class Publisher {
  readonly #topics: Readonly<Record<Topic, PubSubTopic>>
  readonly #underWay = new Set<Promise<void>>()
  #held: PromiseWithResolvers<void> | undefined
  #stopped = false
  readonly #recorder: Recorder
  readonly #onPublished: OnPublished

  constructor(client: PubSub, recorder: Recorder, onPublished: OnPublished) {
    const topic = (name: Topic) => client.topic(name, { messageOrdering: name === 'identify' })
    this.#topics = { identify: topic('identify'), track: topic('track'), transactional: topic('transactional') }
    this.#recorder = recorder
    this.#onPublished = onPublished
  }

  /** Publishes each message of a plan at its time. Resolves when Pub/Sub has every one. Rejects when it refuses one. */
  async run(plan: readonly PlannedMessage[]): Promise<void> {
    const startedAt = performance.now()
    for (const message of plan) {
      const waitMs = message.atMs - (performance.now() - startedAt)
      if (waitMs > 1) await delay(waitMs)
      while (this.#held !== undefined) await this.#held.promise
      if (this.#stopped) break
      void this.#begin(message)
    }
    await Promise.all(this.#underWay)
  }

  /** Publishes as fast as Pub/Sub takes them, so many at a time. Resolves when it has every one. */
  async burst(messages: Iterable<PlannedMessage>, atATime: number): Promise<void> {
    let underWay: Promise<void>[] = []
    for (const message of messages) {
      while (this.#held !== undefined) await this.#held.promise
      if (this.#stopped) break
      if (underWay.push(this.#begin(message)) < atATime) continue
      await Promise.all(underWay)
      underWay = []
    }
    await Promise.all(underWay)
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

  #begin(message: PlannedMessage): Promise<void> {
    const published = this.#publish(message).finally(() => this.#underWay.delete(published))
    this.#underWay.add(published)
    return published
  }

  async #publish(message: PlannedMessage): Promise<void> {
    const { topic, data, attributes, orderingKey } = message
    const recorded = this.#recorder.publishing(message)
    const messageId = await this.#topics[topic].publishMessage({
      data: Buffer.from(data),
      attributes: { ...attributes },
      ...(orderingKey !== undefined && { orderingKey }),
    })
    this.#recorder.published(recorded, messageId)
    this.#onPublished(message, messageId)
  }
}
