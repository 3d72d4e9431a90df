/** What makes sending again safe: keys, event ids and times that stay the same on every delivery and replay. */
export { originalPublishTime, tellsOlderTime, withDefaults } from './defaults.ts'
export { messageKey, recordedKey } from './message-key.ts'
export { type Keyed, parseKeyed } from './parse-keyed.ts'
export { SeenEvents } from './seen-events.ts'
