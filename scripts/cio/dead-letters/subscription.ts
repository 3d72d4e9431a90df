import { setTimeout as delay } from 'node:timers/promises'
import type { protos, v1 } from '@google-cloud/pubsub'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import type { DeadLetter } from './dead-letter.ts'
import type { Journal } from './journal.ts'
import type { Source } from './source.ts'

type PullAnswer = readonly [protos.google.pubsub.v1.IPullResponse, ...unknown[]]

export interface DeadLetterSubscriptionOptions {
  readonly subscriber: v1.SubscriberClient
  readonly projectId: string
  readonly source: Source
  readonly now: () => number
  /** Notes what is pulled; undefined for those who only look. */
  readonly journal?: Journal
  /** Google's pulls may bring nothing although there is something; those of the local stack tell the truth at once. */
  readonly local: boolean
}

/** How long a dead letter is ours before it is given back to all, unless we ask for more, seconds. */
const LEASE_SECONDS = 30
const EXTEND_EVERY_MS = 10_000
const PULL_AT_MOST = 200
const PULL_TIMEOUT_MS = 10_000
/** Pub/Sub takes 524,288 bytes of ack ids a request; one has about 200. */
const ACK_IDS_A_REQUEST = 1_000
/** So many empty pulls in a row count as the end, in the cloud. */
const EMPTY_PULLS = 5
const EMPTY_PULL_PAUSE_MS = 500
const NOT_FOUND = 5

/**
 * The dead letters of one source. Pub/Sub has no way to look without taking: what is pulled is ours for a lease, which
 * is extended as long as this is open, and everybody's again once it is released.
 */
export class DeadLetterSubscription implements AsyncDisposable {
  readonly #options: DeadLetterSubscriptionOptions
  readonly #path: string
  readonly #held = new Map<string, string>()
  readonly #heartbeat: NodeJS.Timeout

  constructor(options: DeadLetterSubscriptionOptions) {
    this.#options = options
    this.#path = `projects/${options.projectId}/subscriptions/${options.source.deadLetterSubscription}`
    this.#heartbeat = setInterval(() => void this.#extend(), EXTEND_EVERY_MS).unref()
  }

  /** Letters as they come, a pull at a time. Ends when the subscription has no more to give. */
  async *pulls(): AsyncGenerator<readonly DeadLetter[]> {
    let empty = 0
    while (empty < (this.#options.local ? 1 : EMPTY_PULLS)) {
      const deadLetters = await this.#pull()
      empty = deadLetters.length === 0 ? empty + 1 : 0
      if (deadLetters.length > 0) yield deadLetters
      else if (!this.#options.local) await delay(EMPTY_PULL_PAUSE_MS)
    }
  }

  /** Removes dead letters for good. Resolves when Pub/Sub has confirmed it. */
  async acknowledge(deadLetters: readonly Pick<DeadLetter, 'id' | 'ackId'>[]): Promise<void> {
    await this.#each(
      // A dead letter whose lease ran out meanwhile has come again, under an ack id that counts now.
      deadLetters.map(({ id, ackId }) => this.#held.get(id) ?? ackId),
      (ackIds) => this.#options.subscriber.acknowledge({ subscription: this.#path, ackIds }),
    )
    for (const { id } of deadLetters) this.#held.delete(id)
  }

  /** Gives dead letters back at once. */
  async release(deadLetters: readonly Pick<DeadLetter, 'id' | 'ackId'>[]): Promise<void> {
    for (const { id } of deadLetters) this.#held.delete(id)
    await this.#deadline(
      deadLetters.map(({ ackId }) => ackId),
      0,
    )
  }

  /** Gives back everything that is still held. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#heartbeat)
    await this.release([...this.#held].map(([id, ackId]) => ({ id, ackId }))).catch(() => {})
  }

  async #pull(): Promise<DeadLetter[]> {
    const { subscriber, journal, now, source } = this.#options
    journal?.pullBegins(now())
    const received = await this.#received(() =>
      // Waiting for a first message would tell an empty subscription from an unreachable one by a timeout only.
      subscriber.pull(
        { subscription: this.#path, maxMessages: PULL_AT_MOST, returnImmediately: true },
        { timeout: PULL_TIMEOUT_MS },
      ),
    )
    const deadLetters = received.flatMap(({ ackId, message }): DeadLetter[] => {
      if (!ackId || !message) return []
      const { seconds = 0, nanos = 0 } = message.publishTime ?? {}
      return [
        {
          source,
          id: message.messageId ?? '',
          ackId,
          data: Buffer.from(message.data ?? ''),
          attributes: message.attributes ?? {},
          orderingKey: message.orderingKey ?? '',
          deadLetteredAtMs: Number(seconds) * 1_000 + Math.floor(Number(nanos) / 1e6),
        },
      ]
    })
    journal?.pulled(deadLetters)
    for (const { id, ackId } of deadLetters) this.#held.set(id, ackId)
    return deadLetters
  }

  async #received(pull: () => Promise<PullAnswer>): Promise<protos.google.pubsub.v1.IReceivedMessage[]> {
    try {
      const [response] = await pull()
      return response.receivedMessages ?? []
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
      const hint = code === NOT_FOUND ? 'Terraform creates it: apply it first.' : undefined
      throw new CommandError(`cannot read ${this.#path}`, { cause, ...(hint !== undefined && { hint }) })
    }
  }

  /** A lease that cannot be extended runs out: the dead letter comes back, and nothing is lost. */
  async #extend(): Promise<void> {
    await this.#deadline([...this.#held.values()], LEASE_SECONDS).catch(() => {})
  }

  #deadline(ackIds: readonly string[], ackDeadlineSeconds: number): Promise<void> {
    return this.#each(ackIds, (part) =>
      this.#options.subscriber.modifyAckDeadline({ subscription: this.#path, ackIds: part, ackDeadlineSeconds }),
    )
  }

  async #each(ackIds: readonly string[], work: (part: string[]) => Promise<unknown>): Promise<void> {
    for (let start = 0; start < ackIds.length; start += ACK_IDS_A_REQUEST) {
      await work(ackIds.slice(start, start + ACK_IDS_A_REQUEST))
    }
  }
}

/** The dead letters of a source, held until the subscription is disposed of. A journal notes what is pulled. */
export async function openSubscription(
  { connection, now }: Context,
  source: Source,
  journal?: Journal,
): Promise<DeadLetterSubscription> {
  return new DeadLetterSubscription({
    subscriber: await connection.subscriber(),
    projectId: await connection.projectId(),
    source,
    now,
    local: connection.local,
    ...(journal !== undefined && { journal }),
  })
}
