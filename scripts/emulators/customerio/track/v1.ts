import { type Answer, json, NO_CONTENT, OK, v1MergeRefused, v1Refused } from '../answers.ts'
import type { Context, ReceivedRequest, Route } from '../context.ts'
import { bytesOf, isObject, type JsonObject, parseBody } from '../json.ts'
import { V1_EVENT_DATA_BYTES } from '../limits.ts'
import { identifierOfShape } from '../workspace/people.ts'
import { receive } from './receive.ts'

/** Writes a v1 call as the v2 operation that means the same. */
type Translate = (body: JsonObject, params: readonly string[]) => JsonObject

function v1(
  translate: Translate,
  refuse: (message: string) => Answer = (message) => v1Refused([message]),
): Route['handle'] {
  return (request, context) => {
    const body = parseBody(request.body)
    if (!isObject(body)) return refuse('body is not a JSON object')
    if (context.store === 'count') {
      context.statistics.operations(1, 0)
      return OK
    }
    const [error] = receive([translate(body, request.params)], request, context)
    return error === undefined ? OK : refuse(error.message)
  }
}

const person = ([id = '']: readonly string[]) => {
  const { kind, value } = identifierOfShape(id)
  return { type: 'person', identifiers: { [kind]: value } }
}

function event(body: JsonObject, params: readonly string[]): JsonObject {
  const { name, data, type, id, timestamp } = body
  return {
    ...person(params),
    action: type === 'page' || type === 'screen' ? type : 'event',
    name,
    attributes: data,
    id,
    timestamp,
  }
}

function anonymousEvent(body: JsonObject): JsonObject {
  const { anonymous_id, name, data, id, timestamp } = body
  const identifiers = anonymous_id === undefined || anonymous_id === '' ? { anonymous_id: 'invite' } : { anonymous_id }
  return { type: 'person', identifiers, action: 'event', name, attributes: data, id, timestamp }
}

function withEventDataLimit(handle: Route['handle']): Route['handle'] {
  return (request, context) => {
    const body = parseBody(request.body)
    if (isObject(body) && bytesOf(JSON.stringify(body.data ?? {})) > V1_EVENT_DATA_BYTES) {
      return v1Refused([`event data cannot be larger than ${V1_EVENT_DATA_BYTES} bytes`])
    }
    return handle(request, context)
  }
}

function addDevice(body: JsonObject, params: readonly string[]): JsonObject {
  const { id: token, ...device } = isObject(body.device) ? body.device : {}
  return { ...person(params), action: 'add_device', device: { token, ...device } }
}

function deleteDevice(_body: JsonObject, params: readonly string[]): JsonObject {
  return { ...person(params), action: 'delete_device', device: { token: params[1] } }
}

/** What is acknowledged and kept in the inbox without further meaning here. */
function recorded(kind: string, done: Answer = OK): Route['handle'] {
  return (request: ReceivedRequest, context: Context) => {
    const body = parseBody(request.body)
    if (!isObject(body)) return v1Refused(['body is not a JSON object'])
    if (context.store === 'all') {
      context.inbox.add({ kind, endpoint: request.endpoint, receivedAtMs: context.now(), body, result: 'applied' })
    }
    return done
  }
}

/** Answers on either region's host which region the account is in: the way to find a wrong region. */
function region(_request: ReceivedRequest, { region }: Context): Answer {
  const url = region === 'eu' ? 'https://track-eu.customer.io' : 'https://track.customer.io'
  return json(200, { url, region, environment_id: 1 })
}

/** Needs no credentials: the delivery id is the secret. */
function unsubscribe(request: ReceivedRequest, context: Context): Answer {
  const body = parseBody(request.body)
  const send = context.workspace.sends.find(({ deliveryId }) => deliveryId === request.params[0])
  if (!isObject(body) || send === undefined) return v1Refused(['delivery not found'])
  const { kind, value } = send.who
  const attributes = { unsubscribed: body.unsubscribe !== false }
  receive([{ type: 'person', identifiers: { [kind]: value }, action: 'identify', attributes }], request, context)
  return OK
}

const track = { kind: 'track', credentials: 'track', budget: 'track' } as const
const customer = '/api/v1/customers/:id'

export const V1_ROUTES: readonly Route[] = [
  {
    ...track,
    method: 'PUT',
    path: customer,
    name: 'v1/identify',
    handle: v1((attributes, params) => ({ ...person(params), action: 'identify', attributes })),
  },
  {
    ...track,
    method: 'DELETE',
    path: customer,
    name: 'v1/delete',
    handle: v1((_body, params) => ({ ...person(params), action: 'delete' })),
  },
  {
    ...track,
    method: 'POST',
    path: `${customer}/suppress`,
    name: 'v1/suppress',
    handle: v1((_body, params) => ({ ...person(params), action: 'suppress' })),
  },
  {
    ...track,
    method: 'POST',
    path: `${customer}/unsuppress`,
    name: 'v1/unsuppress',
    handle: v1((_body, params) => ({ ...person(params), action: 'unsuppress' })),
  },
  { ...track, method: 'POST', path: `${customer}/events`, name: 'v1/event', handle: withEventDataLimit(v1(event)) },
  {
    ...track,
    method: 'POST',
    path: '/api/v1/events',
    name: 'v1/anonymous_event',
    handle: withEventDataLimit(v1(anonymousEvent)),
  },
  { ...track, method: 'PUT', path: `${customer}/devices`, name: 'v1/add_device', handle: v1(addDevice) },
  {
    ...track,
    method: 'DELETE',
    path: `${customer}/devices/:token`,
    name: 'v1/delete_device',
    handle: v1(deleteDevice),
  },
  {
    ...track,
    method: 'POST',
    path: '/api/v1/merge_customers',
    name: 'v1/merge',
    handle: v1(({ primary, secondary }) => ({ type: 'person', action: 'merge', primary, secondary }), v1MergeRefused),
  },
  { ...track, method: 'POST', path: '/api/v1/push/events', name: 'v1/push_event', handle: recorded('push_event') },
  { ...track, method: 'POST', path: '/api/v1/metrics', name: 'v1/metric', handle: recorded('metric') },
  {
    ...track,
    method: 'POST',
    path: '/api/v1/segments/:id/add_customers',
    name: 'v1/segment_add',
    handle: recorded('segment'),
  },
  {
    ...track,
    method: 'POST',
    path: '/api/v1/segments/:id/remove_customers',
    name: 'v1/segment_remove',
    handle: recorded('segment'),
  },
  { ...track, method: 'POST', path: '/api/v1/forms/:id/submit', name: 'v1/form', handle: recorded('form', NO_CONTENT) },
  { ...track, method: 'GET', path: '/api/v1/accounts/region', name: 'v1/region', kind: 'account', handle: region },
  {
    ...track,
    method: 'POST',
    path: '/unsubscribe/:delivery_id',
    name: 'unsubscribe',
    credentials: 'none',
    handle: unsubscribe,
  },
]
