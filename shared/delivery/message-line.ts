import { type HashKey, hashesOfPersons, hashOfMessageKey, type Identifier } from '../identity/index.ts'
import type { Log, LogFields } from '../logging/index.ts'
import { isNotSent, type Outcome } from '../outcome/index.ts'
import { cutBytes, type Failure } from './dead-letter.ts'
import type { ReceivedMessage } from './push.ts'

/** What a message asks for, and of whom. Nothing of it may be an attribute, an address or part of a body. */
export interface About {
  readonly action?: string
  readonly eventName?: string
  readonly channel?: string
  readonly template?: string
  /** When Customer.io is to send it, in unix seconds. */
  readonly sendAt?: number | undefined
  /** Whether Customer.io is to hold it as a draft. */
  readonly queueDraft?: boolean | undefined
  /** Hashed before they are written. */
  readonly persons?: readonly Identifier[]
}

/** What a push came to. */
export interface Ended {
  /** 202 acknowledges it as 204 does, and says that it goes on: as another message, in the bulk lane. */
  readonly answer: 204 | 202 | 503
  readonly outcome: Outcome
  readonly deadLetter?: Failure
}

interface Handled {
  readonly topic: string
  /** Undefined for a message that could not be read. */
  readonly about: About | undefined
  /** The message's own, undefined where it breaks the contract. */
  readonly key: string | undefined
  /** Undefined while there is none: then neither key nor persons are recorded. */
  readonly hashKey: HashKey | undefined
  /** The publisher's, else that of the push. */
  readonly trace: string | undefined
  readonly startedAt: number
  readonly endedAt: number
}

/** Names of events and templates come from publishers. Customer.io takes no longer name of an event. */
const NAME_BYTES = 100

/**
 * Writes the one line of a push, which is the record of the message as well: a sink of Cloud Logging carries it to the
 * table `message_outcomes`.
 */
export function logMessage(log: Log, message: ReceivedMessage, ended: Ended, handled: Handled): void {
  const { outcome, deadLetter } = ended
  const fields = fieldsOf(message, ended, handled)
  if (outcome.kind === 'delivered') {
    log.info('delivered', fields)
    return
  }
  if (isNotSent(outcome)) {
    log.info('not sent', { ...fields, ...(deadLetter !== undefined && { reason: deadLetter.reason }) })
    return
  }
  const failed = {
    ...fields,
    ...(outcome.kind === 'retry' && { cause: outcome.cause, reason: outcome.reason }),
    ...(deadLetter !== undefined && { reason: deadLetter.reason }),
    httpStatus: outcome.httpStatus,
    // Words about the content may quote it, so they go to the dead letter only. Those about our configuration do not, and
    // those of what was not tried are ours.
    ...(outcome.kind === 'retry' && outcome.cause !== 'transient' && { error: outcome.error }),
  }
  if (deadLetter !== undefined) log.warning('dead-lettered', failed)
  else if (outcome.kind === 'retry' && outcome.cause === 'configuration')
    log.error('our configuration is refused', failed)
  else log.info(ended.answer === 202 ? 'moved to the bulk lane' : 'will be delivered again', failed)
}

/** One literal: an object of so many properties that is spread together becomes a hash table, which takes five times as long. */
function fieldsOf(message: ReceivedMessage, { outcome, answer, deadLetter }: Ended, handled: Handled): LogFields {
  const { topic, about, key, hashKey, trace, startedAt, endedAt } = handled
  const publishedAt = Date.parse(message.publishTime)
  const isDated = Number.isFinite(publishedAt)
  const source = message.attributes.source_message_id
  const persons = about?.persons ?? []
  const delivered = outcome.kind === 'delivered' ? outcome : undefined
  return {
    event: 'message',
    topic,
    messageId: message.messageId,
    sourceMessageId: source !== undefined && MESSAGE_ID.test(source) ? source : undefined,
    publishTime: isDated ? new Date(publishedAt).toISOString() : undefined,
    attempt: message.deliveryAttempt,
    latencyMs: endedAt - startedAt,
    ageMs: isDated ? Math.max(0, endedAt - publishedAt) : undefined,
    action: about?.action,
    channel: about?.channel,
    eventName: cut(about?.eventName),
    template: cut(about?.template),
    sendAt: about?.sendAt === undefined ? undefined : new Date(about.sendAt * 1_000).toISOString(),
    queueDraft: about?.queueDraft,
    hashKey: hashKey?.id,
    keyHash: hashKey && key !== undefined ? hashOfMessageKey(hashKey, key) : undefined,
    persons: hashKey && persons.length > 0 ? hashesOfPersons(hashKey, persons) : undefined,
    trace,
    batchId: outcome.batchId,
    batchSize: outcome.batchSize,
    batchPosition: outcome.batchPosition,
    queueWaitMs: outcome.queueWaitMs,
    requestMs: outcome.requestMs,
    outcome: deadLetter?.reason === 'exhausted' ? 'exhausted' : outcome.kind,
    answer,
    deliveryId: delivered?.deliveryId,
    note: noteOf(outcome),
  }
}

/** `duplicate` and `dropped` before what is true of a message besides. */
function noteOf(outcome: Outcome): string | undefined {
  if (isNotSent(outcome)) return outcome.isDropped ? 'dropped' : undefined
  if (outcome.kind !== 'delivered') return undefined
  return outcome.duplicate ? 'duplicate' : outcome.note
}

/** As Pub/Sub gives them; the attribute of a replay may hold anything. */
const MESSAGE_ID = /^\d{1,32}$/

function cut(name: string | undefined): string | undefined {
  return name === undefined ? undefined : cutBytes(name, NAME_BYTES)
}
