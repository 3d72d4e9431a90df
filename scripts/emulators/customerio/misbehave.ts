import {
  type Answer,
  appRefused,
  html,
  json,
  rateLimited,
  sendRefused,
  TRACK_UNAUTHORIZED,
  v1Refused,
  v2Refused,
  v2TooLarge,
} from './answers.ts'
import type { ReceivedRequest, Route } from './context.ts'
import type { Fault, FaultOrders } from './faults.ts'
import { BATCH_BYTES } from './limits.ts'

/** How a request ends on the wire. */
export type Ending =
  | { readonly end: 'answer'; readonly answer: Answer }
  | { readonly end: 'cut'; readonly answer: Answer }
  | { readonly end: 'reset' }
  | { readonly end: 'hang' }

/** Does a request for real; with `refusesItem` some items of a batch are refused on the way. */
export type Process = (refusesItem?: ReceivedRequest['refusesItem']) => Answer

const answered = (answer: Answer): Ending => ({ end: 'answer', answer })

/** Follows an order: what the request comes to instead of its answer, and whether it takes effect. */
export function misbehave(fault: Fault, route: Route, orders: FaultOrders, process: Process): Ending {
  switch (fault.do) {
    case 'delay':
      return answered(process())
    case 'answer':
      if (fault.processed) process()
      return answered({
        status: fault.status,
        body: fault.body,
        contentType: fault.contentType,
        headers: fault.headers,
      })
    case 'html':
      if (fault.processed) process()
      return answered(html(fault.status, 'The server encountered a temporary error'))
    case 'reset':
      if (fault.processed) process()
      return { end: 'reset' }
    case 'hang':
      if (fault.processed) process()
      return { end: 'hang' }
    case 'cut':
      return { end: 'cut', answer: process() }
    case 'refuse_items':
      return answered(process(orders.itemRefusal(fault)))
    case 'refuse':
      return answered(refusal(route, fault.message))
    case 'too_large':
      return answered(
        route.kind === 'send' ? sendRefused(413, 'Payload size exceeds the limit') : v2TooLarge(BATCH_BYTES),
      )
    case 'rate_limit':
      return answered(rateLimited(fault.retryAfterSeconds))
    case 'unauthorized':
      return answered(unauthorized(route))
  }
}

/** The 400 of each API in its own shape. */
function refusal(route: Route, message: string): Answer {
  if (route.name.startsWith('v2/')) return v2Refused([{ reason: 'invalid', field: 'batch', message }])
  if (route.name.startsWith('v1/')) return v1Refused([message])
  return route.kind === 'send' ? sendRefused(400, message) : appRefused(400, message)
}

/** Both APIs say the same, Track with a `WWW-Authenticate` header. */
export function unauthorized(route: Route): Answer {
  return route.credentials === 'track' ? TRACK_UNAUTHORIZED : json(401, { meta: { error: 'Unauthorized request' } })
}
