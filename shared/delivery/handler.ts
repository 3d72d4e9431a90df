import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock/index.ts'
import { BODY_TIMEOUT_MS, MEMORY_PER_BODY_BYTE, parsedMemory } from '../config/index.ts'
import { codeOf } from '../errors/index.ts'
import type { HashKeys } from '../identity/index.ts'
import { complexityOf } from '../json/index.ts'
import type { Log } from '../logging/index.ts'
import { isNotSent, type NotSent, type Outcome, type RefusalReason } from '../outcome/index.ts'
import {
  answerWithText,
  type Body,
  createBodyReader,
  type Host,
  headerOf,
  type RequestHandler,
  type UnreadReason,
} from '../runtime/index.ts'
import { bulkCopyOf, type Copy } from './bulk-lane.ts'
import { type Checks, runChecks } from './checks.ts'
import { type DeadLetter, deadLetterOf, type Failure } from './dead-letter.ts'
import { PUBSUB_LIMITS } from './limits.ts'
import { type About, type Ended, logMessage } from './message-line.ts'
import { LARGEST_PUSH_BYTES, pushBytes, type ReceivedMessage, unwrapPush } from './push.ts'

/** What a topic's message turned out to be. */
export type ParseResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: RefusalReason; readonly error: string }

/** How long a push may still be worked on. */
export interface PushTime {
  /** Milliseconds until Pub/Sub delivers the message again; 0 once the connection is closed, since nobody hears an answer. */
  untilRedeliveryMs(): number
}

/** What differs from function to function. */
export interface PushFunction<T> {
  /** Longer messages are refused by `parse`, unread. By default none is too long. */
  readonly maxMessageBytes?: number
  /** Reads the message by its contract. Must not throw. */
  parse(message: ReceivedMessage): ParseResult<T>
  /** Whether a message that keeps the contract is sent. Without, every one is. */
  readonly checks?: Checks<T>
  /**
   * What becomes of a message that is not to be sent, by the checks: `notSent`, unless an earlier attempt of it may have sent
   * it. By default `notSent`. Rejecting counts as a retry.
   */
  withhold?(notSent: NotSent, value: T, message: ReceivedMessage, time: PushTime): Promise<Outcome>
  /** Does the work. Rejecting counts as a retry. */
  deliver(value: T, message: ReceivedMessage, time: PushTime): Promise<Outcome>
}

/** Where dead letters go. Resolves when Pub/Sub has them, rejects when it is not certain of that. */
export interface DeadLetters {
  publish(deadLetter: DeadLetter): Promise<void>
}

/** Where messages wait without holding others up. Resolves when Pub/Sub has the copy, rejects when it is not certain of that. */
export interface BulkLane {
  publish(copy: Copy): Promise<void>
}

/** What the log tells of the messages of a topic besides their outcomes. */
interface MessageRecord<T> {
  readonly topic: string
  about?(value: T): About
  /** Whose keys hash the persons and the message's own key. Without, neither is recorded. */
  readonly hashKeys?: HashKeys
  keyOf?(message: ReceivedMessage): string | undefined
}

export interface PushHandlerOptions<T> {
  readonly work: PushFunction<T>
  readonly deadLetters: DeadLetters
  /** Of the topic that pushes here. Required where `deliver` gives outcomes that `mayMove`; without, they are answered 503. */
  readonly bulkLane?: BulkLane
  readonly record: MessageRecord<T>
  /** Of the subscription. Pub/Sub forwards on its own after the last one, without telling why. */
  readonly maxDeliveryAttempts: number
  /** Of the subscription. */
  readonly ackDeadlineMs: number
  /** Bytes of memory for the pushes that are held, all together. */
  readonly bodyMemoryBytes: number
  readonly log: Log
  readonly clock: Clock
  readonly caughtUp: Host['caughtUp']
}

/**
 * How many attempts before the last we dead-letter a message ourselves: Pub/Sub's count is approximate, and its own
 * forwarding makes a new message that has lost the old id and never had a reason.
 */
export const ATTEMPTS_KEPT_IN_RESERVE = 3

