import { z } from 'zod'
import type { ItemError } from './answers.ts'
import { isObject } from './json.ts'

/** What a request is for, as orders to misbehave tell requests apart. */
export const ENDPOINT_KINDS = ['track', 'batch', 'send', 'broadcast', 'lookup', 'account'] as const
export type EndpointKind = (typeof ENDPOINT_KINDS)[number]

const processed = z.boolean().default(false)

const faultSchema = z.discriminatedUnion('do', [
  /** Any status, with any body; `processed` says whether the request took effect all the same. */
  z.strictObject({
    do: z.literal('answer'),
    status: z.number().int().min(200).max(599),
    body: z.string().default('{"meta":{"error":"Something went wrong"}}'),
    contentType: z.string().default('application/json'),
    headers: z.record(z.string(), z.string()).default({}),
    processed,
  }),
  /** Takes effect at once, but is answered only after the order's `delayMs`. */
  z.strictObject({ do: z.literal('delay') }),
  /** The connection is reset, without an answer. */
  z.strictObject({ do: z.literal('reset'), processed }),
  /** Takes effect; the answer announces more bytes than come before the connection ends. */
  z.strictObject({ do: z.literal('cut') }),
  /** A web page, as a load balancer sends one. */
  z.strictObject({ do: z.literal('html'), status: z.number().int().min(200).max(599).default(502), processed }),
  /** A 207 that refuses these items of a batch and accepts the others. */
  z.strictObject({
    do: z.literal('refuse_items'),
    indexes: z.array(z.number().int().nonnegative()).optional(),
    probability: z.number().min(0).max(1).optional(),
    containing: z.array(z.string()).optional(),
    error: z
      .strictObject({ reason: z.string(), field: z.string(), message: z.string() })
      .default({ reason: 'invalid', field: 'attributes', message: 'refused by order' }),
  }),
  /** A 400 for the whole request. */
  z.strictObject({ do: z.literal('refuse'), message: z.string().default('refused by order') }),
  z.strictObject({ do: z.literal('too_large') }),
  /** A 429; without `retryAfterSeconds` it has no `Retry-After`. */
  z.strictObject({ do: z.literal('rate_limit'), retryAfterSeconds: z.number().nonnegative().optional() }),
  /** A 401, as if the credentials were revoked. */
  z.strictObject({ do: z.literal('unauthorized') }),
  /** Never answers. */
  z.strictObject({ do: z.literal('hang'), processed }),
])
export type Fault = z.output<typeof faultSchema>

/** The shape of an order, for those who get one over the wire. */
export const faultOrderSchema = z.strictObject({
  /** Which endpoints. */
  on: z.enum([...ENDPOINT_KINDS, 'any']).default('any'),
  /** How many requests; until it is taken back when absent. */
  count: z.number().int().positive().optional(),
  /** Leaves this many matching requests alone first. */
  skip: z.number().int().nonnegative().default(0),
  /** How likely each matching request is to be hit. */
  probability: z.number().min(0).max(1).default(1),
  /** Only requests whose body contains one of these texts. */
  containing: z.array(z.string()).optional(),
  /** Waits so long before it answers, or before it does not. */
  delayMs: z.number().nonnegative().default(0),
  fault: faultSchema,
})
/** An order to misbehave, as it is given. */
export type FaultOrder = z.input<typeof faultOrderSchema>
type Order = z.output<typeof faultOrderSchema>

export interface StandingOrder extends Order {
  readonly id: number
  /** How many requests it has hit. */
  readonly hits: number
}

/** The orders in force. The first that matches a request is the one that is followed. */
export class FaultOrders {
  readonly #orders: { order: Order; id: number; hits: number; skipped: number }[] = []
  readonly #random: () => number
  #given = 0

  /** `random` gives numbers from 0 to 1, seeded by whoever wants a run that can be repeated. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** Puts an order in force and returns its id. Throws a ZodError that says what is wrong with it. */
  add(order: FaultOrder): number {
    const id = ++this.#given
    this.#orders.push({ order: faultOrderSchema.parse(order), id, hits: 0, skipped: 0 })
    return id
  }

  list(): StandingOrder[] {
    return this.#orders.map(({ order, id, hits }) => ({ ...order, id, hits }))
  }

  /** Takes one order back. False when it is not in force. */
  remove(id: number): boolean {
    const index = this.#orders.findIndex((standing) => standing.id === id)
    return index >= 0 && this.#orders.splice(index, 1).length === 1
  }

  clear(): void {
    this.#orders.length = 0
  }

  /** The order that this request is to be treated by, if any. */
  take(kind: EndpointKind, body: Buffer): Order | undefined {
    for (const standing of this.#orders) {
      const { order } = standing
      if (order.on !== 'any' && order.on !== kind) continue
      if (order.containing && !order.containing.some((text) => body.includes(text))) continue
      if (standing.skipped < order.skip) {
        standing.skipped++
        continue
      }
      if (order.probability < 1 && this.#random() >= order.probability) continue
      standing.hits++
      if (order.count !== undefined && standing.hits >= order.count) this.remove(standing.id)
      return order
    }
    return undefined
  }

  /** Which items of a batch an order refuses. */
  itemRefusal(fault: Fault & { do: 'refuse_items' }): (index: number, item: unknown) => ItemError | undefined {
    return (index, item) => {
      const named = fault.indexes?.includes(index) ?? false
      const unlucky = fault.probability !== undefined && this.#random() < fault.probability
      const text = fault.containing && isObject(item) ? JSON.stringify(item) : ''
      const contained = fault.containing?.some((part) => text.includes(part)) ?? false
      return named || unlucky || contained ? fault.error : undefined
    }
  }
}
