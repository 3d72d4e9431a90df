/** What functions are put together from. */
export { runWithoutDomains } from './domains.ts'
export { configured, register } from './register.ts'
export { createTrackApiFunction, parseKeyed, type TrackApiFunction } from './track-api.ts'
