import type { protos, v1 } from '@google-cloud/pubsub'
import { type Clock, sleep, systemClock } from '../../../shared/clock/index.ts'
import { codeOf } from '../../../shared/errors/index.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { type DeadLetter, lastingId } from './dead-letter.ts'
import type { Journal } from './journal.ts'
import type { Source } from './source.ts'

type PullAnswer = readonly [protos.google.pubsub.v1.IPullResponse, ...unknown[]]

export interface DeadLetterSubscriptionOptions {
  readonly subscriber: v1.SubscriberClient
  readonly projectId: string
  readonly source: Source
  readonly clock: Clock
  /** Records what is pulled; undefined for a reader that only peeks. */
  readonly journal?: Journal
  /** Google's pulls may return nothing although messages wait; those of the local stack never do. */
  readonly local: boolean
}

/** Seconds until a pulled dead letter is delivered to others, unless the lease is extended. */
const LEASE_SECONDS = 30
const EXTEND_EVERY_MS = 10_000
const PULL_AT_MOST = 200
const PULL_TIMEOUT_MS = 10_000
/** Pub/Sub takes 524,288 bytes of ack ids per request; one has about 200. */
const ACK_IDS_A_REQUEST = 1_000
/** In the cloud, this many empty pulls in a row count as the end. */
const EMPTY_PULLS = 5
const EMPTY_PULL_PAUSE_MS = 500
const NOT_FOUND = 5

/**
 * The dead letters of one source. Pub/Sub has no read without a lease: what is pulled is leased to us, the lease is
 * extended as long as this is open, and others receive the message again once it is released.
 */
export class DeadLetterSubscription implements AsyncDisposable {
  readonly #options: DeadLetterSubscriptionOptions
  readonly #path: string
  readonly #held = new Map<string, string>()
  #heldUntilMs = Number.POSITIVE_INFINITY
  #cancelHeartbeat: () => void

  constructor(options: DeadLetterSubscriptionOptions) {
    this.#options = options
    this.#path = `projects/${options.projectId}/subscriptions/${options.source.deadLetterSubscription}`
    const beat = () => {
      void this.#extend()
      this.#cancelHeartbeat = options.clock.after(EXTEND_EVERY_MS, beat)
    }
    this.#cancelHeartbeat = options.clock.after(EXTEND_EVERY_MS, beat)
  }

  /**
   * Until when nobody else receives what is held, in milliseconds since 1970; infinite when nothing is held. It moves on
   * with each extension. Once it has passed, it stays: somebody else may have received these dead letters.
   */
  get heldUntilMs(): number {
    return this.#held.size === 0 ? Number.POSITIVE_INFINITY : this.#heldUntilMs
  }

  /** Dead letters as they come, one pull at a time. Ends when the subscription is empty. */
  async *pulls(): AsyncGenerator<readonly DeadLetter[]> {
    const enough = this.#options.local ? 1 : EMPTY_PULLS
    let empty = 0
    while (empty < enough) {
      if (empty > 0) await sleep(this.#options.clock, EMPTY_PULL_PAUSE_MS)
      const deadLetters = await this.#pull()
      empty = deadLetters.length === 0 ? empty + 1 : 0
      if (deadLetters.length > 0) yield deadLetters
    }
  }

  /** Removes dead letters for good. Resolves when Pub/Sub has confirmed it. */
  async acknowledge(deadLetters: readonly Pick<DeadLetter, 'messageId' | 'ackId'>[]): Promise<void> {
    await this.#each(
      // A dead letter whose lease expired meanwhile was delivered again: only its newest ack id counts.
      deadLetters.map(({ messageId, ackId }) => this.#held.get(messageId) ?? ackId),
      (ackIds) => this.#options.subscriber.acknowledge({ subscription: this.#path, ackIds }),
    )
    for (const { messageId } of deadLetters) this.#held.delete(messageId)
  }

  /** Ends the leases at once. */
  async release(deadLetters: readonly Pick<DeadLetter, 'messageId' | 'ackId'>[]): Promise<void> {
    for (const { messageId } of deadLetters) this.#held.delete(messageId)
    await this.#deadline(
      deadLetters.map(({ ackId }) => ackId),
      0,
    )
  }

  /** Releases everything that is still held. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelHeartbeat()
    await this.release([...this.#held].map(([messageId, ackId]) => ({ messageId, ackId }))).catch(() => {})
  }

  async #pull(): Promise<DeadLetter[]> {
    const { subscriber, journal, clock, source } = this.#options
    const beganMs = clock.now()
    journal?.pullBegins(beganMs)
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
      const attributes = message.attributes ?? {}
      const messageId = message.messageId ?? ''
      return [
        {
          source,
          id: lastingId(messageId, attributes),
          messageId,
          ackId,
          data: Buffer.from(message.data ?? ''),
          attributes,
          orderingKey: message.orderingKey ?? '',
          deadLetteredAtMs: Number(seconds) * 1_000 + Math.floor(Number(nanos) / 1e6),
        },
      ]
    })
    journal?.pulled(deadLetters)
    if (deadLetters.length > 0) this.#heldUntilMs = Math.min(this.heldUntilMs, beganMs + source.ackDeadlineMs)
    for (const { messageId, ackId } of deadLetters) this.#held.set(messageId, ackId)
    return deadLetters
  }

  async #received(pull: () => Promise<PullAnswer>): Promise<protos.google.pubsub.v1.IReceivedMessage[]> {
    try {
      const [response] = await pull()
      return response.receivedMessages ?? []
    } catch (cause) {
      const code = codeOf(cause)
      const hint = code === NOT_FOUND ? 'Terraform creates it: run terraform apply first.' : undefined
      throw new CommandError(`cannot read ${this.#path}`, { cause, ...(hint !== undefined && { hint }) })
    }
  }

  /** A lease that cannot be extended expires: the dead letter is delivered again, and nothing is lost. */
  async #extend(): Promise<void> {
    const beganMs = this.#options.clock.now()
    try {
      await this.#deadline([...this.#held.values()], LEASE_SECONDS)
    } catch {
      return
    }
    // Pub/Sub says nothing when it extends a lease that has run out.
    if (beganMs <= this.#heldUntilMs) this.#heldUntilMs = beganMs + LEASE_SECONDS * 1_000
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
  { connection, now }: Pick<Context, 'connection' | 'now'>,
  source: Source,
  journal?: Journal,
): Promise<DeadLetterSubscription> {
  return new DeadLetterSubscription({
    subscriber: await connection.subscriber(),
    projectId: await connection.projectId(),
    source,
    clock: { now, after: systemClock.after },
    local: connection.local,
    ...(journal !== undefined && { journal }),
  })
}
