import type { Topology } from '../topology/topology.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

/** A message as it is published. */
export interface Outgoing {
  readonly data: Buffer
  readonly attributes: Readonly<Record<string, string>>
  readonly orderingKey: string
}

/** One message in one subscription. */
interface Message extends Outgoing {
  readonly id: string
  /** The publish that it stems from: as a copy or a dead letter, too. */
  readonly op: string
  readonly publishTime: string
  readonly subscription: Subscription
  /** Deliveries that were begun. */
  attempts: number
  isAcknowledged: boolean
  /** An instance has answered a push with success, whether Pub/Sub has heard it or not. */
  wasDone: boolean
  /** Pushes that no instance has answered. */
  underWay: number
  /** Pushes that are under way or to come. */
  open: number
}

interface Subscription {
  readonly name: string
  readonly push: string
  readonly isOrdered: boolean
  readonly ackDeadlineMs: number
  readonly minimumBackoffMs: number
  readonly maximumBackoffMs: number
  readonly maxAttempts: number
  readonly deadLetterTopic: string
  readonly pause: { readonly fromMs: number; readonly untilMs: number } | undefined
  /** By ordering key: the first is being delivered. */
  readonly lines: Map<string, Message[]>
}

export interface BrokerOptions {
  readonly world: World
  readonly weather: Weather
  readonly topology: Topology
  readonly maxAttempts: number
  /**
   * Hands a push to an instance of a function; answered with 0 when there is none or the connection breaks. Returns what closes
   * the connection.
   */
  readonly push: (functionName: string, name: string, body: Buffer, answered: (status: number) => void) => () => void
  /** The publish will never be delivered again, nor any copy of it. */
  readonly onAcknowledged: (op: string) => void
  /** It is delivered, or forwarded, although an earlier push is under way, was answered with success, or left a dead letter. */
  readonly onRedelivery: (op: string) => void
  /** A dead letter is safe. @param attempts of a message that Pub/Sub forwarded on its own */
  readonly onDeadLetter: (op: string, letter: Outgoing, attempts?: number) => void
}

/** Published again by a function, and what else an attribute says of an earlier life. */
const SOURCE = 'source_message_id'
const DUPLICATE_WITHIN_MS = 5_000
/** One in five. */
const LATE_DUPLICATE_WITHIN_MS = 120_000
const LONGEST_DELAY_MS = 60_000
const LATEST_PAUSE_MS = 3_000_000
const LONGEST_PAUSE_MS = 600_000
const SUCCESSES: ReadonlySet<number> = new Set([102, 200, 201, 202, 204])

/**
 * Pub/Sub with the freedom that its documents leave it: deliveries at least once and in any order, repetitions beside and after
 * the first, counts that are approximate, answers that it does not hear. Of an ordering key it delivers the next message
 * once the one before is acknowledged, and does not go back: https://cloud.google.com/pubsub/docs/ordering
 */
export class Broker {
  readonly #options: BrokerOptions
  readonly #subscriptions: readonly (Subscription & { readonly topic: string; readonly isBulk: boolean })[]
  readonly #ops = new Map<string, string>()
  /** Messages of each publish that are not over. */
  readonly #left = new Map<string, number>()
  readonly #deadLettered = new Set<string>()
  /** By Pub/Sub on its own. */
  readonly #forwarded = new Set<string>()
  /** How often each was published: by an application, and by functions. */
  readonly #lives = new Map<string, number>()

