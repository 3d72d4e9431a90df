/** What makes sending again safe: keys, event ids and times that stay the same on every delivery and replay. */
export { isUlid } from '../contract/index.ts'
export { type Defaults, originalPublishTime, withDefaults } from './defaults.ts'
export { deriveEventId } from './event-id.ts'
export { type KeySource, type MessageKey, messageKey } from './message-key.ts'
