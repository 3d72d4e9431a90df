import * as z from 'zod'
import type { SecretSource } from '../secrets/index.ts'

/**
 * The groups of variables that functions share. Each makes a zod shape over the environment; the functions' schemas
 * spread those they need, and a cold start makes no other. Every message names the fix and none repeats a value, since a value may be a secret.
 */

const text = (fix: string) => z.string({ error: `is not set: ${fix}` })

/** The rule that a number breaks, or undefined. */
function brokenRule(text: string, unit: string, least: number, most: number): string | undefined {
  if (!/^\d+(\.\d+)?$/.test(text)) return `must be a number of ${unit}`
  if (Number(text) < least) return `must be at least ${least} ${unit}`
  if (Number(text) > most) return `must be at most ${most} ${unit}`
  return undefined
}

/** A number within bounds, with a default: the variable is only needed to deviate from it. */
const number = (unit: string, fallback: number, least: number, most: number) =>
  z
    .string()
    .optional()
    .transform((text, { addIssue }) => {
      if (text === undefined) return fallback
      const rule = brokenRule(text, unit, least, most)
      if (rule !== undefined) addIssue(rule)
      return Number(text)
    })

const whole = (unit: string, fallback: number, least: number, most: number) =>
  number(unit, fallback, least, most).refine(Number.isInteger, `must be a whole number of ${unit}`)

const httpUrl = () =>
  z.url({ protocol: /^https?$/, error: 'must be an http or https address' }).transform((url) => url.replace(/\/+$/, ''))

export const processShape = () => ({
  GOOGLE_CLOUD_PROJECT: text("set it to the project's id"),
  LOG_LEVEL: z
    .enum(['DEBUG', 'INFO', 'WARNING', 'ERROR'], { error: 'must be DEBUG, INFO, WARNING or ERROR' })
    .default('INFO'),
})
type ProcessVariables = z.output<z.ZodObject<ReturnType<typeof processShape>>>

export interface ProcessConfig {
  readonly projectId: string
  readonly logLevel: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR'
}
export const processConfig = (env: ProcessVariables): ProcessConfig => ({
  projectId: env.GOOGLE_CLOUD_PROJECT,
  logLevel: env.LOG_LEVEL,
})

export const deadLetterShape = () => ({
  DEAD_LETTER_TOPIC: text('name the topic for messages that are refused or exhausted'),
  MAX_DELIVERY_ATTEMPTS: z
    .string({ error: "is not set: give it the subscription's max_delivery_attempts" })
    .regex(/^\d+$/, 'must be a whole number of attempts')
    .transform(Number)
    .pipe(z.number().min(5, 'must be at least 5, as Pub/Sub wants').max(100, 'must be at most 100, as Pub/Sub wants')),
})
type DeadLetterVariables = z.output<z.ZodObject<ReturnType<typeof deadLetterShape>>>

export interface DeadLetterConfig {
  readonly topic: string
  readonly maxDeliveryAttempts: number
}
export const deadLetterConfig = (env: DeadLetterVariables): DeadLetterConfig => ({
  topic: env.DEAD_LETTER_TOPIC,
  maxDeliveryAttempts: env.MAX_DELIVERY_ATTEMPTS,
})

/** A secret is `NAME`, a literal, or `NAME_FILE`, the path of a mounted secret. */
export const secretShape = <Name extends string>(name: Name) =>
  ({ [name]: z.string().optional(), [`${name}_FILE`]: z.string().optional() }) as Record<
    Name | `${Name}_FILE`,
    z.ZodOptional<z.ZodString>
  >

export function secretSource<Name extends string>(
  env: Partial<Record<Name | `${Name}_FILE`, string | undefined>>,
  name: Name,
): SecretSource {
  return { name, value: env[name], file: env[`${name}_FILE`] }
}

/** What is wrong with how a secret is given, if anything. That its content is `unset` shows only when it is read. */
export function secretProblem(env: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const literal = env[name] !== undefined
  const file = env[`${name}_FILE`] !== undefined
  if (literal && file) return `is set beside ${name}_FILE: keep one of them`
  if (!literal && !file)
    return `is not set: set ${name}_FILE to the path of the mounted secret, or ${name} to its value`
  return undefined
}

