import { type Draw, drawing } from './draw.ts'

export const TOPICS = ['identify', 'track', 'transactional'] as const
export type Topic = (typeof TOPICS)[number]
/** The subscription of a topic's bulk lane, and its function where it has one of its own. */
export const bulkLaneOf = (topic: Topic): string => `${topic}-bulk`
/** The subscriptions of a topic: a message is in one of them. */
export const lanesOf = (topic: Topic): readonly string[] => [topic, bulkLaneOf(topic)]

/**
 * What is the matter with a message, if anything.
 *
 * sound           Customer.io takes it
 * broken          breaks the contract, or is not JSON
 * refused_item    Customer.io refuses it by its index in a 207
 * refused_batch   Customer.io refuses every batch that it is in, with a 400
 * other_content   has the idempotency key of another message, and other content
 * stranger        goes to an address that the run may not write to
 */
export type Nature = 'sound' | 'broken' | 'refused_item' | 'refused_batch' | 'other_content' | 'stranger'

/** A message as it will be published, and what it is known by afterwards. */
export interface PlannedMessage {
  readonly topic: Topic
  /** From the start of the run. */
  readonly atMs: number
  readonly data: string
  readonly attributes: Readonly<Record<string, string>>
  readonly orderingKey?: string
  readonly nature: Nature
  /** Stands in what Customer.io receives. Two publishes of one thing have the same mark. */
  readonly mark: string
  /** What must happen once at most: everything with one idempotency key, whatever its content. */
  readonly effect: string
  /** Of identify: whose state it changes. */
  readonly person?: string
}

/** In the body of a message that Customer.io is ordered to refuse. */
export const REFUSED_TEXTS = { refused_item: 'refuse-this-item', refused_batch: 'refuse-the-batch' } as const
/** What a deletion is known by: it carries nothing but the person. */
export const deletionMark = (person: string) => `delete ${person}`
export const isDeletion = ({ mark }: PlannedMessage) => mark.startsWith('delete ')

export interface MessagePlanOptions {
  readonly seed: number
  readonly seconds: number
  readonly messages: number
  /** Stands before everything that must be new in a stack that ran before: marks, people, event ids. Letters and digits. */
  readonly run?: string
  /** Whether some go to strangers: for functions with the rules of {@link recipientsOf}. */
  readonly strangers?: boolean
}

/** Updates of one person are so far apart that they differ in the second by which Customer.io orders them. */
const LEAST_GAP_MS = 4_000
const BROADCAST_GAP_MS = 20_000
const FIRST_TIMESTAMP = 1_763_740_000

/** All messages of a run, in the order in which they are published; the seed decides everything in them. */
export function planMessages({
  seed,
  seconds,
  messages,
  run = '',
  strangers = false,
}: MessagePlanOptions): PlannedMessage[] {
  const draw = drawing(seed)
  const people = new People(draw, run)
  const planned: PlannedMessage[] = []
  let lastBroadcastMs = Number.NEGATIVE_INFINITY
  for (let index = 0; planned.length < messages; index++) {
    const atMs = (planned.length / messages) * seconds * 1_000
    const slot: Slot = { draw, atMs, mark: `${run}m${index}`, index, run }
    const topic = draw.weighted({ identify: 35, track: 45, transactional: 20 })
    if (strangers && index % 20 === 7) planned.push(stranger(slot, topic))
    else if (draw.chance(0.02)) planned.push(broken(slot, topic))
    else if (topic === 'identify' && index % 8 === 3) planned.push(...deletedMeanwhile(slot))
    else if (topic === 'identify') planned.push(people.next(slot))
    else if (topic === 'track') planned.push(...event(slot))
    else if (atMs - lastBroadcastMs < BROADCAST_GAP_MS) planned.push(...send(slot))
    else {
      lastBroadcastMs = atMs
      planned.push(broadcast(slot))
    }
  }
  return planned
    .slice(0, messages)
    .sort((a, b) => a.atMs - b.atMs)
    .map(inItsLane)
}

interface Slot {
  readonly draw: Draw
  readonly atMs: number
  readonly mark: string
  readonly index: number
  readonly run: string
}

/** A third of what has no ordering key is published in bulk; of two publishes of one thing, each takes its own way. */
function inItsLane(message: PlannedMessage, index: number): PlannedMessage {
  if (message.orderingKey !== undefined || index % 3 !== 0) return message
  return { ...message, attributes: { ...message.attributes, lane: 'bulk' } }
}

function refusal(draw: Draw): 'sound' | 'refused_item' | 'refused_batch' {
  return draw.weighted({ sound: 980, refused_item: 12, refused_batch: 8 })
}

function textOf(nature: Nature): { note?: string } {
  return nature === 'refused_item' || nature === 'refused_batch' ? { note: REFUSED_TEXTS[nature] } : {}
}

