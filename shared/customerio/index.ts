export { type DeliveryQuery, type FoundDelivery, PERSON_IDENTIFIERS, type PersonIdentifier } from './deliveries.ts'
export { logRequests } from './log-requests.ts'
export { type Carried, CustomerIOService } from './service.ts'
