/** What every answer carries. */
export const COMMON_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const

/** The page runs its own script, speaks to its own server, and shows documents of it in frames. Nothing else. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Of JSON, should somebody open it as a page. */
export const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"

/** Of a message's HTML: no script, no form, no link that leaves the frame, an origin of its own. */
export function documentPolicy(remoteImages: boolean): string {
  const images = remoteImages ? 'data: https: http:' : 'data:'
  return [
    "default-src 'none'",
    `img-src ${images}`,
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
    'sandbox',
  ].join('; ')
}
