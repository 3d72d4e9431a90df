import { readTopology } from '../../scripts/topology/topology.ts'
import {
  ConfigurationError,
  doubtfulSettings,
  parseIdentifyConfig,
  parseTrackConfig,
  parseTransactionalConfig,
  parseWarehouseConfig,
  parseWebhookConfig,
} from './index.ts'

const processVariables = {
  GOOGLE_CLOUD_PROJECT: 'p',
  DEAD_LETTER_TOPIC: 'dead',
  MAX_DELIVERY_ATTEMPTS: '100',
  ACK_DEADLINE_SECONDS: '60',
}
const hashKeys = { PERSON_HASH_KEYS: 'a key of thirty-two characters..', RECIPIENTS: 'anyone' }
const trackVariables = {
  ...processVariables,
  ...hashKeys,
  CUSTOMERIO_REGION: 'us',
  CUSTOMERIO_SITE_ID_FILE: '/secrets/site-id',
  CUSTOMERIO_TRACK_API_KEY: 'literal-key',
}
const transactionalVariables = {
  ...processVariables,
  CUSTOMERIO_REGION: 'eu',
  CUSTOMERIO_APP_API_KEY_FILE: '/secrets/app',
  SEND_LEDGER_DATABASE: 'send-ledger',
  ...hashKeys,
}
const webhookVariables = {
  GOOGLE_CLOUD_PROJECT: 'p',
  WEBHOOK_EVENTS_TOPIC: 'webhook-events',
  CUSTOMERIO_WEBHOOK_SIGNING_KEYS_FILE: '/secrets/keys',
}

