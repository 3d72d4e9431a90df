import { BigQuery } from '@google-cloud/bigquery'
import { PubSub } from '@google-cloud/pubsub'
import { withTimeout } from '../../shared/clock/index.ts'
import { PROBE_STEP_TIMEOUT_MS, type ProbeConfig, parseProbeConfig } from '../../shared/config/index.ts'
import { CustomerIOService } from '../../shared/customerio/index.ts'
import { createNameStore } from '../../shared/names/index.ts'
import { MessagingPublisher } from '../../shared/publisher/index.ts'
import { RateLimiter } from '../../shared/rate/index.ts'
import type { FunctionDefinition, FunctionParts } from '../../shared/runtime/index.ts'
import { createSecret } from '../../shared/secrets/index.ts'
import { createProbeHandler } from './handler.ts'
import type { Round } from './link.ts'
import { type NamesOptions, refreshForAWhile } from './names.ts'
import { createRowQuery } from './row.ts'
import { createSendCounts } from './sends.ts'
import { probeWayBack, type WayBack } from './way-back.ts'
import { probeWayOut, type WayOut } from './way-out.ts'

/** The one person that the probe changes. Nobody: without an address, so that no message ever reaches anybody. */
const PROBE_PERSON_ID = 'cio-gcp-probe'
/** The attribute that holds the last round's id, and the event of each round. */
const ATTRIBUTE = 'probe_round'
const EVENT = 'probe_round'

export interface ProbeOptions {
  /** A new one each time; `randomUUID`. */
  readonly newRoundId: () => string
  readonly fetch: typeof fetch
}

/** Topic `probe`: one round through both ways, to Customer.io and back, or a refresh of the names. */
export function probeFunction(options: ProbeOptions): FunctionDefinition<ProbeConfig> {
  return {
    name: 'probe',
    parseConfig: parseProbeConfig,
    create(config, parts) {
      const service = createAppApi(config, parts)
      const out = createWayOut(config, parts, service)
      const names = createNames(config, parts, service)
      const back = createWayBack(config, { ...parts, fetch: options.fetch })
      return createProbeHandler({
        ...parts,
        countSends: createSendCounts({ ...config, timeoutMs: config.waitMs, clock: parts.clock }),
        runRound: async () => {
          const round = { id: options.newRoundId(), startedAt: Math.floor(parts.clock.now() / 1_000) }
          return (await Promise.all([probeWayOut(round, out), probeWayBack(round, back)])).flat()
        },
        refreshNames: () => refreshForAWhile(names),
      })
    },
  }
}

/** Customer.io's App API within the function's share of the rate, which both tasks have between them. */
export function createAppApi({ appApi }: ProbeConfig, { log, clock, random }: FunctionParts): CustomerIOService {
  const rate = new RateLimiter({ requestsPerSecond: appApi.lookUpsPerSecond, clock, random })
  return new CustomerIOService({
    app: {
      url: appApi.url,
      timeoutMs: appApi.requestTimeoutMs,
      rateWaitMs: appApi.rateWaitMs,
      apiKey: createSecret({ ...appApi.apiKey, log, clock }),
      rate,
      // It only looks: one budget is all it has.
      broadcastRate: rate,
      lookUpRate: rate,
    },
    log,
    clock,
  })
}

/** The names of the App API, and the table that they are kept in. */
export function createNames(
  { projectId, dataset, waitMs }: ProbeConfig,
  { clock }: Pick<FunctionParts, 'clock'>,
  service: CustomerIOService,
): NamesOptions {
  // The client finds `BIGQUERY_EMULATOR_HOST` by itself.
  const names = createNameStore(new BigQuery({ projectId, retryOptions: { autoRetry: false } }), dataset)
  return { lookUp: (path) => service.lookUp(path), names, budgetMs: waitMs, clock }
}

/** From applications to Customer.io, as it really is. */
export function createWayOut(
  { projectId, topicPrefix, waitMs }: ProbeConfig,
  { clock }: Pick<FunctionParts, 'clock'>,
  service: CustomerIOService,
): WayOut {
  const publisher = new MessagingPublisher({
    pubsub: new PubSub({ projectId }),
    topicPrefix,
    timeoutMs: PROBE_STEP_TIMEOUT_MS,
    now: clock.now,
    after: clock.after,
  })
  const identifiers = { id: PROBE_PERSON_ID }
  const about = ({ id, startedAt }: Round) => ({ identifiers, timestamp: startedAt, attributes: { [ATTRIBUTE]: id } })
  return {
    publish: {
      identify: (round) => publisher.identifyUser(about(round), { idempotencyKey: round.id }),
      track: (round) => publisher.trackEvent({ ...about(round), name: EVENT }, { idempotencyKey: round.id }),
    },
    findActivities: () => service.findActivities(PROBE_PERSON_ID),
    waitMs,
    clock,
  }
}

/** From Customer.io to the warehouse, as it really is. */
export function createWayBack(
  config: ProbeConfig,
  { log, clock, fetch }: FunctionParts & Pick<ProbeOptions, 'fetch'>,
): WayBack {
  const { webhookUrl, projectId, dataset, waitMs } = config
  const signingKeys = createSecret({ ...config.signingKeys, log, clock })
  return {
    signingKeys: () => signingKeys.current(),
    async post({ headers, body }) {
      // Not followed: who sends the webhook on elsewhere is not the function.
      const request = { method: 'POST', headers, body, redirect: 'manual' } as const
      const response = await withTimeout(clock, PROBE_STEP_TIMEOUT_MS, fetch(webhookUrl, request))
      await response.body?.cancel()
      return response.status
    },
    isStored: createRowQuery({ projectId, dataset, clock }),
    waitMs,
    clock,
  }
}