  constructor(options: BrokerOptions) {
    this.#options = options
    const { topology, maxAttempts } = options
    this.#subscriptions = Object.entries(topology.subscriptions).flatMap(([name, subscription]) => {
      const { push, topic, dead_letter_topic: deadLetterTopic } = subscription
      if (push === undefined || deadLetterTopic === undefined) return []
      return {
        name,
        topic,
        push,
        isBulk: subscription.filter === 'attributes.lane = "bulk"',
        isOrdered: subscription.ordered,
        ackDeadlineMs: subscription.ack_deadline_seconds * 1_000,
        minimumBackoffMs: (subscription.minimum_backoff_seconds ?? 10) * 1_000,
        maximumBackoffMs: (subscription.maximum_backoff_seconds ?? 600) * 1_000,
        maxAttempts,
        deadLetterTopic,
        pause: pauseOf(name, options),
        lines: new Map<string, Message[]>(),
      }
    })
  }

  /**
   * @param op the publish that it is; by default that of its source, of what a function or an operator publishes
   * @returns it
   */
  publish(topic: string, outgoing: Outgoing, op?: string): string {
    const { world } = this.#options
    const origin = op ?? this.#ops.get(outgoing.attributes[SOURCE] ?? '')
    if (origin === undefined) throw new Error(`nobody published what was published to ${topic}`)
    const lives = (this.#lives.get(origin) ?? 0) + 1
    this.#lives.set(origin, lives)
    const id = lives === 1 ? `m${origin}` : `m${origin}.${lives}`
    this.#ops.set(id, origin)
    world.tell(`Pub/Sub has ${id} of ${origin} in ${topic}`)
    if (topic.endsWith('-dead-letter')) {
      // Of a process that has been killed since.
      if (this.#forwarded.has(origin)) this.#options.onRedelivery(origin)
      this.#deadLettered.add(origin)
      this.#options.onDeadLetter(origin, outgoing)
    } else this.#take(topic, outgoing, id, origin)
    return origin
  }

  #take(topic: string, outgoing: Outgoing, id: string, op: string): void {
    const { world } = this.#options
    const isBulk = outgoing.attributes.lane === 'bulk'
    const subscription = this.#subscriptions.find((each) => each.topic === topic && each.isBulk === isBulk)
    if (subscription === undefined) throw new Error(`no subscription to ${topic}`)
    const publishTime = new Date(world.nowMs).toISOString()
    const message = {
      ...outgoing,
      id,
      op,
      publishTime,
      subscription,
      attempts: 0,
      isAcknowledged: false,
      wasDone: false,
      underWay: 0,
      open: 0,
    }
    this.#left.set(op, (this.#left.get(op) ?? 0) + 1)
    this.#enter(message)
  }

  #enter(message: Message): void {
    const { subscription, orderingKey } = message
    if (!this.#isOrdered(message)) {
      this.#deliverAfter(message, this.#latency(message))
      return
    }
    const line = subscription.lines.get(orderingKey)
    if (line === undefined) subscription.lines.set(orderingKey, [message])
    else line.push(message)
    if (line === undefined) this.#deliverAfter(message, this.#latency(message))
  }

  #latency({ id }: Message): number {
    const { world, weather } = this.#options
    const isOvertaken = world.choices.fault(`overtaken ${id}`, weather.overtaken)
    return world.choices.between(`latency ${id}`, 2, isOvertaken ? LONGEST_DELAY_MS : 20)
  }

  #deliverAfter(message: Message, ms: number): void {
    message.open++
    this.#options.world.after(ms, () => this.#deliver(message))
  }

  #deliver(message: Message): void {
    const { world, weather, push } = this.#options
    const { choices } = world
    const { id, subscription } = message
    const { pause } = subscription
    if (pause !== undefined && world.elapsedMs >= pause.fromMs && world.elapsedMs < pause.untilMs) {
      world.after(pause.untilMs - world.elapsedMs, () => this.#deliver(message))
      return
    }
    const attempt = ++message.attempts
    const name = `push ${id}/${attempt}`
    const isMiscounted = choices.fault(`miscounted ${name}`, weather.miscounted)
    const told = Math.max(1, attempt + (isMiscounted ? choices.between(`miscount ${name}`, -2, 2) : 0))
    if (!this.#isOrdered(message) && choices.fault(`duplicate ${name}`, weather.duplicate)) {
      const longestMs = choices.chance(`late duplicate ${name}`, 0.2) ? LATE_DUPLICATE_WITHIN_MS : DUPLICATE_WITHIN_MS
      this.#deliverAfter(message, choices.between(`duplicate after ${name}`, 0, longestMs))
    }
    this.#tellOfRedelivery(message)
    message.underWay++
    let isOpen = true
    const over = (isSuccess: boolean, why: string) => {
      if (!isOpen) return
      isOpen = false
      world.tell(`${name} ${why}`)
      this.#answered(message, isSuccess, name)
    }
    const close = push(subscription.push, name, bodyOf(message, told), (status) => {
      message.underWay--
      if (SUCCESSES.has(status)) message.wasDone = true
      if (isOpen && choices.fault(`answer lost ${name}`, weather.answerLost)) {
        world.tell(`${name} is answered ${status}, which Pub/Sub does not hear`)
      } else over(SUCCESSES.has(status), `is answered ${status}`)
    })
    world.after(subscription.ackDeadlineMs, () => {
      if (!isOpen) return
      close()
      over(false, 'has no answer in time')
    })
  }

  #answered(message: Message, isSuccess: boolean, name: string): void {
    const { world, weather } = this.#options
    const { choices } = world
    message.open--
    if (isSuccess) {
      message.isAcknowledged = true
      if (!this.#isOrdered(message) && choices.fault(`redelivered ${name}`, weather.redelivered)) {
        this.#deliverAfter(message, choices.between(`redelivered after ${name}`, 0, 2 * LONGEST_DELAY_MS))
      }
    }
    if (message.open > 0) return
    if (message.isAcknowledged) this.#end(message)
    else if (message.attempts >= message.subscription.maxAttempts) this.#forward(message)
    else this.#deliverAfter(message, this.#backOffMs(message))
  }

  /** From here on the message may have another outcome than it has, or is about to have. */
  #tellOfRedelivery({ op, wasDone, underWay }: Message): void {
    if (wasDone || underWay > 0 || this.#deadLettered.has(op)) this.#options.onRedelivery(op)
  }

  #backOffMs({ id, attempts, subscription }: Message): number {
    const { minimumBackoffMs, maximumBackoffMs } = subscription
    const ms = Math.min(maximumBackoffMs, minimumBackoffMs * 2 ** (attempts - 1))
    return Math.round(ms * (0.8 + 0.4 * this.#options.world.choices.number(`back-off ${id}/${attempts}`)))
  }

  /** After the last attempt, as Pub/Sub does on its own. */
  #forward(message: Message): void {
    const { op, attempts } = message
    this.#options.world.tell(`Pub/Sub forwards ${message.id} of ${op} after ${attempts} attempts`)
    this.#tellOfRedelivery(message)
    this.#forwarded.add(op)
    this.#options.onDeadLetter(op, message, attempts)
    this.#end(message)
  }

  #end(message: Message): void {
    const { op, orderingKey, subscription } = message
    const left = (this.#left.get(op) ?? 0) - 1
    this.#left.set(op, left)
    if (left === 0) this.#options.onAcknowledged(op)
    if (!this.#isOrdered(message)) return
    const line = subscription.lines.get(orderingKey)
    line?.shift()
    const next = line?.[0]
    if (next === undefined) subscription.lines.delete(orderingKey)
    else this.#deliverAfter(next, this.#latency(next))
  }

  #isOrdered({ subscription, orderingKey }: Message): boolean {
    return subscription.isOrdered && orderingKey !== ''
  }
}

/** As an operator pauses a topic: nothing is pushed, and no attempt is counted. */
function pauseOf(name: string, { world: { choices }, weather }: BrokerOptions): Subscription['pause'] {
  if (!choices.fault(`paused ${name}`, weather.paused)) return undefined
  const fromMs = choices.between(`paused ${name} from`, 0, LATEST_PAUSE_MS)
  return { fromMs, untilMs: fromMs + choices.between(`paused ${name} for`, 1_000, LONGEST_PAUSE_MS) }
}

/** https://cloud.google.com/pubsub/docs/push#receive_push */
function bodyOf({ id, data, attributes, orderingKey, publishTime, subscription }: Message, attempt: number): Buffer {
  const message = {
    data: data.toString('base64'),
    attributes,
    messageId: id,
    publishTime,
    ...(orderingKey !== '' && { orderingKey }),
  }
  const name = `projects/simulated/subscriptions/${subscription.name}`
  return Buffer.from(JSON.stringify({ message, subscription: name, deliveryAttempt: attempt }))
}
