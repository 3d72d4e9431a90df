import { isRecord } from '../json/index.ts'
import type { CallOutcome, Refused } from '../outcome/index.ts'
import type { Answer } from './transport.ts'

/** Whose answers apply: a v2 batch, `/v1/send/*`, a broadcast's trigger, or a list that only reads. */
export type Endpoint = 'batch' | 'send' | 'broadcast' | 'look_up'

/** What a v2 batch's answer says of its items. */
export type BatchOutcome =
  /** Each item has its own outcome, in the order in which they were sent. */
  | { readonly kind: 'perItem'; readonly outcomes: CallOutcome[] }
  /** The request as a whole was refused, which says nothing of any single item: it has to be divided. */
  | { readonly kind: 'refusedWhole'; readonly outcome: Refused }

/** Longest text of Customer.io's that is kept, in characters: enough for a person, short enough for an attribute. */
const ERROR_LENGTH_LIMIT = 1_000

/** What an answer that does not speak of the message asks to be looked at. */
const CONFIGURATION_ERRORS: Readonly<Record<number, string>> = {
  401: 'the credentials are refused',
  402: 'the account has to be paid for',
  403: 'the plan or the credentials do not allow this',
  404: 'it does not have this path',
}

/**
 * Decides what one answer means for one message. Pure.
 *
 * - 2xx: delivered.
 * - 400, 413 and, for a broadcast, 422; a 403 of `/send` that names a file type; and a 404 of the App API in its own shape,
 *   which knows no such template, broadcast or person: refused, no retry can help.
 * - 429, and no connection, in time or at all: retry; it was certainly not processed.
 * - 401, 402, other 403, other 404 (a path that does not exist is answered with a web page), 3xx, no request: retry, caused
 *   by our configuration; they never speak of the message. Their words are ours, since they reach the log.
 * - 408, 5xx, and over a connection a timeout, reset, cut-off or unparsable answer: uncertain; it may have been processed.
 */
export function classify(endpoint: Endpoint, answer: Answer, now: () => number): CallOutcome {
  if (answer.kind === 'no_request') {
    const error = 'no request could be made: does the address or a credential hold characters that do not belong there?'
    return { kind: 'retry', cause: 'configuration', error }
  }
  if (answer.kind === 'no_connection') {
    const error = `no connection to Customer.io (${answer.code})`
    return { kind: 'retry', cause: 'transient', reason: 'no_connection', error }
  }
  if (answer.kind === 'no_answer') {
    return { kind: 'uncertain', reason: 'no_answer', error: `no complete answer from Customer.io (${answer.code})` }
  }
  const { status } = answer
  const json = parseObject(answer.body)
  if (status >= 200 && status < 300) {
    if (json === undefined) {
      return { kind: 'uncertain', reason: 'no_answer', error: `answer ${status} is not JSON`, httpStatus: status }
    }
    const deliveryId = json.delivery_id
    return { kind: 'delivered', ...(typeof deliveryId === 'string' && { deliveryId }) }
  }
  const error = `Customer.io answered ${status}: ${serverWords(json)}`.slice(0, ERROR_LENGTH_LIMIT)
  if (refusesContent(endpoint, status, error, json))
    return { kind: 'refused', reason: 'refused', error, httpStatus: status }
  if (status === 429) {
    const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], now())
    return {
      kind: 'retry',
      cause: 'transient',
      reason: 'throttled',
      error,
      httpStatus: status,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    }
  }
  if (status === 408 || status >= 500) {
    const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], now())
    return {
      kind: 'uncertain',
      reason: 'server_error',
      error,
      httpStatus: status,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    }
  }
  return { kind: 'retry', cause: 'configuration', error: configurationError(status), httpStatus: status }
}

function configurationError(status: number): string {
  const meaning = CONFIGURATION_ERRORS[status] ?? 'is this its address?'
  return `Customer.io answered ${status}: ${meaning}`
}

