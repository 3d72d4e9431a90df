import { hash } from 'node:crypto'
import { meaningOf } from '../chaos/meaning.ts'
import type { HistoryEvent } from '../history/format.ts'
import type { Outgoing } from './broker.ts'
import type { Planned } from './plan.ts'
import type { World } from './world.ts'

const KINDS = { identify: 'update', track: 'event', transactional: 'send' } as const

/**
 * From the check of the expiry to the effect: the ack deadline, after which nothing is claimed for a push; the lease that is
 * claimed just before; and clocks that are off.
 */
const LONGEST_DELIVERY_MS = 60_000 + 28_000 + 5_000

/** Of the two timeouts of a request the longer one, which the network of an instance keeps to. */
const LONGEST_REQUEST_MS = 8_000

const digestOf = (data: Buffer): string => hash('sha1', data, 'base64url')

/** The history of an hour, as everybody saw it. */
export class Account {
  readonly #world: World
  readonly #events: HistoryEvent[] = []
  readonly #turns = new Map<string, number>()

  constructor(world: World) {
    this.#world = world
  }

  add(event: HistoryEvent): void {
    this.#events.push(event)
  }

  published({ op, key, content, topic, data, nature, person, expiresAfterMs }: Planned): void {
    const turn = person === undefined ? undefined : (this.#turns.get(person) ?? 0) + 1
    if (person !== undefined && turn !== undefined) this.#turns.set(person, turn)
    this.#world.tell(`an application publishes ${op}${nature === 'sound' ? '' : ` (${nature})`} to ${topic}`)
    const { elapsedMs: atMs } = this.#world
    this.add({
      ...{ f: 'publish', type: 'invoke', atMs, op, key, content, kind: KINDS[topic] },
      ...{ bytes: digestOf(data), valid: nature !== 'broken' && nature !== 'large' },
      ...(nature === 'stranger' && { stranger: true }),
      ...(expiresAfterMs !== undefined && { expiresAtMs: atMs + expiresAfterMs + LONGEST_DELIVERY_MS }),
      ...(person !== undefined && { person, turn }),
    })
    this.add({ f: 'publish', type: 'ok', atMs, op })
  }

  acknowledged(op: string): void {
    this.#world.tell(`${op} is acknowledged`)
    this.add({ f: 'acknowledge', atMs: this.#world.elapsedMs, op })
  }

  /** @param attempts of a message that Pub/Sub forwarded on its own, which gives no reason */
  deadLettered(op: string, { data, attributes }: Outgoing, attempts?: number): void {
    const reason = attempts === undefined ? (attributes.reason ?? '') : 'exhausted'
    const meaning = meaningOf(reason)
    if (meaning === undefined) throw new Error(`a dead letter of ${op} gives the reason ${reason}`)
    this.#world.tell(`${op} is dead-lettered: ${reason}`)
    this.add({
      ...{ f: 'outcome', atMs: this.#world.elapsedMs, op, bytes: digestOf(data), ...meaning },
      attempt: attempts ?? Number(attributes.delivery_attempt),
    })
  }

  /** @param shows what a person shows in the end */
  history(producer: string, exhaustedFromAttempt: number, shows: (person: string) => string | null): HistoryEvent[] {
    const { elapsedMs: atMs } = this.#world
    return [
      { f: 'start', atMs: 0, producer, exhaustedFromAttempt, longestRequestMs: LONGEST_REQUEST_MS },
      ...this.#events,
      ...[...this.#turns.keys()].map((person): HistoryEvent => ({ f: 'read', atMs, person, content: shows(person) })),
      { f: 'end', atMs },
    ]
  }
}
