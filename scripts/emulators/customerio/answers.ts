import { APP_REQUESTS_PER_SECOND } from './limits.ts'

/** What goes back over the wire. */
export interface Answer {
  readonly status: number
  readonly body: string
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string>>
}

/** One refused operation. In a 207 `batch_index` says which. */
export interface ItemError {
  readonly batch_index?: number
  readonly reason: string
  readonly field: string
  readonly message: string
}

export function json(status: number, body: unknown, headers?: Readonly<Record<string, string>>): Answer {
  return { status, body: `${JSON.stringify(body)}\n`, contentType: 'application/json', ...(headers && { headers }) }
}

/** Track's success: an empty object and a line feed, three bytes. */
export const OK: Answer = json(200, {})

export const NO_CONTENT: Answer = { status: 204, body: '', contentType: 'application/json' }

export const TRACK_UNAUTHORIZED: Answer = json(
  401,
  { meta: { error: 'Unauthorized request' } },
  { 'WWW-Authenticate': 'Basic realm="Customer.io edge event collection"' },
)

/** A path or method that neither API has. */
export const NO_SUCH_PATH: Answer = html(404, "The page you were looking for doesn't exist (404)")

export function v1Refused(messages: readonly string[]): Answer {
  return json(400, { meta: { errors: messages } })
}

export function v1MergeRefused(message: string): Answer {
  return json(400, { meta: { error: message } })
}

/** The whole request was refused: none of its operations was looked at. */
export function v2Refused(errors: readonly ItemError[]): Answer {
  return json(400, { errors })
}

/** Those items were refused, all others were accepted. */
export function v2PartlyRefused(errors: readonly ItemError[]): Answer {
  return json(207, { errors })
}

/** The body that Track sends with 413 is not documented; this one has the shape of its other refusals. */
export function v2TooLarge(limitBytes: number): Answer {
  return json(413, {
    errors: [{ reason: 'invalid', field: '', message: `request is larger than ${limitBytes} bytes` }],
  })
}

/** 400, 403, 404 and 413 of `/v1/send/*`. */
export function sendRefused(status: 400 | 403 | 404 | 413, error: string): Answer {
  return json(status, { meta: { error } })
}

export function appRefused(status: 400 | 404 | 422, detail: string, pointer?: string): Answer {
  return json(status, { errors: [{ detail, ...(pointer && { source: { pointer } }), status: String(status) }] })
}

/** Without `retryAfterSeconds` it is the answer to a quota that one second does not refill. */
export function rateLimited(retryAfterSeconds?: number, perSecond: number = APP_REQUESTS_PER_SECOND): Answer {
  const body = {
    errors: [{ detail: `rate limited to ${perSecond} requests per 1s (reference 0a1b2c)`, status: '429' }],
  }
  return json(429, body, retryAfterSeconds === undefined ? undefined : { 'Retry-After': String(retryAfterSeconds) })
}

/** What a load balancer or a web server answers in place of the API: no JSON. */
export function html(status: number, title: string): Answer {
  const body = `<!DOCTYPE html>\n<html>\n<head>\n  <title>${title}</title>\n  <meta name="viewport" content="width=device-width">\n</head>\n<body>\n  <div class="dialog"><h1>${title}</h1></div>\n</body>\n</html>\n`
  return { status, body, contentType: 'text/html; charset=utf-8' }
}
