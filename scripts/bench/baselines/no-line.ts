import type { logMessage as recorded } from '../../../shared/delivery/message-line.ts'

/** No line per message at all. */
export const logMessage: typeof recorded = () => {}
