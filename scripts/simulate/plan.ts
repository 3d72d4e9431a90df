import type { Choices } from './choices.ts'

export type Topic = 'identify' | 'track' | 'transactional'

/**
 * What is the matter with a message, if anything.
 *
 * sound     Customer.io takes it
 * broken    breaks the contract, or is not JSON
 * item      Customer.io refuses it by its index in a 207
 * batch     Customer.io refuses every batch that it is in, with a 400
 * large     as large as Pub/Sub takes: breaks the contract, and takes memory
 * stranger  goes to somebody whom the environment may not write to
 */
type Nature = 'sound' | 'broken' | 'large' | 'item' | 'batch' | 'stranger'

/** A publish, and what it is known by afterwards. */
export interface Planned {
  /** Unlike any other's. */
  readonly op: string
  readonly topic: Topic
  /** From the start of the hour. */
  readonly atMs: number
  readonly data: Buffer
  readonly attributes: Readonly<Record<string, string>>
  readonly orderingKey: string
  readonly nature: Nature
  /** What may take effect once. */
  readonly key: string
  readonly content: string | null
  /** From its publish. */
  readonly expiresAfterMs?: number
  /** Whose state it changes, in this order. */
  readonly person?: string
}

/** Publishing ends before the hour does. */
const PUBLISHING_MS = 3_000_000
/** Updates of one person differ in the second by which Customer.io orders them. */
const UPDATE_GAP_MS = 4_000

/** Not on the list of the environment. */
const STRANGER = 'somebody@stranger.example'

export const keyOfDeletion = (person: string): string => `delete ${person}`

/** All publishes of an hour, in the order of their times. */
export function planOf(choices: Choices, startMs: number): Planned[] {
  const count = choices.pick('messages', [20, 60, 150, 500])
  const bursts = choices.between('bursts', 1, 60)
  const weights = choices.pick<readonly Topic[]>('topics', [
    ['track', 'identify', 'transactional'],
    ['track', 'track', 'identify', 'transactional'],
    ['transactional'],
    ['identify'],
    ['identify', 'track', 'transactional', 'transactional'],
  ])
  const planned: Planned[] = []
  const people = new People(choices)
  for (let index = 0; index < count; index++) {
    const op = String(index)
    const isInBurst = choices.chance(`in burst ${op}`, 0.5)
    const atMs = isInBurst
      ? choices.between(`burst ${choices.between(`burst of ${op}`, 1, bursts)}`, 0, PUBLISHING_MS)
      : choices.between(`at ${op}`, 0, PUBLISHING_MS)
    const slot = { startMs, choices, op, atMs, nature: natureOf(choices, op) }
    const topic = choices.pick(`topic ${op}`, weights)
    const message = topic === 'track' ? event(slot) : topic === 'transactional' ? send(slot) : people.update(slot)
    planned.push(message, ...repeatedOf(choices, message))
  }
  if (choices.chance('large messages', 0.05)) planned.push(...largeMessages(choices))
  return people.inOrder(planned.sort((a, b) => a.atMs - b.atMs))
}

/** So many at a time that an instance cannot hold them all. */
const LARGE_MESSAGES = 16
const LARGE_BYTES = 9_500_000

function largeMessages(choices: Choices): Planned[] {
  const atMs = choices.between('large messages at', 0, PUBLISHING_MS)
  const data = Buffer.from(JSON.stringify({ channel: 'email', body: 'x'.repeat(LARGE_BYTES) }))
  return Array.from({ length: LARGE_MESSAGES }, (_, index): Planned => {
    const op = `large-${index}`
    const common = { atMs, data, attributes: {}, orderingKey: '', nature: 'large' as const, content: null }
    return { ...common, op, key: op, topic: 'transactional' }
  })
}

interface Slot {
  readonly startMs: number
  readonly choices: Choices
  readonly op: string
  readonly atMs: number
  readonly nature: Nature
}

function natureOf(choices: Choices, op: string): Nature {
  const number = choices.number(`nature ${op}`)
  if (number < 0.03) return 'item'
  if (number < 0.06) return 'batch'
  if (number < 0.08) return 'broken'
  return number < 0.11 ? 'stranger' : 'sound'
}

function markOf({ op, nature }: Slot) {
  return { key: op, content: `content ${op}`, ...((nature === 'item' || nature === 'batch') && { refuse: nature }) }
}