function broken({ draw, atMs, mark }: Slot, topic: Topic): PlannedMessage {
  const data = draw.pick([
    '{"identifiers":',
    'not json at all',
    '{}',
    JSON.stringify({ identifiers: { id: 'u', email: 'u@example.com' }, name: 'x', channel: 'email' }),
    JSON.stringify({ identifiers: { id: mark }, name: 'x', channel: 'fax', surplus: 1 }),
  ])
  return { topic, atMs, data, attributes: {}, nature: 'broken', mark, effect: mark }
}

/** Of the ways in which a message can go to somebody outside the list, one per topic and channel. */
function stranger({ draw, atMs, mark, run }: Slot, topic: Topic): PlannedMessage {
  const address = `${mark}@stranger.org`
  const identifiers = { id: `${run}person-${draw.below(500)}` }
  const data = { chaos: mark }
  const send = { channel: 'email', transactional_message_id: 1, identifiers, message_data: data }
  const bodies = {
    identify: [
      { identifiers: { email: address }, attributes: data },
      { identifiers, attributes: { ...data, email: address } },
    ],
    track: [
      { identifiers: { email: address }, name: 'order_completed', attributes: data },
      { identifiers, name: 'order_completed', attributes: { ...data, recipient: address } },
    ],
    transactional: [
      { ...send, to: address },
      { ...send, to: 'ours@example.com', bcc: address },
      { ...send, channel: 'sms', to: '+15559999999' },
      { ...send, channel: 'push', to: 'device-of-a-stranger' },
      { channel: 'broadcast', broadcast_id: 1, data, emails: [address] },
    ],
  }
  const body = JSON.stringify(draw.pick<object>(bodies[topic]))
  return { topic, atMs, data: body, attributes: {}, nature: 'stranger', mark, effect: mark }
}

