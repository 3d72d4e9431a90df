import { cancelCheck } from '../../shared/cancel/index.ts'
import { parseTransactionalConfig, SEND_PROBE_TIMEOUT_MS, type TransactionalConfig } from '../../shared/config/index.ts'
import { type TransactionalMessage, transactionalMessage } from '../../shared/contract/index.ts'
import { CustomerIOService, type DeliveryQuery } from '../../shared/customerio/index.ts'
import {
  type About,
  createPushHandler,
  createTopic,
  expiryCheck,
  type PushTime,
  type ReceivedMessage,
} from '../../shared/delivery/index.ts'
import { type Keyed, originalPublishTime, parseKeyed, recordedKey } from '../../shared/idempotency/index.ts'
import { createHashKeys, NO_HASH_KEYS, recordedPersons } from '../../shared/identity/index.ts'
import {
  CircuitBreaker,
  createSendLedger,
  describeLedgerError,
  isKeyGone,
  type MessageToSend,
  type SendOnceOptions,
  sendOnce,
  withhold,
} from '../../shared/ledger/index.ts'
import type { Log } from '../../shared/logging/index.ts'
import type { Outcome, Retry } from '../../shared/outcome/index.ts'
import { RateLimiter } from '../../shared/rate/index.ts'
import { createGuard } from '../../shared/recipients/index.ts'
import type { FunctionDefinition, FunctionParts, RequestHandler } from '../../shared/runtime/index.ts'
import { createSecret } from '../../shared/secrets/index.ts'
import { messageToSend, recordedTemplate } from './message.ts'

export interface TransactionalOptions {
  /** A new one each time; `randomUUID`. */
  readonly newToken: () => string
  readonly addListeners: (service: CustomerIOService, log: Log) => void
}

/** Topic `transactional`: messages of six channels and broadcasts, each sent once by means of the send ledger. */
export function transactionalFunction(options: TransactionalOptions): FunctionDefinition<TransactionalConfig> {
  return {
    name: 'transactional',
    parseConfig: parseTransactionalConfig,
    create: (config, parts) => createHandler(config, { ...parts, ...options }),
  }
}

type TransactionalParts = FunctionParts & TransactionalOptions

interface Message extends Keyed<TransactionalMessage> {
  /** As it was before the guard redirected it, if it did. */
  readonly published?: TransactionalMessage
}