/**
 * Turns the work of a function into the handler of its push subscription. The steps of every message are in one order: parse,
 * the checks (expired, cancelled, guarded), deliver. Every message ends in exactly one outcome:
 *
 * - delivered: 204
 * - refused (it can never succeed), exhausted, expired, cancelled or guarded: published to the dead-letter topic with the
 *   reason, then 204
 * - guarded in an environment that drops: 204
 * - retry, or the dead letter could not be published: 503, so that Pub/Sub delivers it again
 * - retry, but it may move, and its copy is in the bulk lane: 202, which acknowledges it too. The copy has the outcome
 *
 * A push whose time is over, or whose connection is closed, before it is read is answered 503, and nothing is begun for it. One
 * whose time ends later is neither dead-lettered nor moved. Pub/Sub delivers the message again, and may have done so already.
 *
 * What is no push at all is answered 405 (not a POST), 400 (no Pub/Sub envelope), 413 (larger than any push) or 408 (still
 * being sent when its time is over); Pub/Sub itself sends none of these.
 */
export function createPushHandler<T>(options: PushHandlerOptions<T>): RequestHandler {
  const { work, deadLetters, record, log, clock } = options
  const bodies = createBodyReader({
    clock,
    budgetBytes: options.bodyMemoryBytes,
    memoryPerByte: MEMORY_PER_BODY_BYTE,
    maxBytes: LARGEST_PUSH_BYTES,
    deliverableBytes: pushBytes(work.maxMessageBytes ?? PUBSUB_LIMITS.messageBytes),
    // Only Pub/Sub can call the function, and sends what it announces.
    reservesAhead: true,
  })

  function read(message: ReceivedMessage): ParseResult<T> {
    return message.dataIsIntact
      ? work.parse(message)
      : { ok: false, reason: 'not_json', error: 'data: not valid base64' }
  }

  function unexpected(error: unknown, message: ReceivedMessage): Outcome {
    log.error('unexpected error; the message will be delivered again', {
      event: 'unexpected_error',
      // The message of an unknown error may hold anything, its name and place do not.
      error: describe(error),
      messageId: message.messageId,
    })
    const words = 'unexpected error in the function; its log has the details'
    return { kind: 'retry', cause: 'transient', reason: 'unexpected', error: words }
  }

  async function deadLetterOrRetry(message: ReceivedMessage, outcome: Undelivered, time: PushTime): Promise<Ended> {
    if (isDropped(outcome)) return { answer: 204, outcome }
    if (time.untilRedeliveryMs() <= 0) return { answer: 503, outcome }
    const failure = failureOf(outcome, message.deliveryAttempt, options.maxDeliveryAttempts)
    if (failure === undefined) return await moveOrRetry(message, outcome)
    try {
      await deadLetters.publish(deadLetterOf(message, failure))
      return { answer: 204, outcome, deadLetter: failure }
    } catch (error) {
      // Not safe, so not acknowledged: Pub/Sub keeps the message and we try again.
      log.error('could not publish a dead letter; Pub/Sub will deliver the message again', {
        event: 'dead_letter_failed',
        reason: failure.reason,
        error: describe(error),
        messageId: message.messageId,
      })
      return { answer: 503, outcome }
    }
  }

  async function moveOrRetry(message: ReceivedMessage, outcome: Undelivered): Promise<Ended> {
    if (outcome.kind !== 'retry' || !outcome.mayMove || options.bulkLane === undefined) return { answer: 503, outcome }
    try {
      await options.bulkLane.publish(bulkCopyOf(message))
      return { answer: 202, outcome }
    } catch (error) {
      log.error('could not move a message to the bulk lane; Pub/Sub will deliver it again', {
        event: 'move_failed',
        error: describe(error),
        messageId: message.messageId,
      })
      return { answer: 503, outcome }
    }
  }

  return async (request, response) => {
    if (request.method !== 'POST') {
      answerWithText(response, 405, 'this function takes Pub/Sub pushes: POST only', { Allow: 'POST' })
      return
    }
    const startedAt = clock.now()
    const time: PushTime = {
      untilRedeliveryMs: () =>
        request.socket.destroyed ? 0 : Math.max(0, startedAt + options.ackDeadlineMs - clock.now()),
    }
    const body = await bodies.read(request, BODY_TIMEOUT_MS)
    if (typeof body === 'string') {
      answerUnread(body, response)
      return
    }
    try {
      // A process that stood still reads what was sent to it before it reads that the sender has gone.
      await options.caughtUp()
      if (time.untilRedeliveryMs() > 0) await handle(body, startedAt, time, request, response)
      else response.writeHead(503).end()
    } finally {
      body.hold.release()
    }
  }

  async function handle(
    body: Body,
    startedAt: number,
    time: PushTime,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const pushed = unwrapPush(body.bytes)
    if (!pushed.ok) {
      answerNotAPush(400, pushed.error, response)
      return
    }
    const { message } = pushed
    if (!body.hold.take(parsedMemory(complexityOf(message.data).listsAndObjects))) {
      answerUnread('no_room', response)
      return
    }
    const ring = record.hashKeys?.current()
    let parsed: ParseResult<T> | undefined
    let outcome: Outcome
    try {
      parsed = read(message)
      outcome = parsed.ok ? await decided(parsed.value, message, time) : refused(parsed)
    } catch (error) {
      outcome = unexpected(error, message)
    }
    const ended: Ended =
      outcome.kind === 'delivered' ? { answer: 204, outcome } : await deadLetterOrRetry(message, outcome, time)
    const trace = message.attributes.traceparent ?? headerOf(request, 'traceparent')
    const hashKey = (await ring)?.[0]
    const about = parsed?.ok ? record.about?.(parsed.value) : undefined
    const key = record.keyOf?.(message)
    const endedAt = clock.now()
    logMessage(log, message, ended, { topic: record.topic, about, key, hashKey, trace, startedAt, endedAt })
    response.writeHead(ended.answer).end()
  }

  async function decided(value: T, message: ReceivedMessage, time: PushTime): Promise<Outcome> {
    if (work.checks === undefined) return await work.deliver(value, message, time)
    const decision = await runChecks(work.checks, value, message)
    if (!decision.ok && 'retry' in decision) return decision.retry
    if (!decision.ok)
      return await (work.withhold?.(decision.notSent, value, message, time) ?? asFarAsKnown(decision.notSent, message))
    const outcome = await work.deliver(decision.value, message, time)
    const isNoted = decision.note !== undefined && outcome.kind === 'delivered'
    return isNoted ? { ...outcome, note: decision.note } : outcome
  }

  function answerUnread(reason: UnreadReason, response: ServerResponse): void {
    switch (reason) {
      case 'aborted':
        return
      case 'no_room':
        log.info('the messages that are held leave no memory for another; Pub/Sub will deliver it again', {
          event: 'message_not_read',
          reason,
          answer: 503,
        })
        response.writeHead(503).end()
        return
      case 'too_large':
        answerNotAPush(413, `not a Pub/Sub push: more than ${LARGEST_PUSH_BYTES} bytes`, response)
        return
      case 'too_slow':
        // Who sends so slowly would otherwise go on, and hold the connection.
        response.setHeader('Connection', 'close')
        answerNotAPush(408, `not a Pub/Sub push: still being sent after ${BODY_TIMEOUT_MS} ms`, response)
    }
  }

  function answerNotAPush(answer: 400 | 408 | 413, error: string, response: ServerResponse): void {
    log.warning('request is no Pub/Sub push', { event: 'not_a_push', answer })
    answerWithText(response, answer, error)
  }
}

