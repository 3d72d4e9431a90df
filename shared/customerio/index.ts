export { type DeliveryQuery, type FoundDelivery, PERSON_IDENTIFIERS, type PersonIdentifier } from './deliveries.ts'
export { logRequests } from './log-requests.ts'
export { CustomerIOService } from './service.ts'
export type { Carried } from './track-batches.ts'
