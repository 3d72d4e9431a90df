export { type BatchVerdict, classify, classifyBatch, type Endpoint, parseRetryAfter } from './classify.ts'
export {
  type DeliveryQuery,
  type FoundDelivery,
  PERSON_IDENTIFIERS,
  type PersonIdentifier,
  type TooMany,
} from './deliveries.ts'
export type { LifecycleEvent, LifecycleEvents, LifecycleOperation, RequestEvent } from './lifecycle.ts'
export { logRequests } from './log-requests.ts'
export { type Operation, personKey, personKeys } from './person-keys.ts'
export {
  type AppApi,
  type Carried,
  CustomerIOService,
  type CustomerIOServiceOptions,
  type PersonIdentifiers,
  type PreparedSend,
  type TrackApi,
} from './service.ts'
export type { Answer } from './transport.ts'
