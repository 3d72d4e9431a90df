import type { IncomingMessage } from 'node:http'
import { type Clock, TimeoutError, withTimeout } from '../../shared/clock/index.ts'
import { MEMORY_PER_BODY_BYTE, parsedMemory } from '../../shared/config/index.ts'
import { codeOf, safeErrorName } from '../../shared/errors/index.ts'
import { complexityOf } from '../../shared/json/index.ts'
import type { Log, LogFields } from '../../shared/logging/index.ts'
import { type Body, createBodyReader, headerOf, type RequestHandler } from '../../shared/runtime/index.ts'
import type { Secret } from '../../shared/secrets/index.ts'
import {
  type CustomerIOWebhookHandler,
  isTooOld,
  parseKeyRing,
  readClaim,
  type SignatureClaim,
  verifyWebhook,
  webhookMessageOf,
} from '../../shared/webhooks/index.ts'
import type { Publish } from './publish.ts'

export interface WebhookHandlerOptions {
  readonly signingKeys: Secret
  readonly publish: Publish
  readonly webhooks: CustomerIOWebhookHandler
  readonly log: Log
  readonly clock: Clock
  readonly maxAgeSeconds: number | undefined
  readonly maxBodyBytes: number
  /** Bytes of memory for the bodies that are held, all together. */
  readonly bodyMemoryBytes: number
  /** From the arrival of the request until the publish must be certain. */
  readonly publishTimeoutMs: number
}

/** Customer.io wants the whole answer within 4 s of its request; what its network takes is not ours. */
const ANSWER_WITHIN_MS = 3_500

/**
 * How long a webhook that no known key explains waits for a read of the keys that begins after its arrival. Longer than
 * the interval between such reads, so that in a flood of forged webhooks every one still gets its turn, and its 401.
 */
const KEYS_WAIT_MS = 1_000

type Answer = 204 | 401 | 405 | 408 | 413 | 503
interface Decision extends Partial<LogFields> {
  readonly answer: Answer
  readonly message: string
  readonly severity: 'info' | 'warning' | 'error'
}

/**
 * Answers Customer.io's reporting webhooks. A failing answer holds up every later webhook, most of them for an hour:
 *
 * - 204 for whatever Customer.io signed, once Pub/Sub has it: understood, quarantined or truncated
 * - 401 for what it did not sign, after a fresh read of the keys
 * - 503 when the trouble is ours: keys not configured or not readable, publish failed or too slow, no memory left
 * - 405, 408 and 413 for what cannot be Customer.io: no POST, still sending when Customer.io has given up, far too large
 */
