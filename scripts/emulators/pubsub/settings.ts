import { FilterSyntaxError, type MessageFilter, parseFilter } from './filter.ts'
import { parseName } from './names.ts'
import type { Api } from './protos.ts'
import { invalidArgument } from './refusals.ts'
import { durationToMs } from './time.ts'
import { readTransform, type Transform } from './transform.ts'

export interface PushSettings {
  readonly endpoint: string
  /** Pushes carry a token of this account where it is set. */
  readonly oidc?: { readonly email: string; readonly audience: string }
}

/** A table that takes each message as a row, by its own schema. */
export interface BigQuerySettings {
  /** `project.dataset.table` */
  readonly table: string
  /** Fields that are no columns are left out; otherwise such a message cannot be written. */
  readonly dropUnknown: boolean
  readonly transform?: Transform
}

/** What a subscription's configuration says, with Pub/Sub's defaults filled in and times in milliseconds. */
export interface SubscriptionSettings {
  readonly ackDeadlineMs: number
  readonly retentionMs: number
  readonly retainAcknowledged: boolean
  readonly ordered: boolean
  readonly filter?: MessageFilter
  readonly retry?: { readonly minimumMs: number; readonly maximumMs: number }
  readonly deadLetter?: { readonly topic: string; readonly maxAttempts: number }
  readonly push?: PushSettings
  readonly bigQuery?: BigQuerySettings
}

const SECOND_MS = 1_000
const DEFAULT_ACK_DEADLINE_SECONDS = 10
const DEFAULT_RETENTION_MS = 7 * 86_400 * SECOND_MS
const DEFAULT_MINIMUM_BACKOFF_MS = 10 * SECOND_MS
const DEFAULT_MAXIMUM_BACKOFF_MS = 600 * SECOND_MS
const DEFAULT_MAX_DELIVERY_ATTEMPTS = 5

/** Reads a subscription's configuration; throws INVALID_ARGUMENT for what Pub/Sub refuses or this server cannot do. */
export function readSettings(subscription: Api['subscription']): SubscriptionSettings {
  if (subscription.cloudStorageConfig || subscription.bigtableConfig) {
    throw invalidArgument('This server delivers by push and pull and to BigQuery, not to Bigtable or Cloud Storage.')
  }
  if (subscription.enableExactlyOnceDelivery) throw invalidArgument('This server has no exactly-once delivery.')
  const filter = readFilter(subscription.filter)
  const retry = readRetryPolicy(subscription.retryPolicy)
  const deadLetter = readDeadLetterPolicy(subscription.deadLetterPolicy)
  const push = readPushConfig(subscription.pushConfig)
  const bigQuery = readBigQueryConfig(subscription)
  if (push && bigQuery) throw invalidArgument('A subscription delivers either by push or to BigQuery.')
  return {
    ackDeadlineMs:
      between(subscription.ackDeadlineSeconds || DEFAULT_ACK_DEADLINE_SECONDS, 10, 600, 'ack_deadline_seconds') *
      SECOND_MS,
    retentionMs: between(
      durationToMs(subscription.messageRetentionDuration) ?? DEFAULT_RETENTION_MS,
      600 * SECOND_MS,
      31 * 86_400 * SECOND_MS,
      'message_retention_duration (ms)',
    ),
    retainAcknowledged: subscription.retainAckedMessages ?? false,
    ordered: subscription.enableMessageOrdering ?? false,
    ...(filter && { filter }),
    ...(retry && { retry }),
    ...(deadLetter && { deadLetter }),
    ...(push && { push }),
    ...(bigQuery && { bigQuery }),
  }
}

/** The value; throws INVALID_ARGUMENT when it is out of range. */
export function between(value: number, minimum: number, maximum: number, field: string): number {
  if (value < minimum || value > maximum) {
    throw invalidArgument(`Invalid ${field}: ${value} is not between ${minimum} and ${maximum}.`)
  }
  return value
}

function readFilter(filter: string | null | undefined): MessageFilter | undefined {
  if (!filter) return undefined
  try {
    return parseFilter(filter)
  } catch (error) {
    if (error instanceof FilterSyntaxError) throw invalidArgument(`Invalid filter: ${error.message}.`)
    throw error
  }
}

function readRetryPolicy(policy: Api['subscription']['retryPolicy']): SubscriptionSettings['retry'] {
  if (!policy) return undefined
  const longest = DEFAULT_MAXIMUM_BACKOFF_MS
  const minimumMs = between(
    durationToMs(policy.minimumBackoff) ?? DEFAULT_MINIMUM_BACKOFF_MS,
    0,
    longest,
    'minimum_backoff (ms)',
  )
  const maximumMs = between(
    durationToMs(policy.maximumBackoff) ?? DEFAULT_MAXIMUM_BACKOFF_MS,
    0,
    longest,
    'maximum_backoff (ms)',
  )
  if (minimumMs > maximumMs) throw invalidArgument('minimum_backoff must not be longer than maximum_backoff.')
  return { minimumMs, maximumMs }
}

function readDeadLetterPolicy(policy: Api['subscription']['deadLetterPolicy']): SubscriptionSettings['deadLetter'] {
  if (!policy) return undefined
  const topic = policy.deadLetterTopic ?? ''
  parseName('topics', topic)
  const maxAttempts = between(
    policy.maxDeliveryAttempts || DEFAULT_MAX_DELIVERY_ATTEMPTS,
    5,
    100,
    'max_delivery_attempts',
  )
  return { topic, maxAttempts }
}

function readPushConfig(config: Api['pushConfig'] | null | undefined): PushSettings | undefined {
  const endpoint = config?.pushEndpoint
  if (!endpoint) return undefined
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
    throw invalidArgument(`Invalid push endpoint given (endpoint=${endpoint}).`)
  }
  if (config.noWrapper) throw invalidArgument('This server pushes wrapped messages only.')
  const email = config.oidcToken?.serviceAccountEmail
  if (!email) return { endpoint }
  return { endpoint, oidc: { email, audience: config.oidcToken?.audience || endpoint } }
}

function readBigQueryConfig({ bigqueryConfig, messageTransforms }: Api['subscription']): BigQuerySettings | undefined {
  const transform = readTransform(messageTransforms)
  if (!bigqueryConfig?.table) {
    if (transform) throw invalidArgument('This server transforms the messages of BigQuery subscriptions only.')
    return undefined
  }
  const { table, useTableSchema, writeMetadata, dropUnknownFields } = bigqueryConfig
  // Both spellings of a table are accepted, as by Pub/Sub.
  const name = table.replace(':', '.')
  if (!/^[^.]+\.\w+\.\w+$/.test(name)) throw invalidArgument(`Invalid BigQuery table: ${table}.`)
  if (!useTableSchema || writeMetadata) {
    throw invalidArgument("This server writes to BigQuery by the table's schema only, and no metadata.")
  }
  return { table: name, dropUnknown: dropUnknownFields ?? false, ...(transform && { transform }) }
}
