import { type Answer, appRefused, json, rateLimited } from '../answers.ts'
import type { Context, ReceivedRequest, Route } from '../context.ts'
import { isObject, type JsonObject, parseBody } from '../json.ts'
import { BROADCAST_INTERVAL_MS, BROADCAST_USERS } from '../limits.ts'

/** The ways to say who receives a broadcast; without any it goes to its configured audience. */
const AUDIENCES = ['recipients', 'ids', 'emails', 'per_user_data', 'data_file_url'] as const

function refusalOf(body: JsonObject): Answer | undefined {
  const given = AUDIENCES.filter((field) => body[field] !== undefined)
  if (given.length > 1) return appRefused(422, `only one of ${AUDIENCES.join(', ')} can be given`)
  if (body.data !== undefined && !isObject(body.data))
    return appRefused(422, 'data must be an object', '/data/attributes/data')
  const [audience] = given
  if (audience !== 'ids' && audience !== 'emails' && audience !== 'per_user_data') return undefined
  const pointer = `/data/attributes/${audience}`
  const people: unknown = body[audience]
  if (!Array.isArray(people)) return appRefused(422, `${audience} must be an array`, pointer)
  if (people.length > BROADCAST_USERS) return appRefused(422, `cannot have more than ${BROADCAST_USERS} users`, pointer)
  const named = (user: unknown) => isObject(user) && (typeof user.id === 'string' || typeof user.email === 'string')
  if (audience === 'per_user_data' && !people.every(named)) {
    return appRefused(422, 'Errors were found while processing per user data (ids, emails or json data)', pointer)
  }
  return undefined
}

function trigger(request: ReceivedRequest, context: Context): Answer {
  const { workspace, statistics } = context
  const broadcastId = request.params[0] ?? ''
  const body = parseBody(request.body)
  if (!isObject(body)) return appRefused(422, 'body is not a JSON object')
  if (!/^\d+$/.test(broadcastId)) return appRefused(404, 'broadcast not found')
  const refusal = refusalOf(body)
  if (refusal !== undefined) return refusal
  if (!context.broadcasts.take(broadcastId)) return rateLimited(BROADCAST_INTERVAL_MS / 1000)
  const receivedAtMs = context.now()
  const id = workspace.broadcasts.length + 1
  workspace.trigger({ id, broadcastId, createdAtMs: receivedAtMs, body })
  statistics.broadcast()
  if (context.store === 'all') {
    context.inbox.add({
      kind: 'broadcast',
      endpoint: request.endpoint,
      receivedAtMs,
      body: { broadcast_id: broadcastId, ...body },
      result: 'applied',
    })
  }
  return json(200, { id })
}

export const BROADCAST_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/campaigns/:id/triggers',
    name: 'broadcast',
    kind: 'broadcast',
    credentials: 'app',
    budget: 'none',
    handle: trigger,
  },
]
