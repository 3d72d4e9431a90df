import { createHmac, timingSafeEqual } from 'node:crypto'

/** The headers of a reporting webhook, as Node lower-cases them. */
export const SIGNATURE_HEADER = 'x-cio-signature'
export const TIMESTAMP_HEADER = 'x-cio-timestamp'

/** Why a webhook does not count as Customer.io's. */
export type SignatureProblem =
  | 'no_signature' // a header is missing
  | 'malformed_signature' // a header has a form that Customer.io never sends
  | 'wrong_signature' // no key explains it
  | 'too_old' // signed by a key of ours, but longer ago than the configured limit

const SIGNATURE = /^[0-9a-f]{64}$/
/** Unix seconds. */
const TIMESTAMP = /^\d{1,12}$/

/** What the headers claim, before any key was tried. */
export interface SignatureClaim {
  /** As it came, since the signature is over its text. */
  readonly timestamp: string
  readonly signature: string
}

type Header = string | readonly string[] | undefined

/** Reads the two headers. What fails here cannot be explained by any key, so no key is tried and no body is read. */
export function readClaim(headers: Readonly<Record<string, Header>>): SignatureClaim | SignatureProblem {
  const timestamp = headers[TIMESTAMP_HEADER]
  const signature = headers[SIGNATURE_HEADER]
  if (timestamp === undefined || signature === undefined) return 'no_signature'
  if (typeof timestamp !== 'string' || !TIMESTAMP.test(timestamp)) return 'malformed_signature'
  if (typeof signature !== 'string' || !SIGNATURE.test(signature)) return 'malformed_signature'
  return { timestamp, signature }
}

/** The keys of a ring as it stands in its secret: one a line, the current one first. */
export function parseKeyRing(text: string): readonly string[] {
  const keys = text.split(/\r?\n/).map((line) => line.trim())
  return [...new Set(keys.filter((key) => key !== '' && key !== 'unset'))]
}

/**
 * Signs a webhook as Customer.io does: HMAC-SHA256 over `v0:<timestamp>:<body>`, in lower-case hex.
 * https://docs.customer.io/journeys/webhooks/#securely-verify-requests
 *
 * @param timestamp unix seconds, as the header will carry them
 * @param body the raw bytes: never JSON that was parsed and written again
 */
export function signWebhook(key: string, timestamp: string, body: Uint8Array): string {
  return digest(key, timestamp, body).toString('hex')
}

/** Whether one of the keys explains the claim. Takes the same time wherever signatures differ. */
export function verifyWebhook(keys: readonly string[], claim: SignatureClaim, body: Uint8Array): boolean {
  const claimed = Buffer.from(claim.signature, 'hex')
  return keys.some((key) => timingSafeEqual(digest(key, claim.timestamp, body), claimed))
}

/** Whether the signature was made longer ago than the limit. The time of a claim is only worth something once verified. */
export function isTooOld(claim: SignatureClaim, maxAgeSeconds: number | undefined, nowMs: number): boolean {
  return maxAgeSeconds !== undefined && nowMs / 1_000 - Number(claim.timestamp) > maxAgeSeconds
}

function digest(key: string, timestamp: string, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`v0:${timestamp}:`).update(body).digest()
}