function message(slot: Slot, topic: Topic, body: object, attributes: Readonly<Record<string, string>>): Planned {
  const { choices, op, nature, atMs, startMs } = slot
  const broken = () =>
    choices.pick(`broken ${op}`, ['{"identifiers":', '{}', 'not JSON', '{"identifiers":{"id":"x"},"surplus":1}'])
  const data = Buffer.from(nature === 'broken' ? broken() : JSON.stringify(body))
  const lane: Record<string, string> = choices.chance(`bulk ${op}`, 0.2) ? { lane: 'bulk' } : {}
  const common = { op, topic, atMs, data, nature, key: op, content: `content ${op}`, orderingKey: '' }
  if (nature === 'stranger' || !choices.chance(`expires ${op}`, 0.1))
    return { ...common, attributes: { ...attributes, ...lane } }
  const expiresAfterMs = choices.pick(`expires after ${op}`, [-60_000, 5_000, 60_000, 600_000])
  const expires = { expires_at: new Date(startMs + atMs + expiresAfterMs).toISOString() }
  return { ...common, attributes: { ...attributes, ...lane, ...expires }, expiresAfterMs }
}

function event(slot: Slot): Planned {
  const { choices, op } = slot
  const identifiers = { id: `person-${choices.between(`person ${op}`, 0, 20)}` }
  const recipient = slot.nature === 'stranger' ? { recipient: STRANGER } : {}
  const body = { identifiers, name: 'order_completed', attributes: { mark: markOf(slot), ...recipient } }
  return message(slot, 'track', body, choices.chance(`keyed ${op}`, 0.6) ? { idempotency_key: `event ${op}` } : {})
}

function send(slot: Slot): Planned {
  const { choices, op } = slot
  // Mostly a person each; some meet another send of the same template to the same person.
  const reader = choices.chance(`meets ${op}`, 0.3) ? choices.between(`reader ${op}`, 0, 4) : Number(op) + 100
  const body = {
    channel: 'email',
    transactional_message_id: choices.between(`template ${op}`, 1, 2),
    identifiers: { id: `reader-${reader}` },
    to: slot.nature === 'stranger' ? STRANGER : `reader-${reader}@example.com`,
    message_data: { mark: markOf(slot) },
  }
  return message(
    slot,
    'transactional',
    body,
    choices.chance(`keyed ${op}`, 0.6) ? { idempotency_key: `send ${op}` } : {},
  )
}

/** As by a publisher that did not hear of its publish; sometimes with other content under the key. */
function repeatedOf(choices: Choices, original: Planned): Planned[] {
  const { op, attributes, nature, topic } = original
  if (
    attributes.idempotency_key === undefined ||
    nature === 'broken' ||
    nature === 'large' ||
    !choices.chance(`repeated ${op}`, 0.1)
  )
    return []
  const atMs = original.atMs + choices.between(`repeated after ${op}`, 0, 90_000)
  const again = { ...original, op: `${op}-again`, atMs }
  if (topic !== 'transactional' || nature !== 'sound' || !choices.chance(`changed ${op}`, 0.3)) return [again]
  const content = `content ${op} changed`
  const text = original.data.toString().replace(`"content ${op}"`, `"${content}"`)
  return [{ ...again, content, data: Buffer.from(text) }]
}

/** People whose updates are ordered by a key. */
class People {
  readonly #choices: Choices
  readonly #lastMs = new Map<string, number>()

  constructor(choices: Choices) {
    this.#choices = choices
  }

  update(slot: Slot): Planned {
    const { op } = slot
    const person = `person-${this.#choices.between(`person ${op}`, 0, 60)}`
    const body = {
      identifiers: { id: person },
      attributes: { mark: markOf(slot), ...(slot.nature === 'stranger' && { email: STRANGER }) },
    }
    const update = message(slot, 'identify', body, {})
    const { expiresAfterMs: _, ...never } = update
    return { ...never, attributes: {}, orderingKey: person, ...(slot.nature !== 'broken' && { person }) }
  }

  /** Spreads the updates of a person, and makes one of them a deletion. */
  inOrder(planned: readonly Planned[]): Planned[] {
    const deleted = new Set<string>()
    return planned
      .map((each): Planned => {
        const { person, op, nature } = each
        if (person === undefined) return each
        const atMs = Math.max(each.atMs, (this.#lastMs.get(person) ?? -UPDATE_GAP_MS) + UPDATE_GAP_MS)
        this.#lastMs.set(person, atMs)
        if (nature !== 'sound' || deleted.has(person) || !this.#choices.chance(`deletes ${op}`, 0.15))
          return { ...each, atMs }
        deleted.add(person)
        const data = Buffer.from(JSON.stringify({ action: 'delete', identifiers: { id: person } }))
        return { ...each, atMs, data, key: keyOfDeletion(person), content: null }
      })
      .sort((a, b) => a.atMs - b.atMs)
  }
}