const regionShape = () => ({
  CUSTOMERIO_REGION: z.enum(['us', 'eu'], { error: "must be us or eu, the account's region" }),
})

export const trackApiShape = () => ({
  ...regionShape(),
  CUSTOMERIO_TRACK_URL: httpUrl().optional(),
  ...secretShape('CUSTOMERIO_SITE_ID'),
  ...secretShape('CUSTOMERIO_TRACK_API_KEY'),
  CUSTOMERIO_REQUESTS_PER_SECOND: number('requests per second', 100, 0.01, 3_000),
  CUSTOMERIO_REQUEST_TIMEOUT_MS: whole('milliseconds', 5_000, 100, 30_000),
})
type TrackApiVariables = z.output<z.ZodObject<ReturnType<typeof trackApiShape>>>

export interface TrackApiConfig {
  /** As the SDK's `url` option wants it: with `/api/v1`, from which it derives v2. */
  readonly url: string
  readonly siteId: SecretSource
  readonly apiKey: SecretSource
  /** This process's share of the account's limit. */
  readonly requestsPerSecond: number
  readonly requestTimeoutMs: number
}
export const trackApiConfig = (env: TrackApiVariables): TrackApiConfig => ({
  url: env.CUSTOMERIO_TRACK_URL ?? `https://track${env.CUSTOMERIO_REGION === 'eu' ? '-eu' : ''}.customer.io/api/v1`,
  siteId: secretSource(env, 'CUSTOMERIO_SITE_ID'),
  apiKey: secretSource(env, 'CUSTOMERIO_TRACK_API_KEY'),
  requestsPerSecond: env.CUSTOMERIO_REQUESTS_PER_SECOND,
  requestTimeoutMs: env.CUSTOMERIO_REQUEST_TIMEOUT_MS,
})

export const appApiShape = () => ({
  ...regionShape(),
  CUSTOMERIO_APP_URL: httpUrl().optional(),
  ...secretShape('CUSTOMERIO_APP_API_KEY'),
  CUSTOMERIO_REQUESTS_PER_SECOND: number('requests per second', 100, 0.01, 3_000),
  // A send that times out is uncertain and waits for a look-up, so it gets more time than a batch, which is simply retried.
  CUSTOMERIO_REQUEST_TIMEOUT_MS: whole('milliseconds', 10_000, 100, 30_000),
})
type AppApiVariables = z.output<z.ZodObject<ReturnType<typeof appApiShape>>>

export interface AppApiConfig {
  /** As the SDK's `url` option wants it: with `/v1`. */
  readonly url: string
  readonly apiKey: SecretSource
  readonly requestsPerSecond: number
  readonly requestTimeoutMs: number
}
export const appApiConfig = (env: AppApiVariables): AppApiConfig => ({
  url: env.CUSTOMERIO_APP_URL ?? `https://api${env.CUSTOMERIO_REGION === 'eu' ? '-eu' : ''}.customer.io/v1`,
  apiKey: secretSource(env, 'CUSTOMERIO_APP_API_KEY'),
  requestsPerSecond: env.CUSTOMERIO_REQUESTS_PER_SECOND,
  requestTimeoutMs: env.CUSTOMERIO_REQUEST_TIMEOUT_MS,
})

export interface BatchConfig {
  readonly maxItems: number
  /** Bytes of the whole request body. */
  readonly maxBytes: number
  readonly maxItemBytes: number
  readonly maxInFlight: number
  /** How long an item may wait for its batch before it is answered 503. */
  readonly maxWaitMs: number
  /** Items beyond this are answered 503 at once. */
  readonly maxQueueItems: number
}

/** Bounds of the group commit; the server's own limits are the upper bounds. */
export const batchShape = (
  defaults: BatchConfig,
  most: Pick<BatchConfig, 'maxItems' | 'maxBytes' | 'maxItemBytes'>,
) => ({
  BATCH_MAX_ITEMS: whole('items', defaults.maxItems, 1, most.maxItems),
  BATCH_MAX_BYTES: whole('bytes', defaults.maxBytes, 1, most.maxBytes),
  BATCH_MAX_ITEM_BYTES: whole('bytes', defaults.maxItemBytes, 1, most.maxItemBytes),
  BATCH_MAX_IN_FLIGHT: whole('batches', defaults.maxInFlight, 1, 100),
  // Below the least ack deadline, so that the answer still reaches Pub/Sub.
  BATCH_MAX_WAIT_MS: whole('milliseconds', defaults.maxWaitMs, 1, 60_000),
  BATCH_MAX_QUEUE_ITEMS: whole('items', defaults.maxQueueItems, 1, 100_000),
})
type BatchVariables = z.output<z.ZodObject<ReturnType<typeof batchShape>>>

