/** The bounds of identify and track by default: `BATCH_MAX_ITEMS` and `BATCH_MAX_IN_FLIGHT`. */
export const BATCH_OF_TRACK = { maxItems: 100, maxInFlight: 10 } as const
