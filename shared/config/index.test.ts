import {
  ConfigurationError,
  parseIdentifyConfig,
  parseTrackConfig,
  parseTransactionalConfig,
  parseWarehouseConfig,
  parseWebhookConfig,
} from './index.ts'

const processVariables = { GOOGLE_CLOUD_PROJECT: 'p', DEAD_LETTER_TOPIC: 'dead', MAX_DELIVERY_ATTEMPTS: '100' }
const trackVariables = {
  ...processVariables,
  CUSTOMERIO_REGION: 'us',
  CUSTOMERIO_SITE_ID_FILE: '/secrets/site-id',
  CUSTOMERIO_TRACK_API_KEY: 'literal-key',
}
const transactionalVariables = {
  ...processVariables,
  CUSTOMERIO_REGION: 'eu',
  CUSTOMERIO_APP_API_KEY_FILE: '/secrets/app',
  SEND_LEDGER_DATABASE: 'send-ledger',
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
  const config = parseIdentifyConfig(trackVariables)
  expect(config).toEqual({
    projectId: 'p',
    logLevel: 'INFO',
    deadLetter: { topic: 'dead', maxDeliveryAttempts: 100 },
    trackApi: {
      url: 'https://track.customer.io/api/v1',
      siteId: { name: 'CUSTOMERIO_SITE_ID', file: '/secrets/site-id' },
      apiKey: { name: 'CUSTOMERIO_TRACK_API_KEY', value: 'literal-key' },
      requestsPerSecond: 100,
      requestTimeoutMs: 5_000,
    },
    batch: {
      maxItems: 100,
      maxBytes: 450_000,
      maxItemBytes: 30_000,
      maxInFlight: 4,
      maxWaitMs: 10_000,
      maxQueueItems: 2_000,
    },
  })
  expect(parseTrackConfig(trackVariables)).toEqual(config)
})

it('gives the transactional function its defaults', () => {
  expect(parseTransactionalConfig(transactionalVariables)).toEqual({
    projectId: 'p',
    logLevel: 'INFO',
    deadLetter: { topic: 'dead', maxDeliveryAttempts: 100 },
    appApi: {
      url: 'https://api-eu.customer.io/v1',
      apiKey: { name: 'CUSTOMERIO_APP_API_KEY', file: '/secrets/app' },
      requestsPerSecond: 100,
      requestTimeoutMs: 10_000,
    },
    ledger: {
      database: 'send-ledger',
      collection: 'sends',
      settleMs: 60_000,
      onNotFound: 'dead_letter',
      leaseMarginMs: 20_000,
      ttlMs: 45 * 86_400_000,
    },
  })
})

it('gives the webhook function its defaults, without an age limit', () => {
  expect(parseWebhookConfig(webhookVariables)).toEqual({
    projectId: 'p',
    logLevel: 'INFO',
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
    deadLetter: { topic: 'dead', maxDeliveryAttempts: 100 },
    batch: { maxItems: 100, maxBytes: 8_000_000 },
  })
})

it.each([
  ['us', 'https://track.customer.io/api/v1', 'https://api.customer.io/v1'],
  ['eu', 'https://track-eu.customer.io/api/v1', 'https://api-eu.customer.io/v1'],
])('knows the hosts of the region %s', (region, trackUrl, appUrl) => {
  expect(parseIdentifyConfig({ ...trackVariables, CUSTOMERIO_REGION: region }).trackApi.url).toBe(trackUrl)
  expect(parseTransactionalConfig({ ...transactionalVariables, CUSTOMERIO_REGION: region }).appApi.url).toBe(appUrl)
})

it('lets an address override that of the region', () => {
  const track = { ...trackVariables, CUSTOMERIO_TRACK_URL: 'http://127.0.0.1:8090/api/v1/' }
  const app = { ...transactionalVariables, CUSTOMERIO_APP_URL: 'http://127.0.0.1:8090/v1' }
  expect(parseIdentifyConfig(track).trackApi.url).toBe('http://127.0.0.1:8090/api/v1')
  expect(parseTransactionalConfig(app).appApi.url).toBe('http://127.0.0.1:8090/v1')
})

it('reports everything that is wrong at once, with the variable and the fix', () => {
  expect(
    problemsOf(() => parseIdentifyConfig({ LOG_LEVEL: 'loud', BATCH_MAX_ITEMS: '0', MAX_DELIVERY_ATTEMPTS: '3' })),
  ).toEqual([
    expect.stringMatching(/^CUSTOMERIO_SITE_ID is not set: set CUSTOMERIO_SITE_ID_FILE/),
    expect.stringMatching(/^CUSTOMERIO_TRACK_API_KEY is not set/),
    expect.stringMatching(/^GOOGLE_CLOUD_PROJECT is not set: set it to/),
    'LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR',
    expect.stringMatching(/^DEAD_LETTER_TOPIC is not set/),
    'MAX_DELIVERY_ATTEMPTS must be at least 5, as Pub/Sub wants',
    "CUSTOMERIO_REGION must be us or eu, the account's region",
    'BATCH_MAX_ITEMS must be at least 1 items',
  ])
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
  [{ MAX_DELIVERY_ATTEMPTS: '1e2' }, 'MAX_DELIVERY_ATTEMPTS must be a whole number of attempts'],
])('refuses %j', (variables, problem) => {
  expect(problemsOf(() => parseIdentifyConfig({ ...trackVariables, ...variables }))).toEqual([problem])
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
    'WEBHOOK_MAX_AGE_SECONDS must be a whole number of seconds; leave it out for no age limit',
  ])
})

it('never repeats a value in an error, whatever variable a secret was put into', () => {
  const names = Object.keys({ ...trackVariables, ...transactionalVariables, ...webhookVariables })
  const more = ['LOG_LEVEL', 'CUSTOMERIO_TRACK_URL', 'CUSTOMERIO_APP_URL', 'BATCH_MAX_ITEMS', 'WEBHOOK_MAX_AGE_SECONDS']
  const everything = Object.fromEntries([...names, ...more].map((name) => [name, 'top secret']))
  for (const parse of [parseIdentifyConfig, parseTransactionalConfig, parseWebhookConfig]) {
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
