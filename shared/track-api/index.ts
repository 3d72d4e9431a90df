import type { z } from 'zod'
import type { TrackConfig } from '../config/index.ts'
import { type IdentifyMessage, LIMITS, type TrackMessage } from '../contract/index.ts'
import { type Carried, CustomerIOService } from '../customerio/index.ts'
import { createDeadLetterTopic, createPushHandler } from '../delivery/index.ts'
import { originalPublishTime, parseKeyed, recordedKey, tellsOlderTime } from '../idempotency/index.ts'
import { createHashKeys, recordedPersons } from '../identity/index.ts'
import type { Log } from '../logging/index.ts'
import type { Outcome } from '../outcome/index.ts'
import { RateLimiter } from '../rate/index.ts'
import type { FunctionDefinition } from '../runtime/index.ts'
import { createSecret } from '../secrets/index.ts'

/** What tells `identify` and `track` apart. */
interface TrackApiFunction<S extends z.ZodType<IdentifyMessage | TrackMessage>> {
  readonly name: 'identify' | 'track'
  readonly parseConfig: FunctionDefinition<TrackConfig>['parseConfig']
  readonly schema: S
  /** Delivers a message by its key, its original publish time (unix seconds) filling in what makes it safe to repeat. */
  deliver(
    service: CustomerIOService,
    message: z.output<S>,
    defaults: { readonly key: string; readonly publishTimeSeconds: number | undefined },
    carried: Carried,
  ): Promise<Outcome>
  readonly addListeners: (service: CustomerIOService, log: Log) => void
}

/** A function that hands the messages of one topic to the Track API, coalesced into batches. */
export function trackApiFunction<S extends z.ZodType<IdentifyMessage | TrackMessage>>(
  fn: TrackApiFunction<S>,
): FunctionDefinition<TrackConfig> {
  return {
    name: fn.name,
    parseConfig: fn.parseConfig,
    create({ trackApi, batch, deadLetter, projectId, bodyMemoryBytes, personHashKeys }, { log, clock, random }) {
      const service = new CustomerIOService({
        track: {
          url: trackApi.url,
          timeoutMs: trackApi.requestTimeoutMs,
          siteId: createSecret({ ...trackApi.siteId, log, clock }),
          apiKey: createSecret({ ...trackApi.apiKey, log, clock }),
          rate: new RateLimiter({ requestsPerSecond: trackApi.requestsPerSecond, clock, random }),
          rateWaitMs: trackApi.rateWaitMs,
          divideMs: trackApi.divideMs,
          batch,
        },
        log,
        clock,
      })
      fn.addListeners(service, log)
      return createPushHandler({
        bodyMemoryBytes,
        work: {
          maxMessageBytes: LIMITS.operationTextBytes,
          parse: (message) => parseKeyed(fn.schema, message, clock, LIMITS.operationTextBytes),
          async deliver({ value, key }, { messageId, attributes, publishTime, deliveryAttempt: attempt }) {
            const publishTimeSeconds = originalPublishTime(attributes, publishTime)
            const outcome = await fn.deliver(service, value, { key, publishTimeSeconds }, { messageId, attempt })
            const isOlder = outcome.kind === 'delivered' && tellsOlderTime(value, publishTimeSeconds)
            return isOlder ? { ...outcome, note: 'older_time' } : outcome
          },
        },
        record: {
          topic: fn.name,
          about: ({ value }) => ({
            action: value.action,
            // A page is often named by its address, which may name a person.
            eventName: value.action === 'event' || value.action === 'screen' ? value.name : undefined,
            persons: recordedPersons(fn.name, value),
          }),
          hashKeys: createHashKeys({ ...personHashKeys, log, clock }),
          keyOf: recordedKey,
        },
        deadLetters: createDeadLetterTopic({ projectId, topic: deadLetter.topic }),
        maxDeliveryAttempts: deadLetter.maxDeliveryAttempts,
        log,
        clock,
      })
    },
  }
}
