import { EventEmitter } from 'node:events'
import { isRecord } from '../../shared/json/index.ts'
import type { PubSubEvents } from '../emulators/pubsub/index.ts'
import type { Topology } from '../topology/topology.ts'

/** A message by the id of its first publish, with all that Pub/Sub and the record have said of it until now. */
export interface LoggedMessage {
  readonly id: string
  /** Name in pipeline.yaml. */
  readonly topic: string
  /** Every publish of it, the first one first: a replay and a move to the bulk lane are publishes of the same message. */
  readonly publishes: Publish[]
  readonly data: Buffer
  readonly orderingKey: string
  /** Pushes that were answered, or not, over all publishes. */
  attempts: number
  /** `waiting` until it has been tried; else as in `shared/outcome`, with `uncertain` for a refusal of that reason. */
  outcome: string
  reason: string | undefined
  /** `duplicate`: nothing was sent, since the ledger knows that it was sent before. */
  note: string | undefined
  endedAtMs: number | undefined
}

export interface Publish {
  readonly messageId: string
  readonly atMs: number
  readonly attributes: Readonly<Record<string, string>>
}

/** Each event names a message that is new, or that has changed. */
export interface MessageLogEvents {
  changed: [LoggedMessage]
}

export interface MessageLogOptions {
  readonly topology: Topology
  readonly projectId: string
  readonly events: EventEmitter<PubSubEvents>
  /** The oldest messages are forgotten beyond either. */
  readonly mostMessages?: number
  readonly mostBytes?: number
}

/** Pub/Sub itself moved it to the dead-letter topic. */
const FORWARDED = 'forwarded'

const MOST_MESSAGES = 100_000
const MOST_BYTES = 256 * 1_048_576
/** What a publish takes besides its texts: objects, and its place in two maps. */
const OVERHEAD_BYTES = 400

/**
 * What was published to the local stack, in the order of publishing, and what became of it. Pub/Sub forgets a message that
 * is acknowledged, and a page that shows messages wants those most.
 */
export class MessageLog {
  readonly events = new EventEmitter<MessageLogEvents>()
  readonly #options: MessageLogOptions
  readonly #topics: ReadonlyMap<string, string>
  readonly #recordTopic: string
  /** By lasting id; in order, since a Map keeps it. */
  readonly #messages = new Map<string, LoggedMessage>()
  /** The lasting id by the id of a later publish. */
  readonly #lasting = new Map<string, string>()
  #bytes = 0
  readonly #endings: (() => void)[] = []

  constructor(options: MessageLogOptions) {
    this.#options = options
    const { topology, projectId, events } = options
    const name = (topic: string) => `projects/${projectId}/topics/${topic}`
    this.#topics = new Map(deliveredTopics(topology).map((topic) => [name(topic), topic]))
    this.#recordTopic = name(topology.record.topic)
    const published = (event: PubSubEvents['published'][0]) => {
      if (event.topic === this.#recordTopic) this.#recorded(event.data)
      else this.#published(event)
    }
    const delivered = ({ messageId, status, failure }: PubSubEvents['delivered'][0]) => {
      const message = this.#of(messageId)
      if (message === undefined) return
      message.attempts += 1
      // What was answered well is told by the record, with its outcome.
      if (failure !== undefined || (status ?? 500) >= 300)
        this.#change(message, { outcome: 'retry', reason: undefined })
    }
    const deadLettered = ({ messageId }: PubSubEvents['deadLettered'][0]) => {
      const message = this.#of(messageId)
      if (message !== undefined) this.#change(message, { outcome: 'exhausted', reason: FORWARDED })
    }
    events.on('published', published).on('delivered', delivered).on('deadLettered', deadLettered)
    this.#endings.push(() =>
      events.off('published', published).off('delivered', delivered).off('deadLettered', deadLettered),
    )
  }

  get size(): number {
    return this.#messages.size
  }

  /** By the id of any of its publishes. */
  find(messageId: string): LoggedMessage | undefined {
    return this.#of(messageId)
  }

