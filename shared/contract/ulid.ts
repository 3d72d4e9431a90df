/**
 * Crockford's base 32, 26 characters; the first is at most 7, or the 130 bits would not fit into 128.
 * Both cases are spelt out, because a JSON Schema pattern has no flags.
 */
export const ULID_PATTERN = /^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$/

/** Whether a text is a ULID, in upper or lower case. */
export function isUlid(text: string): boolean {
  return ULID_PATTERN.test(text)
}
