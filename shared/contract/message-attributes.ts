import * as z from 'zod'
import { text } from './text.ts'

/** A Pub/Sub attribute value holds at most this many bytes of UTF-8: https://cloud.google.com/pubsub/quotas. */
const ATTRIBUTE_VALUE_BYTES = 1_024

/** What `lane` may be. Any other value is taken as none: the message goes with the urgent ones. */
export const lane = z.enum(['bulk'])
export type Lane = z.infer<typeof lane>

/** The attributes of a Pub/Sub message that mean something here. All are optional, and others pass. */
export const messageAttributes = z.looseObject({
  idempotency_key: text(ATTRIBUTE_VALUE_BYTES).optional(),
  traceparent: z.string().optional(),
  lane: lane.optional(),
})