function problemsOf(parse: () => unknown): readonly string[] {
  try {
    parse()
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
  throw new Error('the configuration was taken as valid')
}

it('gives the identify and track functions their defaults', () => {
  expect(parseTrackConfig(trackVariables)).toEqual({
    projectId: 'p',
    logLevel: 'INFO',
    bodyMemoryBytes: 536_870_912,
    ackDeadlineMs: 60_000,
    deadLetter: { topic: 'dead', maxDeliveryAttempts: 100 },
    personHashKeys: { name: 'PERSON_HASH_KEYS', value: 'a key of thirty-two characters..' },
    recipients: 'anyone',
    cancellations: { source: undefined, maxAgeMs: 20_000 },
    trackApi: {
      url: 'https://track.customer.io/api/v1',
      siteId: { name: 'CUSTOMERIO_SITE_ID', file: '/secrets/site-id' },
      apiKey: { name: 'CUSTOMERIO_TRACK_API_KEY', value: 'literal-key' },
      region: 'us',
      requestsPerSecond: 100,
      rateWaitMs: 5_000,
      requestTimeoutMs: 5_000,
      divideMs: 18_000,
    },
    batch: {
      maxItems: 100,
      maxBytes: 450_000,
      maxItemBytes: 30_000,
      maxInFlight: 10,
      maxWaitMs: 10_000,
      maxQueueItems: 2_000,
      maxBlockedItems: 200,
    },
  })
})

it('gives the transactional function its defaults', () => {
  expect(parseTransactionalConfig(transactionalVariables)).toEqual({
    projectId: 'p',
    logLevel: 'INFO',
    bodyMemoryBytes: 536_870_912,
    ackDeadlineMs: 60_000,
    deadLetter: { topic: 'dead', maxDeliveryAttempts: 100 },
    personHashKeys: { name: 'PERSON_HASH_KEYS', value: 'a key of thirty-two characters..' },
    recipients: 'anyone',
    cancellations: { source: undefined, maxAgeMs: 20_000 },
    appApi: {
      region: 'eu',
      url: 'https://api-eu.customer.io/v1',
      apiKey: { name: 'CUSTOMERIO_APP_API_KEY', file: '/secrets/app' },
      requestsPerSecond: 100,
      broadcastsPerSecond: 0.1,
      lookUpsPerSecond: 2,
      rateWaitMs: 5_000,
      requestTimeoutMs: 8_000,
      lookUpMs: 10_000,
    },
    ledger: {
      database: 'send-ledger',
      collection: 'sends',
      settleMs: 60_000,
      onNotFound: 'dead_letter',
      leaseMarginMs: 20_000,
      claimTimeoutMs: 5_000,
      writeTimeoutMs: 1_500,
      ttlMs: 52 * 86_400_000,
    },
  })
})

it('gives the webhook function its defaults, without an age limit', () => {
  expect(parseWebhookConfig(webhookVariables)).toEqual({
    projectId: 'p',
    logLevel: 'INFO',
    bodyMemoryBytes: 536_870_912,
    topic: 'webhook-events',
    signingKeys: { name: 'CUSTOMERIO_WEBHOOK_SIGNING_KEYS', file: '/secrets/keys' },
    maxAgeSeconds: undefined,
    publishTimeoutMs: 3_000,
    maxBodyBytes: 20_971_520,
  })
  expect(parseWebhookConfig({ ...webhookVariables, WEBHOOK_MAX_AGE_SECONDS: '86400' }).maxAgeSeconds).toBe(86_400)
})

it('gives the warehouse function its defaults', () => {
  expect(parseWarehouseConfig({ ...processVariables, BIGQUERY_DATASET: 'customerio' })).toMatchObject({
    dataset: 'customerio',
    insertTimeoutMs: 9_000,
    deadLetter: { topic: 'dead', maxDeliveryAttempts: 100 },
    batch: { maxItems: 100, maxBytes: 8_000_000, maxInFlight: 4 },
  })
})

it.each([
  ['us', 'https://track.customer.io/api/v1', 'https://api.customer.io/v1'],
  ['eu', 'https://track-eu.customer.io/api/v1', 'https://api-eu.customer.io/v1'],
])('knows the hosts of the region %s', (region, trackUrl, appUrl) => {
  expect(parseTrackConfig({ ...trackVariables, CUSTOMERIO_REGION: region }).trackApi.url).toBe(trackUrl)
  expect(parseTransactionalConfig({ ...transactionalVariables, CUSTOMERIO_REGION: region }).appApi.url).toBe(appUrl)
})

it('lets an address override that of the region', () => {
  const track = { ...trackVariables, CUSTOMERIO_TRACK_URL: 'http://127.0.0.1:8090/api/v1/' }
  const app = { ...transactionalVariables, CUSTOMERIO_APP_URL: 'http://127.0.0.1:8090/v1' }
  expect(parseTrackConfig(track).trackApi.url).toBe('http://127.0.0.1:8090/api/v1')
  expect(parseTransactionalConfig(app).appApi.url).toBe('http://127.0.0.1:8090/v1')
})

it('reports everything that is wrong at once, with the variable and the fix', () => {
  expect(problemsOf(() => parseTrackConfig({ BATCH_MAX_ITEMS: '0', MAX_DELIVERY_ATTEMPTS: '3' }))).toEqual([
    expect.stringMatching(/^GOOGLE_CLOUD_PROJECT is not set: set it to/),
    expect.stringMatching(/^ACK_DEADLINE_SECONDS is not set: give it the subscription's ack_deadline_seconds/),
    expect.stringMatching(/^DEAD_LETTER_TOPIC is not set/),
    'MAX_DELIVERY_ATTEMPTS must be at least 5 attempts',
    expect.stringMatching(/^PERSON_HASH_KEYS is not set/),
    expect.stringMatching(/^RECIPIENTS is not set: give it the rules of/),
    'CUSTOMERIO_REGION must be us or eu',
    expect.stringMatching(/^CUSTOMERIO_SITE_ID is not set: set CUSTOMERIO_SITE_ID_FILE/),
    expect.stringMatching(/^CUSTOMERIO_TRACK_API_KEY is not set/),
    'BATCH_MAX_ITEMS must be at least 1 items',
  ])
})

it('tells the identify function its own topic, and to hold fewer updates of one object than Pub/Sub first pushes', () => {
  expect(problemsOf(() => parseIdentifyConfig(trackVariables))).toEqual([
    'BULK_LANE_TOPIC is not set: name the topic that pushes to the function',
  ])
  const { bulkLane, ...others } = parseIdentifyConfig({ ...trackVariables, BULK_LANE_TOPIC: 'identify' })
  expect(bulkLane).toEqual({ topic: 'identify', fromItems: 5 })
  expect(others).toEqual(parseTrackConfig(trackVariables))
})

it('joins the problems in the message of the error', () => {
  expect(() => parseWebhookConfig({ GOOGLE_CLOUD_PROJECT: 'p', CUSTOMERIO_WEBHOOK_SIGNING_KEYS: 'k' })).toThrow(
    'invalid configuration: WEBHOOK_EVENTS_TOPIC is not set: name the topic that webhooks are published to',
  )
})

it.each([
  [{ CUSTOMERIO_REQUEST_TIMEOUT_MS: 'soon' }, 'CUSTOMERIO_REQUEST_TIMEOUT_MS must be a number of milliseconds'],
  [{ CUSTOMERIO_REQUEST_TIMEOUT_MS: '1000.5' }, 'CUSTOMERIO_REQUEST_TIMEOUT_MS must be a whole number of milliseconds'],
  [{ BATCH_MAX_BYTES: '500001' }, 'BATCH_MAX_BYTES must be at most 500000 bytes'],
  [{ CUSTOMERIO_TRACK_URL: 'ftp://x' }, 'CUSTOMERIO_TRACK_URL must be an http or https address'],
  [{ RECIPIENTS: '' }, expect.stringMatching(/^RECIPIENTS is not set/)],
  [{ RECIPIENTS: 'everybody' }, 'RECIPIENTS must be `anyone`, or rules as JSON'],
  [{ RECIPIENTS: '{"allow":["*"]}' }, expect.stringMatching(/^RECIPIENTS allow\.0 must be @domain/)],
  [{ MAX_DELIVERY_ATTEMPTS: '1e2' }, 'MAX_DELIVERY_ATTEMPTS must be a number of attempts'],
])('refuses %j', (variables, problem) => {
  expect(problemsOf(() => parseTrackConfig({ ...trackVariables, ...variables }))).toEqual([problem])
})

it.each([
  [{ SEND_LEDGER_ON_NOT_FOUND: 'ignore' }, 'SEND_LEDGER_ON_NOT_FOUND must be dead_letter or resend'],
  [{ SEND_LEDGER_LEASE_MARGIN_SECONDS: '10' }, 'SEND_LEDGER_LEASE_MARGIN_SECONDS must be at least 11 seconds'],
  [{ SEND_LEDGER_TTL_DAYS: '38' }, 'SEND_LEDGER_TTL_DAYS must be at least 39 days'],
])('refuses %j', (variables, problem) => {
  expect(problemsOf(() => parseTransactionalConfig({ ...transactionalVariables, ...variables }))).toEqual([problem])
})

it('refuses a secret given both ways, and shows neither value', () => {
  const both = { ...webhookVariables, CUSTOMERIO_WEBHOOK_SIGNING_KEYS: 'top-secret', WEBHOOK_MAX_AGE_SECONDS: '0' }
  expect(problemsOf(() => parseWebhookConfig(both))).toEqual([
    'CUSTOMERIO_WEBHOOK_SIGNING_KEYS is set beside CUSTOMERIO_WEBHOOK_SIGNING_KEYS_FILE: keep one of them',
    'WEBHOOK_MAX_AGE_SECONDS must be at least 1 seconds; leave it out for no age limit',
  ])
})

it('never repeats a value in an error, whatever variable a secret was put into', () => {
  const names = Object.keys({ ...trackVariables, ...transactionalVariables, ...webhookVariables })
  const more = ['LOG_LEVEL', 'CUSTOMERIO_TRACK_URL', 'CUSTOMERIO_APP_URL', 'BATCH_MAX_ITEMS', 'WEBHOOK_MAX_AGE_SECONDS']
  const everything = Object.fromEntries([...names, ...more].map((name) => [name, 'top secret']))
  for (const parse of [parseTrackConfig, parseTransactionalConfig, parseWebhookConfig]) {
    const problems = problemsOf(() => parse({ ...everything, MAX_DELIVERY_ATTEMPTS: 'top secret' }))
    expect(problems.join()).not.toContain('top secret')
  }
})

it('takes an empty variable for one that is not set', () => {
  expect(parseWebhookConfig({ ...webhookVariables, CUSTOMERIO_WEBHOOK_SIGNING_KEYS: '', LOG_LEVEL: '' }).logLevel).toBe(
    'INFO',
  )
  expect(problemsOf(() => parseWebhookConfig({ ...webhookVariables, WEBHOOK_EVENTS_TOPIC: '' }))).toEqual([
    'WEBHOOK_EVENTS_TOPIC is not set: name the topic that webhooks are published to',
  ])
})

it.each(['DEBUG', 'debug', 'Debug'])('takes LOG_LEVEL in any letter case: %s', (level) => {
  expect(parseWebhookConfig({ ...webhookVariables, LOG_LEVEL: level }).logLevel).toBe('DEBUG')
  expect(doubtfulSettings({ LOG_LEVEL: level })).toEqual([])
})

it('lets no function stand still for a LOG_LEVEL that is none, and tells of it without its value', () => {
  expect(parseWebhookConfig({ ...webhookVariables, LOG_LEVEL: 'top secret' }).logLevel).toBe('INFO')
  expect(doubtfulSettings({ LOG_LEVEL: 'top secret' })).toEqual([
    'LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR: INFO is used instead',
  ])
  expect(doubtfulSettings({ LOG_LEVEL: '' })).toEqual([])
})

it.each(['WARNING', 'error'])('tells that LOG_LEVEL %s hides what metrics count', (level) => {
  expect(doubtfulSettings({ LOG_LEVEL: level })).toEqual([expect.stringContaining('metrics, alerts and SLO')])
})

it.each(['identify', 'track'])('leaves half of the places of %s to those who do not wait for their key', (name) => {
  const concurrency = readTopology().functions[name]?.concurrency ?? 0
  expect(parseTrackConfig(trackVariables).batch.maxBlockedItems).toBeLessThanOrEqual(concurrency / 2)
})

it('wants memory for two of the largest webhooks', () => {
  const env = { ...webhookVariables, BODY_MEMORY_BYTES: '600000000' }
  expect(parseWebhookConfig(env).bodyMemoryBytes).toBe(600_000_000)
  expect(() => parseWebhookConfig({ ...env, WEBHOOK_MAX_BODY_BYTES: '30000001' })).toThrow(
    'BODY_MEMORY_BYTES is less than the 600000020 bytes that two bodies of WEBHOOK_MAX_BODY_BYTES take',
  )
})