export const batchConfig = (env: BatchVariables): BatchConfig => ({
  maxItems: env.BATCH_MAX_ITEMS,
  maxBytes: env.BATCH_MAX_BYTES,
  maxItemBytes: env.BATCH_MAX_ITEM_BYTES,
  maxInFlight: env.BATCH_MAX_IN_FLIGHT,
  maxWaitMs: env.BATCH_MAX_WAIT_MS,
  maxQueueItems: env.BATCH_MAX_QUEUE_ITEMS,
})

/** The share of a lease beyond the request's timeout that must be left when a send begins, milliseconds. */
const LEAST_LEASE_REMAINDER_MS = 10_000

export const ledgerShape = () => ({
  SEND_LEDGER_DATABASE: text('name the Firestore database of the send ledger'),
  SEND_LEDGER_COLLECTION: z.string().default('sends'),
  SEND_LEDGER_SETTLE_SECONDS: whole('seconds', 60, 0, 600),
  SEND_LEDGER_ON_NOT_FOUND: z
    .enum(['dead_letter', 'resend'], { error: 'must be dead_letter or resend' })
    .default('dead_letter'),
  SEND_LEDGER_LEASE_MARGIN_SECONDS: whole('seconds', 20, LEAST_LEASE_REMAINDER_MS / 1_000 + 1, 300),
  // Shorter than 38 days (source 7, dead letters 31), a replay would no longer meet its record and send twice.
  SEND_LEDGER_TTL_DAYS: whole('days', 45, 39, 365),
})
type LedgerVariables = z.output<z.ZodObject<ReturnType<typeof ledgerShape>>>

export interface LedgerConfig {
  readonly database: string
  readonly collection: string
  /** After an uncertain send, how long until Customer.io is asked, and after a lease, until it counts as over. */
  readonly settleMs: number
  /** What becomes of an uncertain send of which Customer.io shows nothing. */
  readonly onNotFound: 'dead_letter' | 'resend'
  /** A lease lasts the request's timeout and this. */
  readonly leaseMarginMs: number
  /** How long a record is kept. */
  readonly ttlMs: number
}
export const ledgerConfig = (env: LedgerVariables): LedgerConfig => ({
  database: env.SEND_LEDGER_DATABASE,
  collection: env.SEND_LEDGER_COLLECTION,
  settleMs: env.SEND_LEDGER_SETTLE_SECONDS * 1_000,
  onNotFound: env.SEND_LEDGER_ON_NOT_FOUND,
  leaseMarginMs: env.SEND_LEDGER_LEASE_MARGIN_SECONDS * 1_000,
  ttlMs: env.SEND_LEDGER_TTL_DAYS * 86_400_000,
})

export const webhookShape = () => ({
  WEBHOOK_EVENTS_TOPIC: text('name the topic that webhooks are published to'),
  ...secretShape('CUSTOMERIO_WEBHOOK_SIGNING_KEYS'),
  WEBHOOK_MAX_AGE_SECONDS: z
    .string()
    .regex(/^[1-9]\d*$/, 'must be a whole number of seconds; leave it out for no age limit')
    .transform(Number)
    .optional(),
  // Customer.io wants the whole answer within 4 s.
  WEBHOOK_PUBLISH_TIMEOUT_MS: whole('milliseconds', 3_000, 10, 3_500),
  // Cloud Run takes no HTTP/1 request above 32 MiB. By default less, so that the bodies of 32 requests at once, each held
  // twice while it is put together, fit 2 GiB whoever sends them.
  WEBHOOK_MAX_BODY_BYTES: whole('bytes', 20_971_520, 1, 33_554_432),
})

export const warehouseShape = () => ({ BIGQUERY_DATASET: text('name the dataset of the warehouse') })
