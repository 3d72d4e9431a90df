import * as z from 'zod'
import { parseRecipients, type RecipientRules } from '../recipients/index.ts'
import { LEAST_BODY_MEMORY_BYTES } from './memory.ts'
import {
  type Environment,
  httpUrl,
  number,
  oneOf,
  optionalNumber,
  optionalSecret,
  secret,
  settings,
  text,
  textOr,
} from './setting.ts'

/**
 * The groups of settings that functions share. Each is a function, so that a cold start makes only those of its own
 * function. Every message names the fix and none repeats a value, since a value may be a secret.
 */

const SEVERITIES = ['DEBUG', 'INFO', 'WARNING', 'ERROR'] as const

/**
 * In any letter case, and INFO when it is none of these: no message and no webhook has to wait because of a word that
 * only decides what is logged. {@link doubtfulSettings} tells of it.
 */
function severity(): z.ZodType<(typeof SEVERITIES)[number]> {
  const schema = z.enum(SEVERITIES).catch('INFO')
  settings.add(schema, {
    variables: [
      {
        name: 'LOG_LEVEL',
        meaning: 'the least severity that is logged',
        setBy: 'values.yaml',
        default: 'INFO',
        range:
          'DEBUG, INFO, WARNING or ERROR, in any letter case; anything else counts as INFO, with a warning in the log',
      },
    ],
    read: (env) => env.LOG_LEVEL?.toUpperCase(),
  })
  return schema
}

/** What is set to something that stops no message, and is a mistake all the same. Shows no value. */
export function doubtfulSettings({ LOG_LEVEL: level = '' }: Environment): readonly string[] {
  const severity = SEVERITIES.find((each) => each === (level || 'INFO').toUpperCase())
  if (severity === undefined) return ['LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR: INFO is used instead']
  if (severity === 'DEBUG' || severity === 'INFO') return []
  return ['LOG_LEVEL is above INFO: metrics, alerts and SLO count lines of INFO, and see nothing. Set it to INFO']
}

export const processSettings = () => ({
  projectId: text('GOOGLE_CLOUD_PROJECT', {
    meaning: "the project's id",
    setBy: 'values.yaml',
    fix: "set it to the project's id",
  }),
  logLevel: severity(),
  bodyMemoryBytes: number('BODY_MEMORY_BYTES', 536_870_912, {
    meaning:
      'how much memory the requests that are held may take for their bodies; one that does not fit is answered 503',
    setBy: 'Terraform',
    unit: 'bytes',
    from: LEAST_BODY_MEMORY_BYTES,
    to: 34_359_738_368,
  }),
})

const ackDeadline = () =>
  number('ACK_DEADLINE_SECONDS', undefined, {
    meaning: "the subscription's ack_deadline_seconds: a push that is answered later is delivered again",
    setBy: 'Terraform',
    unit: 'seconds',
    from: 10,
    to: 600,
    scale: 1_000,
  })

/** What a function knows of the subscription that pushes to it. */
export const pushSettings = () => ({
  ackDeadlineMs: ackDeadline(),
  deadLetter: z.object({
    topic: text('DEAD_LETTER_TOPIC', {
      meaning: 'the topic for messages that are refused or exhausted',
      setBy: 'Terraform',
      fix: 'name the topic for messages that are refused or exhausted',
    }),
    maxDeliveryAttempts: number('MAX_DELIVERY_ATTEMPTS', undefined, {
      meaning: "the subscription's max_delivery_attempts",
      setBy: 'Terraform',
      unit: 'attempts',
      from: 5,
      to: 100,
    }),
  }),
})

/**
 * Of the functions that deliver to Customer.io. While the secret holds no key, `identify` and `track` record no person, and
 * `transactional` answers 503.
 */
export const personSettings = () => ({
  personHashKeys: secret(
    'PERSON_HASH_KEYS',
    'the keys that persons and contents are hashed with in ledger and log, one per line, the current one first',
  ),
})

/**
 * Without it nothing is sent: a copy of production that forgets to say whom it may write to would write to everybody.
 */
function recipients(): z.ZodType<'anyone' | RecipientRules> {
  const fix = 'give it the rules of `recipients` in values.yaml, or `anyone` in production'
  const schema = z.string({ error: `is not set: ${fix}` }).transform((text, { addIssue }) => {
    const parsed = parseRecipients(text)
    if (typeof parsed === 'string' || 'allow' in parsed) return parsed
    for (const problem of parsed.problems) addIssue(problem)
    return z.NEVER
  })
  settings.add(schema, {
    variables: [
      {
        name: 'RECIPIENTS',
        meaning: 'whom the environment may write to, and what becomes of messages to anybody else',
        setBy: 'values.yaml',
        range: '`anyone`, or [rules](../recipients/README.md) as JSON',
      },
    ],
    read: (env) => env.RECIPIENTS,
  })
  return schema
}