function createHandler(config: TransactionalConfig, parts: TransactionalParts): RequestHandler {
  const { appApi, deadLetter, projectId } = config
  const { log, clock, random, endpoints, exchange } = parts
  const rate = (requestsPerSecond: number) => new RateLimiter({ requestsPerSecond, clock, random })
  const service = new CustomerIOService({
    app: {
      url: appApi.url,
      timeoutMs: appApi.requestTimeoutMs,
      exchange,
      rateWaitMs: appApi.rateWaitMs,
      apiKey: createSecret({ ...appApi.apiKey, log, clock }),
      rate: rate(appApi.requestsPerSecond),
      // Full at its start, though its share is one in a minute: fresh instances that send theirs at once fit the five that
      // Customer.io queues, and a bucket that began empty would make most broadcasts wait for that minute.
      broadcastRate: rate(appApi.broadcastsPerSecond),
      lookUpRate: rate(appApi.lookUpsPerSecond),
    },
    log,
    clock,
  })
  parts.addListeners(service, log)
  const ledger = createSendLedger({
    endpoint: endpoints.firestore,
    projectId,
    database: config.ledger.database,
    collection: config.ledger.collection,
    clock,
    random,
  })
  const hashKeys = createHashKeys({ ...config.personHashKeys, log, clock })
  const breaker = new CircuitBreaker({
    clock,
    random,
    probe: () => service.probe(),
    probeTimeoutMs: SEND_PROBE_TIMEOUT_MS,
    onChange: ({ kind }) => {
      if (kind === 'paused') {
        log.warning('sends pause: Customer.io left open whether one was sent', { event: 'sends_paused' })
      } else log.info('sends go on', { event: 'sends_resumed' })
    },
  })
  const options: SendOnceOptions = {
    ledger,
    clock,
    newToken: parts.newToken,
    isDraining: () => parts.timeLeftMs() < Number.POSITIVE_INFINITY,
    requestTimeoutMs: appApi.requestTimeoutMs,
    leaseMarginMs: config.ledger.leaseMarginMs,
    listDelayMs: config.ledger.settleMs,
    claimTimeoutMs: config.ledger.claimTimeoutMs,
    writeTimeoutMs: config.ledger.writeTimeoutMs,
    lookUpTimeoutMs: appApi.lookUpMs,
    onNotFound: config.ledger.onNotFound,
    ttlMs: config.ledger.ttlMs,
    onLedgerError: (error, when) => tellLedgerError(log, error, when),
  }
  const customerio = {
    prepareSend: (message: TransactionalMessage) => breaker.admit(() => service.prepareSend(message)),
    findDeliveries: (query: DeliveryQuery) => service.findDeliveries(query),
  }

  const guard = createGuard(config.recipients)

  async function withRing(
    { value, key, published }: Message,
    { attributes, publishTime, data }: ReceivedMessage,
    { untilRedeliveryMs }: PushTime,
    act: (options: SendOnceOptions, message: MessageToSend) => Promise<Outcome>,
  ): Promise<Outcome> {
    const ring = await hashKeys.current()
    if (ring === undefined) return NOT_CONFIGURED
    const publishedAtMs = 1_000 * (originalPublishTime(attributes, publishTime) ?? 0)
    const outcome = await act(
      options,
      messageToSend(customerio, ring, value, {
        key,
        data,
        publishedAtMs,
        isGivenUp: () => untilRedeliveryMs() <= 0,
        ...(published !== undefined && { published }),
      }),
    )
    return isKeyGone(outcome) && (await hashKeys.isOutdated(ring)) ? KEYS_ROTATED : outcome
  }

  const about = ({ value }: Keyed<TransactionalMessage>): About => ({
    channel: value.channel,
    template: recordedTemplate(value),
    ...(value.channel !== 'broadcast' && { sendAt: value.send_at, queueDraft: value.queue_draft }),
    persons: recordedPersons('transactional', value),
  })

  return createPushHandler<Message>({
    work: {
      parse: (message) => parseKeyed(transactionalMessage, message, clock),
      checks: {
        expired: expiryCheck(clock),
        cancelled: cancelCheck('transactional', about, { ...config.cancellations, log, clock }),
        guarded(message) {
          const guarded = guard.transactional(message.value)
          return guarded.ok
            ? { ...guarded, value: { ...message, value: guarded.value, published: message.value } }
            : guarded
        },
      },
      withhold: (notSent, message, received, time) =>
        withRing(message, received, time, (options, toSend) => withhold(options, toSend, notSent)),
      deliver: (message, received, time) => withRing(message, received, time, sendOnce),
    },
    record: {
      topic: 'transactional',
      about,
      hashKeys,
      keyOf: recordedKey,
    },
    deadLetters: createTopic({ endpoint: endpoints.pubsub, projectId, topic: deadLetter.topic, clock, random }),
    maxDeliveryAttempts: deadLetter.maxDeliveryAttempts,
    ackDeadlineMs: config.ackDeadlineMs,
    bodyMemoryBytes: config.bodyMemoryBytes,
    log,
    clock,
    caughtUp: parts.caughtUp,
  })
}

/** Another instance has read the new keys a moment before this one: no alarm. */
const KEYS_ROTATED: Retry = { kind: 'retry', cause: 'busy', error: 'the person hash keys have just been rotated' }

const NOT_CONFIGURED: Retry = { kind: 'retry', cause: 'configuration', error: `not configured: ${NO_HASH_KEYS}` }

function tellLedgerError(log: Log, error: unknown, when: 'before_the_call' | 'after_the_call'): void {
  const fields = { operation: when, error: describeLedgerError(error) }
  if (when === 'before_the_call') {
    log.error('the send ledger cannot be used; the message waits, and nothing is sent', {
      event: 'ledger_failed',
      ...fields,
    })
  } else {
    log.error('the outcome of a send could not be written to the ledger', {
      event: 'ledger_write_failed',
      ...fields,
    })
  }
}
