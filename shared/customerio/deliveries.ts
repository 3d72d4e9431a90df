import type { APIClient } from 'customerio-node'
import * as z from 'zod'
import type { CallOutcome } from '../outcome/index.ts'

/** Which deliveries are asked for. */
export interface DeliveryQuery {
  /** Number of the transactional message; the list takes no trigger names. */
  readonly transactionalMessageId: number
  /** Unix seconds, both ends included. */
  readonly createdFrom: number
  readonly createdUntil: number
}

/** One delivery as Customer.io lists it. It carries nothing of the publisher's. */
export interface FoundDelivery {
  readonly deliveryId: string
  /** The identifiers of the person that Customer.io names, as strings. */
  readonly person: readonly string[]
  readonly recipient: string | undefined
  /** Unix seconds. */
  readonly created: number
}

const page = z.object({
  messages: z
    .array(
      z.object({
        id: z.string(),
        created: z.number(),
        recipient: z.string().nullish(),
        customer_id: z.string().nullish(),
        customer_identifiers: z
          .object({ id: z.string().nullish(), email: z.string().nullish(), cio_id: z.string().nullish() })
          .nullish(),
      }),
    )
    .nullish(),
  next: z.string().nullish(),
})

const PAGE_SIZE = 1_000
/** Beyond this the list is too long to tell one send from another in time. */
const MOST_PAGES = 10

type Undelivered = Exclude<CallOutcome, { kind: 'delivered' }>
/** Makes one request of the list and gives the body of its 2xx answer, or what it came to instead. */
type Ask = (call: (client: APIClient) => Promise<Record<string, unknown>>) => Promise<string | Undelivered>

/** Reads all pages of a transactional message's deliveries since a time. */
export async function deliveriesOf(query: DeliveryQuery, ask: Ask): Promise<readonly FoundDelivery[] | Undelivered> {
  const found: FoundDelivery[] = []
  let start: string | undefined
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const window = { start_ts: query.createdFrom, end_ts: query.createdUntil }
    const options = { ...window, limit: PAGE_SIZE, ...(start !== undefined && { start }) }
    const body = await ask((client) => client.getTransactionalMessageDeliveries(query.transactionalMessageId, options))
    if (typeof body !== 'string') return body
    // An empty body is a success to whoever sends; as a list it says nothing.
    const parsed = page.safeParse(body === '' ? undefined : JSON.parse(body))
    if (!parsed.success) return unreadable('the list of deliveries has an unknown form')
    for (const message of parsed.data.messages ?? []) {
      const { id, email, cio_id } = message.customer_identifiers ?? {}
      found.push({
        deliveryId: message.id,
        person: [message.customer_id, id, email, cio_id].filter((value) => typeof value === 'string'),
        recipient: message.recipient ?? undefined,
        created: message.created,
      })
    }
    start = parsed.data.next || undefined
    if (start === undefined) return found
  }
  return unreadable(`the list of deliveries has more than ${MOST_PAGES * PAGE_SIZE} entries`)
}

function unreadable(error: string): Undelivered {
  return { kind: 'uncertain', error }
}
