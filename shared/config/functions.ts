import * as z from 'zod'
import type { SecretSource } from '../secrets/index.ts'
import {
  type AppApiConfig,
  appApiConfig,
  appApiShape,
  type BatchConfig,
  batchConfig,
  batchShape,
  type DeadLetterConfig,
  deadLetterConfig,
  deadLetterShape,
  type LedgerConfig,
  ledgerConfig,
  ledgerShape,
  type ProcessConfig,
  processConfig,
  processShape,
  secretProblem,
  secretSource,
  type TrackApiConfig,
  trackApiConfig,
  trackApiShape,
  warehouseShape,
  webhookShape,
} from './parts.ts'

/**
 * What each function is told by its environment, parsed once at start.
 *
 * A `parse…` throws a ConfigurationError that lists everything wrong at once. The function's entry point catches it,
 * logs it, and answers every request 503: nothing is lost (Pub/Sub and Customer.io deliver again), the log says what
 * to set, and the alert on errors sees it, which a process that ends at start would leave to a platform's message
 * about a failed health check.
 */

type Environment = Readonly<Record<string, string | undefined>>

/** Everything wrong with the environment. Names variables and fixes; shows no value. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`invalid configuration: ${problems.join('; ')}`)
    this.problems = problems
  }
}

/** An empty variable is one that is not set: Terraform and shells write it so. */
function withoutEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
}

function parse<Shape extends z.ZodRawShape>(
  shape: Shape,
  secrets: readonly string[],
  environment: Environment,
): z.output<z.ZodObject<Shape>> {
  const env = withoutEmpty(environment)
  const problems: string[] = []
  for (const name of secrets) {
    const problem = secretProblem(env, name)
    if (problem !== undefined) problems.push(`${name} ${problem}`)
  }
  const parsed = z.object(shape).safeParse(env)
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`))
  if (!parsed.success || problems.length > 0) throw new ConfigurationError(problems)
  return parsed.data
}

/** Customer.io's limits for a v2 batch are 500 kB, 32 kB an item; it states no number of items. */
const trackBatchShape = () =>
  batchShape(
    { maxItems: 100, maxBytes: 450_000, maxItemBytes: 30_000, maxInFlight: 4, maxWaitMs: 10_000, maxQueueItems: 2_000 },
    { maxItems: 1_000, maxBytes: 500_000, maxItemBytes: 32_000 },
  )
/**
 * BigQuery's limits for an insert are 10 MB a request and 50,000 rows, of which it recommends 500. A quarter of what an
 * instance is given at a time, so that all four inserts can be under way.
 */
const insertBatchShape = () =>
  batchShape(
    {
      maxItems: 100,
      maxBytes: 8_000_000,
      maxItemBytes: 8_000_000,
      maxInFlight: 4,
      maxWaitMs: 10_000,
      maxQueueItems: 2_000,
    },
    { maxItems: 50_000, maxBytes: 10_000_000, maxItemBytes: 10_000_000 },
  )

/** What the identify and the track function share: they differ in the topic that pushes to them. */
export interface IdentifyConfig extends ProcessConfig {
  readonly deadLetter: DeadLetterConfig
  readonly trackApi: TrackApiConfig
  readonly batch: BatchConfig
}
export type TrackConfig = IdentifyConfig

const TRACK_SECRETS = ['CUSTOMERIO_SITE_ID', 'CUSTOMERIO_TRACK_API_KEY']

/** @throws {ConfigurationError} */
export function parseIdentifyConfig(environment: Environment): IdentifyConfig {
  const shape = { ...processShape(), ...deadLetterShape(), ...trackApiShape(), ...trackBatchShape() }
  const env = parse(shape, TRACK_SECRETS, environment)
  return {
    ...processConfig(env),
    deadLetter: deadLetterConfig(env),
    trackApi: trackApiConfig(env),
    batch: batchConfig(env),
  }
}

/** @throws {ConfigurationError} */
export const parseTrackConfig: (environment: Environment) => TrackConfig = parseIdentifyConfig

export interface TransactionalConfig extends ProcessConfig {
  readonly deadLetter: DeadLetterConfig
  readonly appApi: AppApiConfig
  readonly ledger: LedgerConfig
}

/** @throws {ConfigurationError} */
export function parseTransactionalConfig(environment: Environment): TransactionalConfig {
  const shape = { ...processShape(), ...deadLetterShape(), ...appApiShape(), ...ledgerShape() }
  const env = parse(shape, ['CUSTOMERIO_APP_API_KEY'], environment)
  return {
    ...processConfig(env),
    deadLetter: deadLetterConfig(env),
    appApi: appApiConfig(env),
    ledger: ledgerConfig(env),
  }
}

export interface WebhookConfig extends ProcessConfig {
  readonly topic: string
  /** A key ring: one key a line, the current one first. */
  readonly signingKeys: SecretSource
  /** No limit when absent: whether Customer.io signs a retry afresh is not known. */
  readonly maxAgeSeconds: number | undefined
  readonly publishTimeoutMs: number
  readonly maxBodyBytes: number
}

/** @throws {ConfigurationError} */
export function parseWebhookConfig(environment: Environment): WebhookConfig {
  const env = parse({ ...processShape(), ...webhookShape() }, ['CUSTOMERIO_WEBHOOK_SIGNING_KEYS'], environment)
  return {
    ...processConfig(env),
    topic: env.WEBHOOK_EVENTS_TOPIC,
    signingKeys: secretSource(env, 'CUSTOMERIO_WEBHOOK_SIGNING_KEYS'),
    maxAgeSeconds: env.WEBHOOK_MAX_AGE_SECONDS,
    publishTimeoutMs: env.WEBHOOK_PUBLISH_TIMEOUT_MS,
    maxBodyBytes: env.WEBHOOK_MAX_BODY_BYTES,
  }
}

export interface WarehouseConfig extends ProcessConfig {
  readonly deadLetter: DeadLetterConfig
  readonly dataset: string
  readonly batch: BatchConfig
}

/** @throws {ConfigurationError} */
export function parseWarehouseConfig(environment: Environment): WarehouseConfig {
  const env = parse(
    { ...processShape(), ...deadLetterShape(), ...warehouseShape(), ...insertBatchShape() },
    [],
    environment,
  )
  return {
    ...processConfig(env),
    deadLetter: deadLetterConfig(env),
    dataset: env.BIGQUERY_DATASET,
    batch: batchConfig(env),
  }
}
