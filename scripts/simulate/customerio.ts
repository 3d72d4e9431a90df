import { z } from 'zod'
import type { Answer, SdkRequest } from '../../shared/customerio/index.ts'
import type { HistoryEvent } from '../history/format.ts'
import type { CustomerIo } from './network.ts'
import { keyOfDeletion } from './plan.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

/** What a message is known by, which travels in its content. */
export const mark = z.object({ key: z.string(), content: z.string(), refuse: z.enum(['item', 'batch']).optional() })
type Mark = z.infer<typeof mark>

const operation = z.object({
  action: z.string(),
  identifiers: z.record(z.string(), z.string()),
  attributes: z.object({ mark }).optional(),
  id: z.string().optional(),
  timestamp: z.number().optional(),
})
type Operation = z.infer<typeof operation>
const batch = z.object({ batch: z.array(operation).min(1) })
const send = z.object({
  identifiers: z.object({ id: z.string() }),
  to: z.string(),
  transactional_message_id: z.number(),
  message_data: z.object({ mark }),
})

interface Delivery {
  readonly id: string
  readonly person: string
  readonly template: number
  readonly recipient: string
  /** Unix seconds. */
  readonly created: number
  readonly listedAtMs: number
}

/** Within the settle time of the send ledger, which rests on it. */
const LONGEST_LIST_DELAY_MS = 59_000
const LONGEST_OUTAGE_MS = 1_200_000

/** Customer.io as it is documented, with what is known of it and is not: facts, answers and delays that a seed decides. */
export class SimulatedCustomerIo {
  readonly serve: CustomerIo
  readonly #world: World
  readonly #weather: Weather
  readonly #record: (event: HistoryEvent) => void
  readonly #events = new Set<string>()
  readonly #people = new Map<string, { content: string; timestamp: number }>()
  readonly #deliveries: Delivery[] = []
  readonly #sends = new Set<string>()
  readonly #outage: { readonly fromMs: number; readonly untilMs: number } | undefined

  constructor(world: World, weather: Weather, record: (event: HistoryEvent) => void) {
    this.#world = world
    this.#weather = weather
    this.#record = record
    const { choices } = world
    if (choices.fault('outage', weather.outage)) {
      const fromMs = world.nowMs + choices.between('outage from', 0, 3_000_000)
      this.#outage = { fromMs, untilMs: fromMs + choices.between('outage for', 10_000, LONGEST_OUTAGE_MS) }
    }
    this.serve = (request, name) => this.#serve(request, name)
  }

  /** What a person shows; null when there is none. */
  shows(person: string): string | null {
    return this.#people.get(person)?.content ?? null
  }

  /** Whether a send of this key went out. */
  hasSend(key: string): boolean {
    return this.#sends.has(key)
  }