function refused({ reason, error }: Extract<ParseResult<unknown>, { ok: false }>): Outcome {
  return { kind: 'refused', reason, error }
}

/** Without a record of what was sent, an earlier attempt may have been delivered: nobody knows of one whose answer was lost. */
function asFarAsKnown(notSent: NotSent, { deliveryAttempt }: ReceivedMessage): NotSent {
  if (deliveryAttempt <= 1 || notSent.kind === 'guarded') return notSent
  return { ...notSent, error: `${notSent.error}; an earlier attempt may have been delivered` }
}

type Undelivered = Exclude<Outcome, { kind: 'delivered' }>

/** Why the message has to be dead-lettered now; undefined when it should be delivered again. Pure. */
export function failureOf(
  outcome: Undelivered,
  deliveryAttempt: number,
  maxDeliveryAttempts: number,
): Failure | undefined {
  const { error } = outcome
  if (isNotSent(outcome)) return { reason: outcome.kind, error }
  const { httpStatus } = outcome
  const status = httpStatus === undefined ? {} : { httpStatus }
  if (outcome.kind === 'refused') return { reason: outcome.reason, error, ...status }
  if (deliveryAttempt < maxDeliveryAttempts - ATTEMPTS_KEPT_IN_RESERVE) return undefined
  return { reason: 'exhausted', error, ...status }
}

function isDropped(outcome: Undelivered): boolean {
  return isNotSent(outcome) && outcome.isDropped === true
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const place = error.stack?.split('\n').find((line) => line.trimStart().startsWith('at '))
  // The code of a system or gRPC error (ECONNREFUSED, 7 for a permission that is missing) says what to repair.
  const code = codeOf(error)
  return `${error.name}${code === undefined ? '' : ` (code ${code})`} ${place?.trim() ?? ''}`.trim()
}
