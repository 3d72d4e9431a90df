/**
 * Customer.io's documented limits. Sizes are bytes of UTF-8. Where the documents say kB or MB without saying whether
 * that is 1,000 or 1,024, the smaller is meant, so that what passes here passes there.
 */
export const PERSON_ID_BYTES = 150
export const ATTRIBUTE_NAME_BYTES = 150
export const ATTRIBUTE_VALUE_BYTES = 1_000
export const ATTRIBUTES_PER_PERSON = 300
export const EVENT_NAME_BYTES = 100
export const V1_EVENT_DATA_BYTES = 100_000
export const ENTITY_KB = 32
export const BATCH_BYTES = 500_000

export const SEND_PAYLOAD_BYTES = 1_000_000
export const ATTACHMENTS_BYTES = 2_000_000
export const RECIPIENTS_PER_SEND = 15
export const SEND_AT_DAYS_AHEAD = 90

/** App API calls other than sends and broadcasts. */
export const APP_REQUESTS_PER_SECOND = 10
export const BROADCAST_INTERVAL_MS = 10_000
export const BROADCASTS_QUEUED = 5
export const BROADCAST_USERS = 10_000