  /** All of them, the oldest first. */
  all(): readonly LoggedMessage[] {
    return [...this.#messages.values()]
  }

  close(): void {
    for (const end of this.#endings.splice(0)) end()
  }

  #of(messageId: string): LoggedMessage | undefined {
    return this.#messages.get(this.#lasting.get(messageId) ?? messageId)
  }

  #published({
    topic,
    messageId,
    attributes,
    data,
    orderingKey,
    publishTimeMs: atMs,
  }: PubSubEvents['published'][0]): void {
    const name = this.#topics.get(topic)
    if (name === undefined) return
    const publish = { messageId, atMs, attributes }
    const earlier = attributes.source_message_id
    const known = earlier === undefined ? undefined : this.#of(earlier)
    if (known !== undefined && known.topic === name) {
      this.#lasting.set(messageId, known.id)
      known.publishes.push(publish)
      this.#bytes += publishBytes(publish)
      this.#change(known, { outcome: 'waiting', reason: undefined })
      this.#forget()
      return
    }
    const message: LoggedMessage = {
      ...{ id: messageId, topic: name, publishes: [publish], data, orderingKey, attempts: 0, outcome: 'waiting' },
      ...{ reason: undefined, note: undefined, endedAtMs: undefined },
    }
    this.#messages.set(messageId, message)
    this.#bytes += messageBytes(message)
    this.#forget()
    this.events.emit('changed', message)
  }

  #forget(): void {
    const { mostMessages = MOST_MESSAGES, mostBytes = MOST_BYTES } = this.#options
    for (const message of this.#messages.values()) {
      if (this.#messages.size <= mostMessages && this.#bytes <= mostBytes) return
      this.#messages.delete(message.id)
      for (const { messageId } of message.publishes) this.#lasting.delete(messageId)
      this.#bytes -= messageBytes(message)
    }
  }

  /** A line of the record, as the sink publishes it. */
  #recorded(data: Buffer): void {
    const { timestamp, jsonPayload: line } = entryOf(data)
    if (typeof line?.message_id !== 'string') return
    const message = this.#of(line.message_id)
    if (message === undefined) return
    // A line comes a moment after what it tells of: by then the message may have been published again, or moved away.
    if (message.publishes.at(-1)?.messageId !== line.message_id || message.reason === FORWARDED) return
    const text = (name: string) => (typeof line[name] === 'string' ? line[name] : undefined)
    const reason = text('reason')
    this.#change(message, {
      outcome: reason === 'uncertain' ? 'uncertain' : (text('outcome') ?? ''),
      reason,
      note: text('note'),
      endedAtMs: typeof timestamp === 'string' ? Date.parse(timestamp) : undefined,
    })
  }

  #change(
    message: LoggedMessage,
    change: Partial<Pick<LoggedMessage, 'outcome' | 'reason' | 'note' | 'endedAtMs'>>,
  ): void {
    Object.assign(message, change)
    this.events.emit('changed', message)
  }
}

/** Topics whose messages a function delivers: not those of dead letters, of the record, of schedules. */
export function deliveredTopics({ topics, subscriptions, probe }: Topology): readonly string[] {
  return Object.keys(topics).filter(
    (topic) =>
      topic !== probe.topic &&
      Object.values(subscriptions).some(
        (subscription) => subscription.topic === topic && subscription.push !== undefined,
      ),
  )
}

/** As much of a log entry as is looked at; its fields have the names of the columns of `message_outcomes`. */
function entryOf(data: Buffer): { timestamp?: unknown; jsonPayload?: Readonly<Record<string, unknown>> } {
  try {
    const entry: unknown = JSON.parse(data.toString())
    if (!isRecord(entry) || !isRecord(entry.jsonPayload)) return {}
    return { timestamp: entry.timestamp, jsonPayload: entry.jsonPayload }
  } catch {
    return {}
  }
}

function messageBytes({ data, publishes }: LoggedMessage): number {
  return publishes.reduce((bytes, publish) => bytes + publishBytes(publish), data.length)
}

/** A bound, not a measurement: a character takes one byte or two. */
function publishBytes({ attributes }: Publish): number {
  const texts = Object.entries(attributes).flat()
  return texts.reduce((bytes, text) => bytes + 2 * text.length, OVERHEAD_BYTES)
}
