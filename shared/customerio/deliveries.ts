import { type APIClient, IdentifierType } from 'customerio-node'
import * as z from 'zod'
import type { CallOutcome } from '../outcome/index.ts'

/** How a send may name its person. */
export const PERSON_IDENTIFIERS = ['id', 'email', 'cio_id'] as const
export type PersonIdentifier = (typeof PERSON_IDENTIFIERS)[number]

/** Which deliveries are asked for: those of one person, or those of one transactional message to anybody. */
export type DeliveryQuery = (
  | { readonly person: { readonly identifier: PersonIdentifier; readonly value: string } }
  /** A number; the list takes no trigger names. */
  | { readonly transactionalMessageId: number }
) & {
  /** Unix seconds, both ends included. */
  readonly createdFrom: number
  readonly createdUntil: number
}

/** One delivery as Customer.io lists it. It carries nothing of the publisher's. */
export interface FoundDelivery {
  readonly deliveryId: string
  /** The person, by every identifier that Customer.io shows. */
  readonly person: Readonly<Partial<Record<PersonIdentifier, string>>>
  /** The address that it went to. */
  readonly recipient: string | undefined
  /** Customer.io's name of the channel. */
  readonly type: string | undefined
  /** False when a campaign, a newsletter or a broadcast made it. */
  readonly transactional: boolean
  readonly transactionalMessageId: number | undefined
  /** Unix seconds. */
  readonly created: number
}

/** The list is longer than can be read in time, so that it does not tell one send from another. */
export interface TooMany {
  readonly kind: 'too_many'
  readonly error: string
}

const number = z.union([z.number(), z.string().transform(Number)]).nullish()
const text = z.union([z.string(), z.number().transform(String)]).nullish()
const page = z.object({
  messages: z
    .array(
      z.object({
        id: z.string(),
        created: z.number(),
        recipient: z.string().nullish(),
        type: z.string().nullish(),
        transactional_message_id: number,
        campaign_id: number,
        newsletter_id: number,
        broadcast_id: number,
        customer_id: text,
        customer_identifiers: z.object({ id: text, email: text, cio_id: text }).nullish(),
      }),
    )
    .nullish(),
  next: z.string().nullish(),
})
type Listed = NonNullable<z.output<typeof page>['messages']>[number]

const PAGE_SIZE = 1_000
const MOST_PAGES = 10
/** No further page is asked for after it: a list that takes longer to read will not be shorter the next time. */
const LIMIT_MS = 5_000

type Undelivered = Exclude<CallOutcome, { kind: 'delivered' }>
/** Makes one request of the list and gives the body of its 2xx answer, or what it came to instead. */
type Ask = (call: (client: APIClient) => Promise<Record<string, unknown>>) => Promise<string | Undelivered>

/**
 * Reads all pages of a list of deliveries. A list that has no end within {@link MOST_PAGES} pages or {@link LIMIT_MS} is
 * `too_many`: to ask again would not help. `refused` means that Customer.io knows no such person or message, or that the
 * workspace does not use the identifier.
 *
 * @param now milliseconds since the epoch
 */
export async function deliveriesOf(
  query: DeliveryQuery,
  ask: Ask,
  now: () => number,
): Promise<readonly FoundDelivery[] | TooMany | Undelivered> {
  const found: FoundDelivery[] = []
  const lastStartMs = now() + LIMIT_MS
  let start: string | undefined
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    if (pages > 0 && now() > lastStartMs) return tooMany(`takes longer than ${LIMIT_MS / 1_000} s to read`)
    const body = await ask((client) => askForPage(client, query, start))
    if (typeof body !== 'string') return body
    // An empty body is a success to whoever sends; as a list it says nothing.
    const parsed = page.safeParse(body === '' ? undefined : JSON.parse(body))
    if (!parsed.success) return { kind: 'uncertain', error: 'the list of deliveries has an unknown form' }
    found.push(...(parsed.data.messages ?? []).map(described))
    start = parsed.data.next || undefined
    if (start === undefined) return found
  }
  return tooMany(`has more than ${MOST_PAGES * PAGE_SIZE} entries`)
}

function tooMany(what: string): TooMany {
  return { kind: 'too_many', error: `the list of deliveries ${what}` }
}

const ID_TYPES = { id: IdentifierType.Id, email: IdentifierType.Email, cio_id: IdentifierType.CioId } as const

function askForPage(client: APIClient, query: DeliveryQuery, start: string | undefined) {
  const options = {
    start_ts: query.createdFrom,
    end_ts: query.createdUntil,
    limit: PAGE_SIZE,
    ...(start !== undefined && { start }),
  }
  if ('transactionalMessageId' in query) {
    return client.getTransactionalMessageDeliveries(query.transactionalMessageId, options)
  }
  const { identifier, value } = query.person
  return client.getCustomerMessages(value, { ...options, idType: ID_TYPES[identifier] })
}

function described(message: Listed): FoundDelivery {
  const { id, email, cio_id } = message.customer_identifiers ?? {}
  const person = Object.entries({ id: id ?? message.customer_id, email, cio_id }).filter(([, value]) => value)
  return {
    deliveryId: message.id,
    person: Object.fromEntries(person),
    recipient: message.recipient || undefined,
    type: message.type ?? undefined,
    transactional: !message.campaign_id && !message.newsletter_id && !message.broadcast_id,
    transactionalMessageId: message.transactional_message_id || undefined,
    created: message.created,
  }
}
