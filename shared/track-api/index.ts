import type { z } from 'zod'
import { cancelCheck } from '../cancel/index.ts'
import type { IdentifyConfig, TrackConfig } from '../config/index.ts'
import { type IdentifyMessage, LIMITS, type TrackMessage } from '../contract/index.ts'
import { type Carried, CustomerIOService } from '../customerio/index.ts'
import {
  type About,
  createPushHandler,
  createTopic,
  expiryCheck,
  mayMoveToBulkLane,
  passes,
} from '../delivery/index.ts'
import { type Keyed, originalPublishTime, parseKeyed, recordedKey, tellsOlderTime } from '../idempotency/index.ts'
import { createHashKeys, recordedPersons } from '../identity/index.ts'
import type { Log } from '../logging/index.ts'
import type { Outcome } from '../outcome/index.ts'
import { RateLimiter } from '../rate/index.ts'
import { createGuard, type Guard, type Guarded } from '../recipients/index.ts'
import type { FunctionDefinition } from '../runtime/index.ts'
import { createSecret } from '../secrets/index.ts'

/** Of the two functions only `identify` has a bulk lane to move to: events wait for nobody. */
type Config = TrackConfig & Partial<Pick<IdentifyConfig, 'bulkLane'>>

/** What tells `identify` and `track` apart. */
interface TrackApiFunction<S extends z.ZodType<IdentifyMessage | TrackMessage>> {
  readonly name: 'identify' | 'track'
  readonly parseConfig: FunctionDefinition<Config>['parseConfig']
  readonly schema: S
  /** Asks the guard about a message of the topic. */
  guard(guard: Guard, message: z.output<S>): Guarded<z.output<S>>
  /** Delivers a message by its key, its original publish time (unix seconds) filling in what makes it safe to repeat. */
  deliver(
    service: CustomerIOService,
    message: z.output<S>,
    defaults: { readonly key: string; readonly publishTimeSeconds: number | undefined },
    carried: Carried,
  ): Promise<Outcome>
  readonly addListeners: (service: CustomerIOService, log: Log) => void
}

function noteOlderTime(outcome: Outcome): Outcome {
  return outcome.kind === 'delivered' ? { ...outcome, note: 'older_time' } : outcome
}

/** A function that hands the messages of one topic to the Track API, coalesced into batches. */
export function trackApiFunction<S extends z.ZodType<IdentifyMessage | TrackMessage>>(
  fn: TrackApiFunction<S>,
): FunctionDefinition<Config> {
  return {
    name: fn.name,
    parseConfig: fn.parseConfig,
    create(config, { log, clock, random, endpoints, exchange, timeLeftMs, caughtUp }) {
      const { trackApi, batch, deadLetter, bulkLane, projectId, bodyMemoryBytes, personHashKeys } = config
      const about = ({ value }: Keyed<z.output<S>>): About => ({
        action: value.action,
        // A page is often named by its address, which may name a person.
        eventName: value.action === 'event' || value.action === 'screen' ? value.name : undefined,
        persons: recordedPersons(fn.name, value),
      })
      const service = new CustomerIOService({
        track: {
          url: trackApi.url,
          timeoutMs: trackApi.requestTimeoutMs,
          exchange,
          siteId: createSecret({ ...trackApi.siteId, log, clock }),
          apiKey: createSecret({ ...trackApi.apiKey, log, clock }),
          rate: new RateLimiter({ requestsPerSecond: trackApi.requestsPerSecond, clock, random }),
          rateWaitMs: trackApi.rateWaitMs,
          divideMs: trackApi.divideMs,
          batch,
          timeLeftMs,
          ...(bulkLane !== undefined && { moveFromItems: bulkLane.fromItems }),
        },
        log,
        clock,
      })
      fn.addListeners(service, log)
      const guard = createGuard(config.recipients)
      const topic = (name: string) => createTopic({ endpoint: endpoints.pubsub, projectId, topic: name, clock, random })
      return createPushHandler<Keyed<z.output<S>>>({
        bodyMemoryBytes,
        work: {
          maxMessageBytes: LIMITS.operationTextBytes,
          parse: (message) => parseKeyed(fn.schema, message, clock, LIMITS.operationTextBytes),
          checks: {
            expired: expiryCheck(clock),
            cancelled: cancelCheck(fn.name, about, { ...config.cancellations, log, clock }),
            guarded(message) {
              const guarded = fn.guard(guard, message.value)
              return guarded.ok ? passes(message) : guarded
            },
          },
          deliver({ value, key }, message, { untilRedeliveryMs }) {
            const publishTimeSeconds = originalPublishTime(message.attributes, message.publishTime)
            const mayMove = bulkLane !== undefined && mayMoveToBulkLane(message)
            const { messageId, deliveryAttempt: attempt, data } = message
            const carried = { messageId, attempt, mayMove, bytes: data.length, untilRedeliveryMs }
            const delivery = fn.deliver(service, value, { key, publishTimeSeconds }, carried)
            return tellsOlderTime(value, publishTimeSeconds) ? delivery.then(noteOlderTime) : delivery
          },
        },
        record: {
          topic: fn.name,
          about,
          hashKeys: createHashKeys({ ...personHashKeys, log, clock }),
          keyOf: recordedKey,
        },
        deadLetters: topic(deadLetter.topic),
        ...(bulkLane !== undefined && { bulkLane: topic(bulkLane.topic) }),
        maxDeliveryAttempts: deadLetter.maxDeliveryAttempts,
        ackDeadlineMs: config.ackDeadlineMs,
        log,
        clock,
        caughtUp,
      })
    },
  }
}
