import * as z from 'zod'
import { text } from './text.ts'
import { unixSeconds } from './time.ts'

/** A Pub/Sub attribute value holds at most this many bytes of UTF-8: https://cloud.google.com/pubsub/quotas. */
const ATTRIBUTE_VALUE_BYTES = 1_024

/** What `lane` may be. Any other value is taken as none: the message goes with the urgent ones. */
export const lane = z.enum(['bulk'])
export type Lane = z.infer<typeof lane>

/** `1763740000`, or an ISO-8601 date-time with its time zone. */
const expiresAt = z
  .string()
  .transform((moment) => (/^\d+(\.\d+)?$/.test(moment) ? Number(moment) : moment))
  .pipe(unixSeconds)

/**
 * After which moment a message is not to be sent any more, in unix seconds, by its attribute `expires_at`; or which rule that
 * breaks. An expiry that cannot be read must not count as none.
 */
export function expiryOf({
  expires_at: moment,
}: Readonly<Record<string, string>>):
  | { readonly ok: true; readonly seconds: number | undefined }
  | { readonly ok: false; readonly reason: 'contract'; readonly error: string } {
  if (moment === undefined) return { ok: true, seconds: undefined }
  const parsed = expiresAt.safeParse(moment)
  if (parsed.success) return { ok: true, seconds: parsed.data }
  const rule = parsed.error.issues[0]?.message ?? 'is not valid'
  return { ok: false, reason: 'contract', error: `attribute expires_at: ${rule}` }
}

/** The attributes of a Pub/Sub message that mean something here. All are optional, and others pass. */
export const messageAttributes = z.looseObject({
  idempotency_key: text(ATTRIBUTE_VALUE_BYTES).optional(),
  traceparent: z.string().optional(),
  lane: lane.optional(),
  expires_at: expiresAt.optional(),
})
