import type { BatchLimits } from '../../shared/batching/index.ts'
import { type Clock, systemClock } from '../../shared/clock/index.ts'
import { CustomerIOService, logRequests } from '../../shared/customerio/index.ts'
import { createLog } from '../../shared/logging/index.ts'
import { RateLimiter } from '../../shared/rate/index.ts'
import { createSecret, type Secret } from '../../shared/secrets/index.ts'

export interface TestServiceOptions {
  readonly trackUrl: string
  readonly appUrl: string
  readonly timeoutMs?: number
  readonly credentials?: { siteId?: string; trackApiKey?: string; appApiKey?: string }
  readonly secrets?: { trackApiKey?: Secret; appApiKey?: Secret }
  readonly requestsPerSecond?: number
  /** The system's by default. */
  readonly clock?: Clock
  /** In the place of some of {@link TEST_BATCH}. */
  readonly batch?: Partial<BatchLimits>
  readonly moveFromItems?: number
  readonly timeLeftMs?: () => number
}

/** The limits of identify and track by default. */
export const TEST_BATCH: BatchLimits = {
  maxItems: 100,
  maxBytes: 450_000,
  maxItemBytes: 30_000,
  maxInFlight: 4,
  maxWaitMs: 10_000,
  maxQueueItems: 2_000,
  maxBlockedItems: 200,
}

/** A service against a server on this machine, with the log lines it writes. */
export function createTestService(options: TestServiceOptions) {
  const lines: Record<string, unknown>[] = []
  const log = createLog({
    clock: systemClock,
    functionName: 'test',
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  })
  const { siteId = 'site', trackApiKey = 'track-key', appApiKey = 'app-key' } = options.credentials ?? {}
  const secret = (name: string, value: string) => createSecret({ clock: systemClock, name, value, log })
  const rate = () =>
    new RateLimiter({
      requestsPerSecond: options.requestsPerSecond ?? 1_000,
      burst: 100,
      clock: systemClock,
      random: () => 0,
    })
  const timeoutMs = options.timeoutMs ?? 5_000
  const service = new CustomerIOService({
    track: {
      url: options.trackUrl,
      timeoutMs,
      siteId: secret('CUSTOMERIO_SITE_ID', siteId),
      apiKey: options.secrets?.trackApiKey ?? secret('CUSTOMERIO_TRACK_API_KEY', trackApiKey),
      rate: rate(),
      rateWaitMs: 5_000,
      divideMs: 25_000,
      batch: { ...TEST_BATCH, ...options.batch },
      ...(options.timeLeftMs && { timeLeftMs: options.timeLeftMs }),
      ...(options.moveFromItems !== undefined && { moveFromItems: options.moveFromItems }),
    },
    app: {
      url: options.appUrl,
      timeoutMs,
      rateWaitMs: 5_000,
      apiKey: options.secrets?.appApiKey ?? secret('CUSTOMERIO_APP_API_KEY', appApiKey),
      rate: rate(),
      broadcastRate: rate(),
      lookUpRate: rate(),
    },
    log,
    clock: options.clock ?? systemClock,
  })
  logRequests(service, log)
  return { service, lines, log }
}