/** Of the functions that deliver to Customer.io. */
export const recipientSettings = () => ({ recipients: recipients() })

/** Of the functions that deliver to Customer.io. While the secret cannot be read, they answer 503. */
export const cancelSettings = () => ({
  cancellations: z.object({
    source: optionalSecret(
      'CANCELLATIONS',
      'what operators have cancelled, as `cio-gcp cancel` writes it',
      'nothing is ever cancelled',
    ),
    maxAgeMs: milliseconds(
      'CANCELLATIONS_MAX_AGE_MS',
      20_000,
      100,
      20_000,
      'how old that may be before it is read again; with the waits of a delivery, a cancellation takes effect within a minute',
    ),
  }),
})

const region = () =>
  oneOf('CUSTOMERIO_REGION', ['us', 'eu'], undefined, {
    meaning: "the Customer.io account's data centre",
    setBy: 'values.yaml',
  })

/** The host of the account's region: `https://track-eu.customer.io` for the European Track API. */
const apiUrl = (name: string, host: 'track' | 'api', path: string, meaning: string) =>
  httpUrl(
    name,
    {
      words: `https://${host}.customer.io${path}, or ${host}-eu in the region eu`,
      from: (env) => `https://${host}${env.CUSTOMERIO_REGION === 'eu' ? '-eu' : ''}.customer.io${path}`,
    },
    { meaning, setBy: 'local' },
  )

const perSecond = (name: string, fallback: number, to: number, meaning: string) =>
  number(name, fallback, { meaning, setBy: 'Terraform', unit: 'requests per second', from: 0.0001, to, decimals: true })

const milliseconds = (name: string, fallback: number, from: number, to: number, meaning: string) =>
  number(name, fallback, { meaning, setBy: 'pipeline.yaml', unit: 'milliseconds', from, to })

const rateWait = () =>
  milliseconds('CUSTOMERIO_RATE_WAIT_MS', 5_000, 1, 30_000, 'how long a request waits for its turn within the rate')

export const trackApiSettings = () =>
  z.object({
    region: region(),
    url: apiUrl('CUSTOMERIO_TRACK_URL', 'track', '/api/v1', 'address of the Track API, with /api/v1'),
    siteId: secret('CUSTOMERIO_SITE_ID', "the Track API's site id"),
    apiKey: secret('CUSTOMERIO_TRACK_API_KEY', "the Track API's key"),
    requestsPerSecond: perSecond(
      'CUSTOMERIO_REQUESTS_PER_SECOND',
      100,
      3_000,
      "this instance's share of the account's limit for batches",
    ),
    rateWaitMs: rateWait(),
    requestTimeoutMs: milliseconds('CUSTOMERIO_REQUEST_TIMEOUT_MS', 5_000, 100, 30_000, 'how long a batch may take'),
    divideMs: milliseconds(
      'CUSTOMERIO_DIVIDE_MS',
      18_000,
      1,
      300_000,
      'how long a refused batch is divided to find the item that Customer.io refuses; the rest is delivered again',
    ),
  })

/** How the App API is reached, and how often it may be asked for what is neither a send nor a broadcast. */
const lookUpSettings = () => ({
  region: region(),
  url: apiUrl('CUSTOMERIO_APP_URL', 'api', '/v1', 'address of the App API, with /v1'),
  apiKey: secret('CUSTOMERIO_APP_API_KEY', "the App API's key"),
  lookUpsPerSecond: perSecond(
    'CUSTOMERIO_LOOK_UPS_PER_SECOND',
    2,
    100,
    "this instance's share of the account's limit for other requests to the App API, which is ten per second",
  ),
  rateWaitMs: rateWait(),
})

export const appApiSettings = () =>
  z.object({
    ...lookUpSettings(),
    requestsPerSecond: perSecond(
      'CUSTOMERIO_REQUESTS_PER_SECOND',
      100,
      3_000,
      "this instance's share of the account's limit for sends",
    ),
    broadcastsPerSecond: perSecond(
      'CUSTOMERIO_BROADCASTS_PER_SECOND',
      0.1,
      10,
      "this instance's share of the account's limit for broadcasts, which is one in ten seconds",
    ),
    // A send that times out is uncertain and waits for a look-up: it gets more time than a batch, which is retried. With
    // the ledger's write after it, it must fit what is left of a process that shuts down.
    requestTimeoutMs: milliseconds('CUSTOMERIO_REQUEST_TIMEOUT_MS', 8_000, 100, 30_000, 'how long a send may take'),
    lookUpMs: milliseconds(
      'CUSTOMERIO_LOOK_UP_MS',
      10_000,
      100,
      60_000,
      'how long Customer.io is asked what became of an uncertain send, with all pages of its answer',
    ),
  })

