import { SECRET_READ_TIMEOUT_MS } from '../secrets/index.ts'

/**
 * How long a function may hold a push, from its settings' own limits. A push that is answered after the ack deadline has
 * been delivered again already: its work is done twice. Work that outlasts a shutdown is cut off.
 */

/**
 * Cloud Run gives ten seconds from SIGTERM to SIGKILL. A function finishes what it holds in this time, then exits:
 * https://cloud.google.com/run/docs/container-contract#instance-shutdown
 */
export const DRAIN_LIMIT_MS = 9_500

/** How long the body of a push may take to arrive. Pub/Sub sends it at once: 10 MB are a matter of milliseconds. */
export const BODY_TIMEOUT_MS = 8_000

/** How long a publish may take, of a dead letter or into the bulk lane. One of them can follow everything else. */
export const PUBLISH_TIMEOUT_MS = 10_000

/** How long a request may take that finds out, before a send goes alone, whether Customer.io answers again. */
export const SEND_PROBE_TIMEOUT_MS = 3_000

/** How long each step of the probe may take that hands something over: a publish, a webhook's answer, a query. */
export const PROBE_STEP_TIMEOUT_MS = 10_000

/** One wait, by the variable that sets it or by what it is for. */
type Wait = readonly [name: string, ms: number]

const BODY: Wait = ['the arrival of the push', BODY_TIMEOUT_MS]
/** Before a request, when they are due to be read again. After they were refused the time of the request bounds it. */
const CREDENTIALS: Wait = ['a read of the credentials', SECRET_READ_TIMEOUT_MS]
const HASH_KEYS: Wait = ['a read of the hash keys', SECRET_READ_TIMEOUT_MS]
const DEAD_LETTER: Wait = ['the publish of a dead letter', PUBLISH_TIMEOUT_MS]

export interface PushTimes {
  /** All that a push can wait for, one after the other. */
  readonly push: readonly Wait[]
  /** What cannot be broken off once it has begun: with a process that shuts down it is lost. */
  readonly lastStep: readonly Wait[]
}

/** Of `identify` and `track`. */
export const trackApiTimes = (config: {
  readonly batch: { readonly maxWaitMs: number }
  readonly trackApi: { readonly rateWaitMs: number; readonly requestTimeoutMs: number; readonly divideMs: number }
}): PushTimes => {
  const request: Wait = ['CUSTOMERIO_REQUEST_TIMEOUT_MS', config.trackApi.requestTimeoutMs]
  return {
    push: [
      BODY,
      ['BATCH_MAX_WAIT_MS', config.batch.maxWaitMs],
      ['CUSTOMERIO_DIVIDE_MS', config.trackApi.divideMs],
      CREDENTIALS,
      ['CUSTOMERIO_RATE_WAIT_MS', config.trackApi.rateWaitMs],
      request,
      DEAD_LETTER,
    ],
    lastStep: [request],
  }
}

/** Of `transactional`. */
export const transactionalTimes = (config: {
  readonly appApi: { readonly rateWaitMs: number; readonly requestTimeoutMs: number; readonly lookUpMs: number }
  readonly ledger: { readonly claimTimeoutMs: number; readonly writeTimeoutMs: number }
}): PushTimes => {
  const { appApi, ledger } = config
  const request: Wait = ['CUSTOMERIO_REQUEST_TIMEOUT_MS', appApi.requestTimeoutMs]
  const write: Wait = ['SEND_LEDGER_WRITE_TIMEOUT_MS', ledger.writeTimeoutMs]
  return {
    push: [
      BODY,
      HASH_KEYS,
      CREDENTIALS,
      ['CUSTOMERIO_RATE_WAIT_MS', appApi.rateWaitMs],
      ['the probe after an outage', SEND_PROBE_TIMEOUT_MS],
      ['2 × SEND_LEDGER_CLAIM_TIMEOUT_MS', 2 * ledger.claimTimeoutMs],
      ['CUSTOMERIO_LOOK_UP_MS', appApi.lookUpMs],
      request,
      write,
      DEAD_LETTER,
    ],
    lastStep: [request, write],
  }
}

/** Of `warehouse`: a row that BigQuery refuses goes into the quarantine, which is a second insert. */
export const warehouseTimes = (config: {
  readonly batch: { readonly maxWaitMs: number }
  readonly insertTimeoutMs: number
}): PushTimes => ({
  push: [
    BODY,
    ['BATCH_MAX_WAIT_MS', config.batch.maxWaitMs],
    ['2 × BIGQUERY_INSERT_TIMEOUT_MS', 2 * config.insertTimeoutMs],
    DEAD_LETTER,
  ],
  lastStep: [['BIGQUERY_INSERT_TIMEOUT_MS', config.insertTimeoutMs]],
})

/**
 * Of `probe`. A round: one step hands something over, then it is looked for, and the last look may begin just within that
 * time. Names: a query says which are due, then lists are read, and the last request may begin just within the same time; an
 * insert follows it. What a shutdown cuts off is no loss: the message is delivered again.
 */
export const probeTimes = (config: {
  readonly waitMs: number
  readonly appApi: { readonly rateWaitMs: number; readonly requestTimeoutMs: number }
}): PushTimes => ({
  push: [
    BODY,
    ['the publish, the answer of the webhook, or a query', PROBE_STEP_TIMEOUT_MS],
    ['PROBE_WAIT_SECONDS', config.waitMs],
    CREDENTIALS,
    ['CUSTOMERIO_RATE_WAIT_MS', config.appApi.rateWaitMs],
    ['CUSTOMERIO_REQUEST_TIMEOUT_MS', config.appApi.requestTimeoutMs],
    ['a query or an insert of BigQuery', PROBE_STEP_TIMEOUT_MS],
  ],
  lastStep: [],
})

/** What is wrong with times that are each within their range. */
export function timeProblems({ push, lastStep }: PushTimes, ackDeadlineMs: number): string[] {
  return [
    ...exceeding(push, ackDeadlineMs, 'the ack deadline, ACK_DEADLINE_SECONDS'),
    ...exceeding(lastStep, DRAIN_LIMIT_MS, 'what a process that shuts down is given'),
  ]
}

function exceeding(waits: readonly Wait[], limitMs: number, what: string): string[] {
  const sum = sumOf(waits)
  if (sum <= limitMs) return []
  const names = waits.map(([name]) => name).join(' + ')
  return [`${names} come to ${sum} ms, more than the ${limitMs} ms of ${what}: lower one of them`]
}

/** Milliseconds, all waits together. */
export const sumOf = (waits: readonly Wait[]) => waits.reduce((sum, [, ms]) => sum + ms, 0)
