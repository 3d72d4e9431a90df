import { type Answer, appRefused, json } from '../answers.ts'
import type { Context, ReceivedRequest, Route } from '../context.ts'
import type { JsonObject } from '../json.ts'
import type { Identifier } from '../track/operations.ts'
import type { Send } from '../workspace/sends.ts'

const PAGE = 50
const LARGEST_PAGE = 1_000

/** Customer.io's names of the channels, where they are others than those of the sends. */
const TYPES: Readonly<Partial<Record<Send['channel'], string>>> = { sms: 'twilio', inbox_message: 'in_app' }
const typeOf = ({ channel }: Send): string => TYPES[channel] ?? channel

/** A send as the look-ups show it. Nothing in it comes from the caller but person, template and recipient. */
function describe(send: Send, { workspace }: Context): JsonObject {
  const created = Math.floor(send.createdAtMs / 1000)
  const person = workspace.people.find(send.who)
  const given = { id: null, email: null, cio_id: null, [send.who.kind]: send.who.value }
  const { id, email, cio_id } = { ...given, ...person?.identifiers }
  const identifiers = { id, email, cio_id }
  return {
    id: send.deliveryId,
    deduplicate_id: `${send.deliveryId}:${created}`,
    customer_id: identifiers.id,
    ...(identifiers.cio_id !== null && { customer_identifiers: identifiers }),
    ...(send.recipient !== null && { recipient: send.recipient }),
    ...(send.subject !== null && { subject: send.subject }),
    metrics: { created, sent: created },
    created,
    failure_message: null,
    newsletter_id: null,
    campaign_id: null,
    broadcast_id: null,
    trigger_event_id: null,
    type: typeOf(send),
    forgotten: false,
  }
}

const isVisible = (send: Send, context: Context) => send.createdAtMs + context.deliveryDelayMs <= context.now()

/** A whole number from the query, the default where it is absent, undefined where it is no number. */
function numberAt(query: URLSearchParams, name: string, absent: number): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return absent
  return /^\d+$/.test(text) ? Number(text) : undefined
}

/**
 * One page, newest first, of the sends that can be seen already and fit the filters: times of creation in unix seconds,
 * both ends included, and a metric that the delivery has.
 */
function page(request: ReceivedRequest, context: Context, fits: (send: Send) => boolean): Answer {
  const { query } = request
  const from = numberAt(query, 'start_ts', 0)
  const to = numberAt(query, 'end_ts', Number.MAX_SAFE_INTEGER)
  const limit = numberAt(query, 'limit', PAGE)
  const offset = numberAt(query, 'start', 0)
  if (from === undefined || to === undefined || limit === undefined || offset === undefined) {
    return appRefused(400, 'invalid parameter')
  }
  const metric = query.get('metric')
  const found = context.workspace.sends
    .filter((send) => {
      const created = Math.floor(send.createdAtMs / 1000)
      return fits(send) && created >= from && created <= to && isVisible(send, context)
    })
    .reverse()
    .filter(() => metric === null || metric === 'created' || metric === 'sent')
  const end = offset + Math.min(Math.max(limit, 1), LARGEST_PAGE)
  const messages = found.slice(offset, end).map((send) => describe(send, context))
  return json(200, { messages, next: end < found.length ? String(end) : '' })
}

function ofTemplate(request: ReceivedRequest, context: Context): Answer {
  const id = request.params[0] ?? ''
  if (!/^\d+$/.test(id)) return appRefused(404, 'transactional message not found')
  return page(request, context, (send) => send.transactionalMessageId === Number(id))
}

/** The person that a path and its `id_type` name; undefined for a type that this workspace does not use. */
export function personIn({ query, params }: ReceivedRequest, { workspace }: Context): Identifier | undefined {
  const type = query.get('id_type') ?? 'id'
  const kind = (['id', 'cio_id', ...workspace.identifiers] as const).find((candidate) => candidate === type)
  return kind && { kind, value: params[0] ?? '' }
}

function ofPerson(request: ReceivedRequest, context: Context): Answer {
  const wanted = personIn(request, context)
  if (wanted === undefined) return appRefused(400, 'id_type is not an identifier of this workspace')
  const { people } = context.workspace
  const person = people.find(wanted)
  if (person === undefined) return appRefused(404, 'customer not found')
  return page(request, context, (send) => people.find(send.who) === person)
}

function all(request: ReceivedRequest, context: Context): Answer {
  const template = request.query.get('transactional_id')
  const type = request.query.get('type')
  return page(
    request,
    context,
    (send) =>
      (template === null || String(send.transactionalMessageId) === template) &&
      (type === null || typeOf(send) === type),
  )
}

function one(request: ReceivedRequest, context: Context): Answer {
  const send = context.workspace.sends.find(({ deliveryId }) => deliveryId === request.params[0])
  if (send === undefined || !isVisible(send, context)) return appRefused(404, 'message not found')
  return json(200, { message: describe(send, context) })
}

const lookup = { method: 'GET', kind: 'lookup', credentials: 'app', budget: 'app' } as const

export const DELIVERY_ROUTES: readonly Route[] = [
  { ...lookup, path: '/v1/transactional/:id/messages', name: 'transactional/messages', handle: ofTemplate },
  { ...lookup, path: '/v1/customers/:id/messages', name: 'customers/messages', handle: ofPerson },
  { ...lookup, path: '/v1/messages', name: 'messages', handle: all },
  { ...lookup, path: '/v1/messages/:id', name: 'messages/one', handle: one },
]
