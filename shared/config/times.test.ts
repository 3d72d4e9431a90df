import {
  ConfigurationError,
  DRAIN_LIMIT_MS,
  parseTrackConfig,
  parseTransactionalConfig,
  parseWarehouseConfig,
} from './index.ts'

/** Times are settings of their own, but a push that waits for all of them must still be answered in time. */

const push = {
  GOOGLE_CLOUD_PROJECT: 'p',
  DEAD_LETTER_TOPIC: 'dead',
  MAX_DELIVERY_ATTEMPTS: '100',
  PERSON_HASH_KEYS: 'k',
  RECIPIENTS: 'anyone',
}
const track = { ...push, CUSTOMERIO_REGION: 'us', CUSTOMERIO_SITE_ID: 's', CUSTOMERIO_TRACK_API_KEY: 'k' }
const transactional = {
  ...push,
  CUSTOMERIO_REGION: 'us',
  CUSTOMERIO_APP_API_KEY: 'k',
  SEND_LEDGER_DATABASE: 'd',
}
const warehouse = { ...push, BIGQUERY_DATASET: 'd' }

const functions = [
  { name: 'identify and track', parse: parseTrackConfig, env: track, longestSeconds: 58 },
  { name: 'transactional', parse: parseTransactionalConfig, env: transactional, longestSeconds: 59.5 },
  { name: 'warehouse', parse: parseWarehouseConfig, env: warehouse, longestSeconds: 46 },
]

function problemsOf(parse: () => unknown): readonly string[] {
  try {
    parse()
    return []
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
}

it.each(functions)('$name: the longest push ends within the ack deadline', ({ parse, env, longestSeconds }) => {
  const within = (seconds: number) => problemsOf(() => parse({ ...env, ACK_DEADLINE_SECONDS: String(seconds) }))
  expect(within(Math.ceil(longestSeconds))).toEqual([])
  expect(within(Math.ceil(longestSeconds) - 1)).toEqual([
    expect.stringMatching(
      /^the arrival of the push \+ .*come to \d+ ms, more than the \d+ ms of the ack deadline, ACK_DEADLINE_SECONDS/,
    ),
  ])
})

it('names the variables and the sum', () => {
  const env = { ...transactional, ACK_DEADLINE_SECONDS: '60', CUSTOMERIO_LOOK_UP_MS: '11000' }
  expect(problemsOf(() => parseTransactionalConfig(env))).toEqual([
    'the arrival of the push + a read of the hash keys + a read of the credentials + CUSTOMERIO_RATE_WAIT_MS + the probe after an outage + 2 × SEND_LEDGER_CLAIM_TIMEOUT_MS + CUSTOMERIO_LOOK_UP_MS + ' +
      'CUSTOMERIO_REQUEST_TIMEOUT_MS + SEND_LEDGER_WRITE_TIMEOUT_MS + the publish of a dead letter ' +
      'come to 60500 ms, more than the 60000 ms of the ack deadline, ACK_DEADLINE_SECONDS: lower one of them',
  ])
})

it('a send and the note of its outcome fit what a process that shuts down is given', () => {
  const env = { ...transactional, ACK_DEADLINE_SECONDS: '60' }
  expect(parseTransactionalConfig(env)).toMatchObject({
    appApi: { requestTimeoutMs: 8_000 },
    ledger: { writeTimeoutMs: DRAIN_LIMIT_MS - 8_000 },
  })
  expect(problemsOf(() => parseTransactionalConfig({ ...env, CUSTOMERIO_REQUEST_TIMEOUT_MS: '8001' }))).toEqual([
    'CUSTOMERIO_REQUEST_TIMEOUT_MS + SEND_LEDGER_WRITE_TIMEOUT_MS come to 9501 ms, more than the 9500 ms of what a ' +
      'process that shuts down is given: lower one of them',
  ])
})

it('Cloud Run kills a process ten seconds after SIGTERM, and a process ends before that', () => {
  expect(DRAIN_LIMIT_MS).toBeLessThanOrEqual(9_500)
})