/**
 * Decides what the answer to a v2 batch of `size` items means for each of them. Pure.
 * A 207 names the refused items by `batch_index`; if an entry names no item of the batch, the whole batch counts as refused.
 */
export function classifyBatch(size: number, answer: Answer, now: () => number): BatchOutcome {
  const outcome = classify('batch', answer, now)
  if (outcome.kind === 'refused') {
    return size === 1 ? perItem(size, outcome) : { kind: 'refusedWhole', outcome }
  }
  if (outcome.kind !== 'delivered' || answer.kind !== 'response') return perItem(size, outcome)
  const errors = parseObject(answer.body)?.errors
  if (errors === undefined || errors === null) return perItem(size, outcome)
  return itemOutcomes(size, Array.isArray(errors) ? errors : [errors], answer.status)
}

function itemOutcomes(size: number, errors: readonly unknown[], status: number): BatchOutcome {
  const outcomes: CallOutcome[] = Array.from({ length: size }, () => ({ kind: 'delivered' }))
  for (const entry of errors) {
    const refused: Refused = {
      kind: 'refused',
      reason: 'refused',
      error: `Customer.io refused the item: ${itemWords(entry)}`.slice(0, ERROR_LENGTH_LIMIT),
      httpStatus: status,
    }
    const index = size === 1 ? 0 : isRecord(entry) ? entry.batch_index : undefined
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= size) {
      return { kind: 'refusedWhole', outcome: refused }
    }
    outcomes[index] = refused
  }
  return { kind: 'perItem', outcomes }
}

/** For work that may be repeated without harm, "perhaps done" is simply "do it again". */
export function retryIfUncertain(outcome: CallOutcome): Exclude<CallOutcome, { kind: 'uncertain' }> {
  return outcome.kind === 'uncertain' ? { ...outcome, kind: 'retry', cause: 'transient' } : outcome
}

function perItem(size: number, outcome: CallOutcome): BatchOutcome {
  return { kind: 'perItem', outcomes: Array.from({ length: size }, () => outcome) }
}

function refusesContent(
  endpoint: Endpoint,
  status: number,
  error: string,
  json: Record<string, unknown> | undefined,
): boolean {
  if (status === 404) return endpoint !== 'batch' && json !== undefined && ownWords(json) !== undefined
  if (status === 400 || status === 413) return true
  if (status === 422) return endpoint === 'broadcast'
  // The only 403 that is about the message: every other one is about the plan or the credentials.
  return status === 403 && endpoint === 'send' && /file type/i.test(error)
}

/** `Retry-After` in milliseconds: seconds, or an HTTP date. Undefined when absent or unreadable (a daily quota sends none). */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header.trim() === '') return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1_000)
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
}

function serverWords(json: Record<string, unknown> | undefined): string {
  return json === undefined ? 'a body that is no JSON object' : (ownWords(json) ?? 'no reason given')
}

/** Customer.io's own words, whichever of its error shapes it used (v1, v2, App or JSON:API); undefined in every other shape. */
function ownWords(json: Record<string, unknown>): string | undefined {
  const meta = isRecord(json.meta) ? json.meta : {}
  if (typeof meta.error === 'string') return meta.error
  const errors = Array.isArray(meta.errors) ? meta.errors : Array.isArray(json.errors) ? json.errors : []
  return errors.length === 0 ? undefined : errors.map(itemWords).join('; ')
}

/** One error of any shape: a string, `{reason, field, message}` or `{detail, source, status}`. */
function itemWords(entry: unknown): string {
  if (typeof entry === 'string') return entry
  if (!isRecord(entry)) return 'no reason given'
  const words = [entry.field, entry.reason, entry.message ?? entry.detail]
  return words.filter((word) => typeof word === 'string' && word !== '').join(': ') || 'no reason given'
}

function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    // An empty 2xx body is a success without detail; the SDK reads it so, too.
    const value: unknown = body === '' ? {} : JSON.parse(body)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}
