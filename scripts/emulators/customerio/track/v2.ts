import { type Answer, OK, v2PartlyRefused, v2Refused, v2TooLarge } from '../answers.ts'
import type { Context, ReceivedRequest, Route } from '../context.ts'
import { bytesOf, isObject, parseBody } from '../json.ts'
import { BATCH_BYTES, ENTITY_KB } from '../limits.ts'
import { parseOperation } from './operations.ts'
import { receive } from './receive.ts'

const malformed = (field: string, message: string) => v2Refused([{ reason: 'invalid', field, message }])

function entity(request: ReceivedRequest, context: Context): Answer {
  const limitBytes = entityBytes(context)
  if (request.body.length > limitBytes) return v2TooLarge(limitBytes)
  if (context.store === 'count') {
    context.statistics.operations(1, 0)
    return OK
  }
  const item = parseBody(request.body)
  if (!isObject(item)) return malformed('', 'body is not a JSON object')
  const [error] = receive([item], request, context)
  if (error === undefined) return OK
  const { batch_index: _index, ...refusal } = error
  return v2Refused([refusal])
}

function batch(request: ReceivedRequest, context: Context): Answer {
  if (request.body.length > BATCH_BYTES) return v2TooLarge(BATCH_BYTES)
  const body = parseBody(request.body)
  if (!isObject(body) || !Array.isArray(body.batch))
    return malformed('batch', 'body is not an object with a batch array')
  const items: readonly unknown[] = body.batch
  if (items.length === 0) return malformed('batch', 'batch must not be empty')
  const { batchItems = Number.POSITIVE_INFINITY, partlyBad } = context.behaviour
  if (items.length > batchItems) return malformed('batch', `batch must not have more than ${batchItems} operations`)
  context.statistics.batch(items.length)
  if (context.store === 'count') {
    context.statistics.operations(items.length, 0)
    return OK
  }
  const judged = withItemLimit(request, entityBytes(context))
  if (!partlyBad.appliesGood && isPartlyBad(items, judged)) return malformed('batch', 'an operation is not valid')
  const errors = receive(items, judged, context)
  if (errors.length === 0) return OK
  const shown = errors.map(({ batch_index, ...error }) => (partlyBad.namesItems ? { batch_index, ...error } : error))
  return { ...v2PartlyRefused(shown), status: partlyBad.status }
}

const entityBytes = ({ behaviour }: Context) => ENTITY_KB * behaviour.kilobyte

function isPartlyBad(items: readonly unknown[], { refusesItem }: ReceivedRequest): boolean {
  return items.some((item, index) => refusesItem?.(index, item) !== undefined || !parseOperation(item).ok)
}

/** Items are measured only where one could be too large at all. */
function withItemLimit(request: ReceivedRequest, limitBytes: number): ReceivedRequest {
  if (request.body.length <= limitBytes) return request
  return {
    ...request,
    refusesItem: (index, item) => {
      if (bytesOf(JSON.stringify(item)) > limitBytes) {
        return { reason: 'invalid', field: '', message: `operation is larger than ${limitBytes} bytes` }
      }
      return request.refusesItem?.(index, item)
    },
  }
}

const route = { method: 'POST', credentials: 'track', budget: 'track' } as const

export const V2_ROUTES: readonly Route[] = [
  { ...route, path: '/api/v2/batch', name: 'v2/batch', kind: 'batch', handle: batch },
  { ...route, path: '/api/v2/entity', name: 'v2/entity', kind: 'track', handle: entity },
]
