/** What a reporting webhook says: when, about whom, and what that person may be sent. Everybody reads webhooks here. */
export { arrivalOf } from './arrival.ts'
export { type Change, CONSENT_METRICS, type Consent, readConsent } from './consent.ts'
export { type DatedEvent, type Event, eventIdOf, isTooComplex, parseEvent, type QuarantineReason } from './event.ts'
export { mailboxOf, type PersonNamed, personNamed, recipientsOf } from './person.ts'
export { CHANNELS, type Channel } from './preferences.ts'