interface BatchLimits {
  readonly maxItems: number
  readonly maxBytes: number
  readonly maxItemBytes: number
}

/** Limits of the group commit. The server's own limits are the upper bounds. */
const batchSettings = (usual: BatchLimits & { readonly maxInFlight: number }, most: BatchLimits) => {
  const limit = (name: string, unit: string, fallback: number, to: number, meaning: string) =>
    number(name, fallback, { meaning, setBy: 'pipeline.yaml', unit, from: 1, to })
  return z.object({
    maxItems: limit('BATCH_MAX_ITEMS', 'items', usual.maxItems, most.maxItems, 'items in one request'),
    maxBytes: limit('BATCH_MAX_BYTES', 'bytes', usual.maxBytes, most.maxBytes, 'size of one request'),
    maxItemBytes: limit('BATCH_MAX_ITEM_BYTES', 'bytes', usual.maxItemBytes, most.maxItemBytes, 'size of one item'),
    maxInFlight: limit(
      'BATCH_MAX_IN_FLIGHT',
      'requests',
      usual.maxInFlight,
      100,
      'requests under way at the same time',
    ),
    maxWaitMs: milliseconds('BATCH_MAX_WAIT_MS', 10_000, 1, 60_000, 'how long an item waits before it is answered 503'),
    maxQueueItems: limit('BATCH_MAX_QUEUE_ITEMS', 'items', 2_000, 100_000, 'items that wait; one more is answered 503'),
    // Each of them is a request that is being held: half of the `concurrency` of `identify` in pipeline.yaml.
    maxBlockedItems: limit(
      'BATCH_MAX_BLOCKED_ITEMS',
      'items',
      200,
      100_000,
      'items that wait for another of the same person or object, half as many for one of them; one more is answered 503',
    ),
  })
}

/**
 * Customer.io's limits for a v2 batch are 500 kB, and 32 kB per item; it states no number of items. Ten full batches are what an
 * instance of `track` is given at a time: with fewer under way, pushes would wait although the rate allows more requests.
 */
export const trackBatchSettings = () =>
  batchSettings(
    { maxItems: 100, maxBytes: 450_000, maxItemBytes: 30_000, maxInFlight: 10 },
    { maxItems: 1_000, maxBytes: 500_000, maxItemBytes: 32_000 },
  )

/**
 * BigQuery's limits for an insert are 10 MB per request and 50,000 rows, of which it recommends 500. A quarter of what
 * an instance is given at a time, so that all four inserts can be under way.
 */
export const insertBatchSettings = () =>
  batchSettings(
    { maxItems: 100, maxBytes: 8_000_000, maxItemBytes: 8_000_000, maxInFlight: 4 },
    { maxItems: 50_000, maxBytes: 10_000_000, maxItemBytes: 10_000_000 },
  )

/** Of a function whose messages may move to the bulk lane of the topic that they came from. */
export const bulkLaneSettings = () =>
  z.object({
    topic: text('BULK_LANE_TOPIC', {
      meaning: 'the topic that pushes to the function: to its bulk lane go the updates of an object that floods',
      setBy: 'Terraform',
      fix: 'name the topic that pushes to the function',
    }),
    // Fewer than the pushes that a new subscription begins with: those that wait must not be all of them.
    fromItems: number('BULK_LANE_FROM_ITEMS', 5, {
      meaning:
        'updates that wait for another of the same object; one more without an ordering key goes to the bulk lane',
      setBy: 'pipeline.yaml',
      unit: 'items',
      from: 1,
      to: 100_000,
    }),
  })

/** The part of a lease that must be left when a send begins, besides the request's timeout, in seconds. */
const LEAST_LEASE_REMAINDER_SECONDS = 10