  #serve({ method, uri, body }: SdkRequest, name: string): Answer {
    const { nowMs } = this.#world
    const { pathname, searchParams } = new URL(uri)
    if (this.#outage !== undefined && nowMs >= this.#outage.fromMs && nowMs < this.#outage.untilMs) {
      return answer(503, {})
    }
    const content: unknown = typeof body === 'string' ? JSON.parse(body) : undefined
    if (method === 'POST' && pathname.endsWith('/v2/batch')) return this.#batch(batch.parse(content).batch)
    if (method === 'POST' && pathname.startsWith('/v1/send/')) return this.#send(send.parse(content), name)
    if (method === 'GET' && pathname.endsWith('/messages')) {
      const person = decodeURIComponent(pathname.split('/')[3] ?? '')
      return this.#list((delivery) => delivery.person === person, searchParams)
    }
    if (method === 'GET' && /\/transactional\/\d+\/messages$/.test(pathname)) return answer(200, { messages: [] })
    if (method === 'GET') return answer(200, {})
    throw new Error(`Customer.io is asked for what it does not have: ${method} ${pathname}`)
  }

  #batch(operations: readonly Operation[]): Answer {
    const culprit = operations.find(({ attributes }) => attributes?.mark.refuse === 'batch')
    if (culprit !== undefined) {
      if (operations.length === 1) this.#refuse(culprit.attributes?.mark)
      return answer(400, { errors: [{ reason: 'invalid', message: 'something in the batch is' }] })
    }
    const errors = operations.flatMap(({ attributes }, index) => {
      if (attributes?.mark.refuse === undefined) return []
      this.#refuse(attributes.mark)
      return [{ batch_index: index, reason: 'invalid', field: 'attributes', message: 'refused' }]
    })
    const refused = new Set(errors.map((error) => error.batch_index))
    for (const [index, each] of operations.entries()) if (!refused.has(index)) this.#apply(each)
    return answer(errors.length > 0 ? 207 : 200, errors.length > 0 ? { errors } : {})
  }

  #apply({ action, identifiers, attributes, id, timestamp = 0 }: Operation): void {
    const person = identifiers.id ?? ''
    if (action === 'delete') {
      this.#people.delete(person)
      this.#applied({ key: keyOfDeletion(person), content: null, effect: true })
      return
    }
    if (attributes === undefined) throw new Error(`Customer.io gets what nobody publishes: ${action}`)
    const { key, content } = attributes.mark
    if (action === 'event') {
      const effect = id === undefined || !this.#events.has(id)
      if (id !== undefined) this.#events.add(id)
      this.#applied({ key, content, effect, ...(id !== undefined && { eventId: id }) })
      return
    }
    const before = this.#people.get(person)
    const effect = before === undefined || before.timestamp <= timestamp
    if (effect) this.#people.set(person, { content, timestamp })
    this.#applied({ key, content, effect })
  }

  #send(
    { identifiers, to, transactional_message_id: template, message_data }: z.infer<typeof send>,
    name: string,
  ): Answer {
    const { nowMs, choices } = this.#world
    const { key, content, refuse } = message_data.mark
    if (refuse !== undefined) {
      this.#refuse(message_data.mark)
      return answer(400, { meta: { error: 'refused' } })
    }
    const id = `delivery-${this.#deliveries.length}`
    const isLate = choices.fault(`listed late ${name}`, this.#weather.listedLate)
    const listedAtMs = nowMs + choices.upTo(`listed after ${name}`, 0, isLate ? LONGEST_LIST_DELAY_MS : 500)
    const created = Math.floor(nowMs / 1_000)
    this.#sends.add(key)
    this.#deliveries.push({ id, person: identifiers.id, template, recipient: to, created, listedAtMs })
    this.#applied({ key, content, effect: true, deliveryId: id })
    return answer(200, { delivery_id: id, queued_at: created })
  }

  #list(isAskedFor: (delivery: Delivery) => boolean, query: URLSearchParams): Answer {
    const [from, until] = [Number(query.get('start_ts')), Number(query.get('end_ts'))]
    const listed = this.#deliveries.filter(
      (delivery) =>
        isAskedFor(delivery) &&
        delivery.listedAtMs <= this.#world.nowMs &&
        delivery.created >= from &&
        delivery.created <= until,
    )
    const messages = listed.map(({ id, person, template, recipient, created }) => ({
      ...{ id, recipient, created, type: 'email', customer_id: person, transactional_message_id: template },
      ...{ campaign_id: 0, newsletter_id: 0, broadcast_id: 0 },
    }))
    return answer(200, { messages, next: '' })
  }

  #applied(applied: { key: string; content: string | null; effect: boolean; eventId?: string; deliveryId?: string }) {
    this.#world.tell(`Customer.io ${applied.effect ? 'has' : 'ignores'} ${applied.key}`)
    this.#record({ f: 'apply', type: 'ok', atMs: this.#world.elapsedMs, ...applied })
  }

  #refuse(refused: Mark | undefined): void {
    if (refused === undefined) return
    this.#world.tell(`Customer.io refuses ${refused.key}`)
    this.#record({ f: 'apply', type: 'fail', atMs: this.#world.elapsedMs, key: refused.key })
  }
}

function answer(status: number, body: object): Answer {
  return { kind: 'response', status, headers: {}, body: JSON.stringify(body) }
}
