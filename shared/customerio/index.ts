export { type DeliveryQuery, type FoundDelivery, PERSON_IDENTIFIERS, type PersonIdentifier } from './deliveries.ts'
export { logRequests } from './log-requests.ts'
export { personKey } from './person-keys.ts'
export { type Carried, CustomerIOService } from './service.ts'