export const ledgerSettings = () => {
  const seconds = (name: string, fallback: number, from: number, to: number, meaning: string) =>
    number(name, fallback, { meaning, setBy: 'pipeline.yaml', unit: 'seconds', from, to, scale: 1_000 })
  return z.object({
    database: text('SEND_LEDGER_DATABASE', {
      meaning: 'the Firestore database of the send ledger',
      setBy: 'Terraform',
      fix: 'name the Firestore database of the send ledger',
    }),
    collection: textOr('SEND_LEDGER_COLLECTION', 'sends', {
      meaning: 'the collection of the send ledger',
      setBy: 'Terraform',
    }),
    settleMs: seconds(
      'SEND_LEDGER_SETTLE_SECONDS',
      60,
      0,
      600,
      'how long after an uncertain send Customer.io is asked about it, and after the end of a lease it counts as over',
    ),
    onNotFound: oneOf('SEND_LEDGER_ON_NOT_FOUND', ['dead_letter', 'resend'], 'dead_letter', {
      meaning: 'what becomes of an uncertain send that Customer.io does not list',
      setBy: 'pipeline.yaml',
    }),
    leaseMarginMs: seconds(
      'SEND_LEDGER_LEASE_MARGIN_SECONDS',
      20,
      LEAST_LEASE_REMAINDER_SECONDS + 1,
      300,
      'how much longer than the request timeout a claim holds',
    ),
    claimTimeoutMs: milliseconds(
      'SEND_LEDGER_CLAIM_TIMEOUT_MS',
      5_000,
      100,
      30_000,
      'how long the ledger may take to claim a send, and after a look-up to claim it again',
    ),
    writeTimeoutMs: milliseconds(
      'SEND_LEDGER_WRITE_TIMEOUT_MS',
      1_500,
      100,
      30_000,
      'how long the ledger may take to write the outcome of a send',
    ),
    // Shorter than 38 days (source 7, dead letters 31), a replay would no longer meet its record and send twice. By default also
    // the topic's own 7 days are within it.
    ttlMs: number('SEND_LEDGER_TTL_DAYS', 52, {
      meaning: 'how long a record is kept',
      setBy: 'Terraform',
      unit: 'days',
      from: 39,
      to: 365,
      scale: 86_400_000,
    }),
  })
}

const signingKeys = () =>
  secret('CUSTOMERIO_WEBHOOK_SIGNING_KEYS', "the webhooks' signing keys, one per line, the current one first")

export const webhookSettings = () => ({
  topic: text('WEBHOOK_EVENTS_TOPIC', {
    meaning: 'the topic that webhooks are published to',
    setBy: 'Terraform',
    fix: 'name the topic that webhooks are published to',
  }),
  signingKeys: signingKeys(),
  // Whether Customer.io signs a retry again is not known.
  maxAgeSeconds: optionalNumber('WEBHOOK_MAX_AGE_SECONDS', 'no age limit', {
    meaning: 'how old the signature of a webhook may be',
    setBy: 'pipeline.yaml',
    unit: 'seconds',
    from: 1,
    to: 31_536_000,
  }),
  // Customer.io wants the whole answer within 4 s.
  publishTimeoutMs: milliseconds(
    'WEBHOOK_PUBLISH_TIMEOUT_MS',
    3_000,
    10,
    3_500,
    'from the arrival of a webhook until its publish must be certain',
  ),
  // Cloud Run takes no HTTP/1 request above 32 MiB.
  maxBodyBytes: number('WEBHOOK_MAX_BODY_BYTES', 20_971_520, {
    meaning: 'the largest body that is read; a larger one is answered 413',
    setBy: 'pipeline.yaml',
    unit: 'bytes',
    from: 1,
    to: 33_554_432,
  }),
})

const dataset = () =>
  text('BIGQUERY_DATASET', {
    meaning: 'the dataset of the warehouse',
    setBy: 'Terraform',
    fix: 'name the dataset of the warehouse',
  })

export const warehouseSettings = () => ({
  dataset: dataset(),
  insertTimeoutMs: milliseconds('BIGQUERY_INSERT_TIMEOUT_MS', 9_000, 100, 30_000, 'how long one insert may take'),
})

export const probeSettings = () => ({
  ackDeadlineMs: ackDeadline(),
  appApi: z.object({
    ...lookUpSettings(),
    requestTimeoutMs: milliseconds(
      'CUSTOMERIO_REQUEST_TIMEOUT_MS',
      5_000,
      100,
      30_000,
      "how long one look at the person's activities may take",
    ),
  }),
  webhookUrl: httpUrl('PROBE_WEBHOOK_URL', undefined, {
    meaning: 'the address at which Customer.io reaches the webhook function',
    setBy: 'Terraform',
  }),
  topicPrefix: textOr('PROBE_TOPIC_PREFIX', '', {
    meaning: 'what stands before the names of the topics',
    setBy: 'Terraform',
  }),
  signingKeys: signingKeys(),
  dataset: dataset(),
  waitMs: number('PROBE_WAIT_SECONDS', 60, {
    meaning: 'how long what was sent may take to be seen at the other end',
    setBy: 'pipeline.yaml',
    unit: 'seconds',
    from: 1,
    to: 300,
    scale: 1_000,
  }),
})