/** RECIPIENTS of functions that may write to everybody in these messages but strangers. */
export function recipientsOf(messages: readonly PlannedMessage[]): string {
  const phones = messages.flatMap(({ nature, data }) =>
    nature === 'stranger' ? [] : (data.match(/(?<="to":")\+\d+/g) ?? []),
  )
  return JSON.stringify({ allow: ['@example.com', 'id:*', 'anonymous_id:*', 'broadcast:*', ...new Set(phones)] })
}

function event({ draw, atMs, mark, index, run }: Slot): PlannedMessage[] {
  const nature = refusal(draw)
  const identifiers = draw.chance(0.2)
    ? { anonymous_id: `${run}visitor-${index}` }
    : { id: `${run}person-${draw.below(500)}` }
  const body = {
    identifiers,
    name: draw.pick(['order_completed', 'product_viewed', 'signed_in']),
    attributes: { chaos: mark, total: draw.below(10_000) / 100, ...textOf(nature) },
    ...(draw.chance(0.1) && { id: ulidOf(run, index) }),
  }
  const attributes: Record<string, string> = draw.chance(0.6) ? { idempotency_key: `event-${mark}` } : {}
  const message: PlannedMessage = {
    topic: 'track',
    atMs,
    data: JSON.stringify(body),
    attributes,
    nature,
    mark,
    effect: mark,
  }
  return withCopies(message, draw)
}

function send({ draw, atMs, mark, index, run }: Slot): PlannedMessage[] {
  // Mostly a person each; some meet another send of the same template to the same person.
  const person = `${run}reader-${draw.chance(0.15) ? draw.below(40) : 1_000 + index}`
  const common = { identifiers: { id: person }, message_data: { chaos: mark } }
  const template = 1 + draw.below(6)
  const to = `${person}@example.com`
  const bodies = {
    email: { ...common, channel: 'email', transactional_message_id: template, to },
    push: { ...common, channel: 'push', transactional_message_id: template },
    sms: { ...common, channel: 'sms', transactional_message_id: template, to: `+1555${1_000_000 + index}` },
    whatsapp: { ...common, channel: 'whatsapp', transactional_message_id: template, to: `+1555${1_000_000 + index}` },
    in_app: { ...common, channel: 'in_app', transactional_message_id: template },
    inbox_message: { ...common, channel: 'inbox_message', transactional_message_id: template },
    by_name: { ...common, channel: 'email', transactional_message_id: 'receipt', to },
    own_body: { ...common, channel: 'email', to, body: 'Hello', subject: 'Hello', from: 'a@example.com' },
  }
  const weights = { email: 40, push: 15, sms: 15, whatsapp: 5, in_app: 10, inbox_message: 5, by_name: 5, own_body: 5 }
  const body = bodies[draw.weighted(weights)]
  const keyed = draw.chance(0.7)
  const message: PlannedMessage = {
    topic: 'transactional',
    atMs,
    data: JSON.stringify(body),
    attributes: keyed ? { idempotency_key: `send-${mark}` } : {},
    nature: 'sound',
    mark,
    effect: mark,
  }
  if (!keyed || !draw.chance(0.01)) return withCopies(message, draw)
  const otherMark = `${mark}-other`
  const data = JSON.stringify({ ...body, message_data: { chaos: otherMark } })
  return [message, { ...message, data, atMs: later(message, draw), nature: 'other_content', mark: otherMark }]
}

function broadcast({ draw, atMs, mark }: Slot): PlannedMessage {
  const body = { channel: 'broadcast', broadcast_id: 1 + draw.below(3), data: { chaos: mark }, ids: ['person-1'] }
  return {
    topic: 'transactional',
    atMs,
    data: JSON.stringify(body),
    attributes: { idempotency_key: `broadcast-${mark}` },
    nature: 'sound',
    mark,
    effect: mark,
  }
}

/**
 * A person who is deleted while an update of them is in the bulk lane. It only updates, so that it takes no effect after the
 * deletion, whichever lane is faster: shared/decisions/delete-and-bulk.md.
 */
function deletedMeanwhile({ draw, atMs, mark, index, run }: Slot): PlannedMessage[] {
  const person = `${run}deleted-${index}`
  const common = { topic: 'identify', orderingKey: person, nature: 'sound', person } as const
  const updateMs = atMs + 500 + draw.below(2_000)
  // Nothing but their times orders the updates: they are in two lanes, and may be published in one second.
  const update = (chaos: string, more: object, place: number) => ({
    ...common,
    data: JSON.stringify({
      identifiers: { id: person },
      attributes: { chaos, ...more },
      timestamp: FIRST_TIMESTAMP + index * 2 + place,
    }),
    ...{ mark: chaos, effect: chaos },
  })
  const deletion = deletionMark(person)
  return [
    { ...update(mark, {}, 0), atMs, attributes: {} },
    { ...update(`${mark}-bulk`, { _update: true }, 1), atMs: updateMs, attributes: { lane: 'bulk' } },
    {
      ...common,
      data: JSON.stringify({ action: 'delete', identifiers: { id: person } }),
      ...{ atMs: updateMs + draw.below(200), attributes: {}, mark: deletion, effect: deletion },
    },
  ]
}

/** What has a key may be published again, as by a publisher that did not hear that it was. */
function withCopies(message: PlannedMessage, draw: Draw): PlannedMessage[] {
  if (message.attributes.idempotency_key === undefined || !draw.chance(0.06)) return [message]
  return [message, { ...message, atMs: later(message, draw) }]
}

function later({ atMs }: PlannedMessage, draw: Draw): number {
  return atMs + (draw.chance(0.4) ? 0 : draw.below(8_000))
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
function ulidOf(run: string, index: number): string {
  const digits = Array.from({ length: 4 }, (_, place) => CROCKFORD[Math.floor(index / 32 ** place) % 32]).join('')
  const own = run.toUpperCase().replaceAll(/[^0-9A-HJKMNP-TV-Z]/g, 'Z')
  return `01JD3K9V2N${own.slice(-10).padStart(10, '0')}AB${digits}`
}

/** Two kinds of people: with an ordering key, and updated in bulk, where only the timestamp orders the updates. */
class People {
  readonly #draw: Draw
  readonly #lastMs = new Map<string, number>()
  readonly #deleted = new Set<string>()
  readonly #run: string
  #made = 0

  constructor(draw: Draw, run: string) {
    this.#draw = draw
    this.#run = run
  }

  next({ draw, atMs, mark, index }: Slot): PlannedMessage {
    const bulk = draw.chance(0.3)
    const person = this.#choose(bulk ? 'bulk' : 'ordered', atMs)
    const common = { topic: 'identify', atMs, attributes: {}, person } as const
    if (!bulk && draw.chance(0.04) && !this.#deleted.has(person)) {
      this.#deleted.add(person)
      const data = JSON.stringify({ action: 'delete', identifiers: { id: person } })
      const known = deletionMark(person)
      return { ...common, data, orderingKey: person, nature: 'sound', mark: known, effect: known }
    }
    const nature = refusal(draw)
    const attributes = { chaos: mark, seats: draw.below(100), ...textOf(nature) }
    const timestamp = bulk ? { timestamp: FIRST_TIMESTAMP + index } : {}
    const data = JSON.stringify({ identifiers: { id: person }, attributes, ...timestamp })
    return { ...common, data, nature, mark, effect: mark, ...(!bulk && { orderingKey: person }) }
  }

  #choose(kind: string, atMs: number): string {
    const known = `${this.#run}${kind}-${this.#draw.below(Math.max(1, this.#made))}`
    const lastMs = this.#lastMs.get(known)
    const again = this.#draw.chance(0.6) && lastMs !== undefined && atMs - lastMs >= LEAST_GAP_MS
    const person = again ? known : `${this.#run}${kind}-${this.#made++}`
    this.#lastMs.set(person, atMs)
    return person
  }
}
