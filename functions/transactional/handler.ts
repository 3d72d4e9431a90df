import { Firestore } from '@google-cloud/firestore'
import type { HttpFunction } from '@google-cloud/functions-framework'
import { stringify } from 'safe-stable-stringify'
import type { TransactionalConfig } from '../../shared/config/index.ts'
import { type TransactionalMessage, transactionalMessage } from '../../shared/contract/index.ts'
import { CustomerIOService, personKey } from '../../shared/customerio/index.ts'
import { createDeadLetterTopic, createPushHandler } from '../../shared/delivery/index.ts'
import {
  askableTemplate,
  createFirestoreSendLedger,
  findDeliveries,
  hashOf,
  type MessageToSend,
  type SendLedger,
  sendOnce,
  steadyNow,
} from '../../shared/ledger/index.ts'
import type { Log } from '../../shared/logging/index.ts'
import type { Outcome } from '../../shared/outcome/index.ts'
import { RateLimiter } from '../../shared/rate/index.ts'
import type { FunctionParts } from '../../shared/runtime/index.ts'
import { createSecret } from '../../shared/secrets/index.ts'
import { parseKeyed } from '../../shared/track-api/index.ts'

export interface TransactionalParts extends FunctionParts {
  /** A new one each time; `randomUUID`. */
  readonly newToken: () => string
}

/** Topic `transactional`: messages of six channels and broadcasts, each sent once by means of the send ledger. */
export function createTransactionalFunction(config: TransactionalConfig, parts: TransactionalParts): HttpFunction {
  const { appApi, deadLetter, projectId } = config
  const { log, clock, newToken } = parts
  const rate = (requestsPerSecond: number) => new RateLimiter({ requestsPerSecond })
  const service = new CustomerIOService({
    app: {
      url: appApi.url,
      timeoutMs: appApi.requestTimeoutMs,
      apiKey: createSecret({ ...appApi.apiKey, log }),
      rate: rate(appApi.requestsPerSecond),
      broadcastRate: rate(appApi.broadcastsPerSecond),
      lookUpRate: rate(appApi.lookUpsPerSecond),
    },
    log,
    now: clock.now,
  })
  const ledger = createFirestoreSendLedger({
    firestore: new Firestore({ projectId, databaseId: config.ledger.database }),
    collection: config.ledger.collection,
  })
  return createPushHandler({
    work: {
      parse: (message) => parseKeyed(transactionalMessage, message, clock),
      deliver: ({ value, key }) => deliver({ service, ledger, config, log, newToken }, value, key),
    },
    deadLetters: createDeadLetterTopic({ projectId, topic: deadLetter.topic }),
    maxDeliveryAttempts: deadLetter.maxDeliveryAttempts,
    log,
    clock,
  })
}

interface Parts {
  readonly service: CustomerIOService
  readonly ledger: SendLedger
  readonly config: TransactionalConfig
  readonly log: Log
  readonly newToken: () => string
}

function deliver(
  { service, ledger, config, log, newToken }: Parts,
  message: TransactionalMessage,
  key: string,
): Promise<Outcome> {
  return sendOnce(
    {
      ledger,
      now: steadyNow,
      newToken,
      requestTimeoutMs: config.appApi.requestTimeoutMs,
      leaseMarginMs: config.ledger.leaseMarginMs,
      settleMs: config.ledger.settleMs,
      onNotFound: config.ledger.onNotFound,
      ttlMs: config.ledger.ttlMs,
      onLedgerError: (error) =>
        log.error('the outcome of a send could not be written to the ledger', {
          event: 'ledger_write_failed',
          error: error instanceof Error ? error.name : typeof error,
        }),
    },
    toSend(service, message, key),
  )
}

/** What the ledger has to know of a message: nothing in it names a person. */
function toSend(service: CustomerIOService, message: TransactionalMessage, key: string): MessageToSend {
  const contentHash = hashOf(stringify(message) ?? '')
  const ready = () => service.prepareSend(message)
  if (message.channel === 'broadcast') {
    return { key, contentHash, channel: message.channel, template: String(message.broadcast_id), ready }
  }
  const template = askableTemplate(message)
  return {
    key,
    contentHash,
    personHash: hashOf(personKey(message.identifiers)),
    channel: message.channel,
    template: String(message.transactional_message_id ?? ''),
    ready,
    ...(template !== undefined && {
      findDeliveries: (window) => findDeliveries(service, message, template, window),
    }),
  }
}