export function createWebhookHandler(options: WebhookHandlerOptions): RequestHandler {
  const { signingKeys, publish, webhooks, log, clock } = options
  const { now } = clock
  const bodies = createBodyReader({
    clock,
    budgetBytes: options.bodyMemoryBytes,
    memoryPerByte: MEMORY_PER_BODY_BYTE,
    maxBytes: options.maxBodyBytes,
    // Anybody can call the function, and announce what never comes.
    reservesAhead: false,
  })

  async function decide(request: IncomingMessage, receivedAtMs: number): Promise<Decision | undefined> {
    if (request.method !== 'POST') return refused(405, 'method')
    const claim = readClaim(request.headers)
    if (typeof claim === 'string') return refused(401, claim)
    const body = await bodies.read(request, receivedAtMs + ANSWER_WITHIN_MS - now())
    if (body === 'aborted') return undefined
    if (body === 'too_slow') return refused(408, body)
    if (body === 'too_large') return refused(413, body)
    if (body === 'no_room') return noRoom
    try {
      return await decideOn(body, claim, request, receivedAtMs)
    } finally {
      body.hold.release()
    }
  }

  async function decideOn(
    { bytes: body, hold }: Body,
    claim: SignatureClaim,
    request: IncomingMessage,
    receivedAtMs: number,
  ): Promise<Decision> {
    const known = await signingKeys.current()
    const verification = explains(known, claim, body) ? 'authentic' : await verifyWithFreshKeys(known, claim, body)
    if (verification === 'not_configured') return ours('the signing keys are not configured', verification)
    if (verification === 'keys_unreadable') return ours('the signing keys could not be read again', verification)
    if (verification !== 'authentic') return refused(401, verification)
    if (isTooOld(claim, options.maxAgeSeconds, receivedAtMs)) return refused(401, 'too_old')

    if (!hold.take(parsedMemory(complexityOf(body).listsAndObjects))) return noRoom
    const traceparent = headerOf(request, 'traceparent')
    const signatureTimestamp = claim.timestamp
    const { message, event } = webhookMessageOf({ body, signatureTimestamp, receivedAtMs, traceparent })
    const { object_type, metric, event_id, quarantine, truncated } = message.attributes
    const about = {
      ...(object_type !== undefined && { objectType: object_type }),
      ...(metric !== undefined && { metric }),
      ...(event_id !== undefined && { eventId: event_id }),
      ...(message.attributes.traceparent !== undefined && { trace: message.attributes.traceparent }),
    }
    // A publish that succeeds after its time is harmless: the retry carries the same event_id.
    const failure = await failureWithin(clock, publish(message), receivedAtMs + options.publishTimeoutMs - now())
    if (failure !== undefined)
      return { ...ours('could not publish the webhook', 'publish_failed'), error: failure, ...about }

    if (event !== undefined) await webhooks.dispatch(event, receivedAtMs + ANSWER_WITHIN_MS - now())
    if (quarantine !== undefined) return accepted('quarantined', { reason: quarantine, ...about })
    return accepted(truncated === undefined ? 'published' : 'truncated', about)
  }

  /** What a webhook is that the keys `known` so far do not explain. */
  async function verifyWithFreshKeys(
    known: string | undefined,
    claim: SignatureClaim,
    body: Buffer,
  ): Promise<'authentic' | 'wrong_signature' | 'not_configured' | 'keys_unreadable'> {
    const refresh = await signingKeys.refresh(KEYS_WAIT_MS)
    const fresh = await signingKeys.current()
    if (fresh !== known && explains(fresh, claim, body)) return 'authentic'
    if (refresh === 'failed' || refresh === 'limited') return 'keys_unreadable'
    return parseKeyRing(fresh ?? '').length === 0 ? 'not_configured' : 'wrong_signature'
  }

  return async (request, response) => {
    const receivedAtMs = now()
    const decision = await decide(request, receivedAtMs)
    // The sender went away, so nobody waits for an answer.
    if (decision === undefined) return
    // Who sends so slowly would otherwise go on, and hold the connection.
    if (decision.answer === 408) response.setHeader('Connection', 'close')
    const { message, severity, ...fields } = decision
    log[severity](message, { event: 'webhook', ...fields, latencyMs: now() - receivedAtMs })
    if (decision.answer === 405) response.setHeader('Allow', 'POST')
    response.writeHead(decision.answer).end()
  }
}

function explains(keyRing: string | undefined, claim: SignatureClaim, body: Buffer): boolean {
  return verifyWebhook(parseKeyRing(keyRing ?? ''), claim, body)
}

function accepted(outcome: string, fields: Omit<Partial<LogFields>, 'answer'>): Decision {
  return { answer: 204, message: 'webhook accepted', severity: 'info', outcome, ...fields }
}

function refused(answer: 401 | 405 | 408 | 413, reason: string): Decision {
  return { answer, message: 'webhook refused', severity: 'warning', outcome: 'refused', reason }
}

function ours(message: string, reason: string): Decision {
  return { answer: 503, message, severity: 'error', outcome: 'retry', reason }
}

const noRoom = ours('the webhooks that are held leave no memory for another', 'no_room')

/** What kept the work from ending in time: the name or code of its error, or `timeout`; undefined when nothing did. */
async function failureWithin(clock: Clock, work: Promise<unknown>, timeoutMs: number): Promise<string | undefined> {
  try {
    await withTimeout(clock, Math.max(0, timeoutMs), work)
    return undefined
  } catch (error) {
    return error instanceof TimeoutError ? 'timeout' : nameOf(error)
  }
}

/** The code of a system or gRPC error says what to repair. */
function nameOf(error: unknown): string {
  const code = codeOf(error)
  return code === undefined ? safeErrorName(error) : `${safeErrorName(error)} ${code}`
}
