import { randomUUID } from 'node:crypto'
import { SIGNATURE_HEADER, signWebhook, TIMESTAMP_HEADER } from '../../../shared/webhooks/index.ts'
import type { Connection } from '../connection.ts'
import { wordsOf } from '../errors.ts'
import { openWebhook } from './way-in.ts'

/** What a receiver answered. `status` is undefined when there was no answer. */
export interface WebhookAnswer {
  readonly status: number | undefined
  readonly latencyMs: number
  readonly body: string
}

/** How long Customer.io waits for the whole answer. */
export const ANSWER_LIMIT_MS = 4_000
const TIMEOUT_MS = 10_000
const BODY_SHOWN = 500

/** An event that is marked as a test: its object type is not one of Customer.io's, and receivers keep such events. */
export function testEvent(nowMs: number): { readonly eventId: string; readonly body: Buffer } {
  const eventId = `cio-test-${randomUUID()}`
  const event = {
    event_id: eventId,
    object_type: 'cio_test',
    metric: 'sent',
    timestamp: Math.floor(nowMs / 1_000),
    data: { note: 'sent by `cio-gcp webhooks test`' },
  }
  return { eventId, body: Buffer.from(JSON.stringify(event)) }
}

/** Signs a body as Customer.io does and posts it. */
export async function sendWebhook(url: string, key: string, body: Buffer, nowMs: number): Promise<WebhookAnswer> {
  const timestamp = String(Math.floor(nowMs / 1_000))
  const startedMs = performance.now()
  const latencyMs = () => Math.round(performance.now() - startedMs)
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        [TIMESTAMP_HEADER]: timestamp,
        [SIGNATURE_HEADER]: signWebhook(key, timestamp, body),
      },
      body: new Uint8Array(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const text = await response.text()
    return { status: response.status, latencyMs: latencyMs(), body: text.slice(0, BODY_SHOWN) }
  } catch (error) {
    return { status: undefined, latencyMs: latencyMs(), body: wordsOf(error) }
  }
}

/**
 * What is wrong with an answer and how to fix it; undefined when Customer.io would accept it. Pure.
 *
 * @param connection whose webhook it is
 */
export function complaintAbout(
  { status, latencyMs }: Pick<WebhookAnswer, 'status' | 'latencyMs'>,
  connection: Pick<Connection, 'environment' | 'topology'>,
): { what: string; hint: string } | undefined {
  if (status === undefined) {
    return {
      what: 'no answer',
      hint: 'Check the address, that the function is deployed, and its ingress "all".',
    }
  }
  if (status === 401) {
    return {
      what: 'the signature was not accepted',
      hint: 'The function has other signing keys: see `secrets check` and `secrets rotate`.',
    }
  }
  if (status === 403) {
    return { what: 'Google refused the request before the function', hint: openWebhook(connection) }
  }
  // https://cloud.google.com/run/docs/troubleshooting#429
  if (status === 429) {
    return {
      what: 'no instance of the function was free',
      hint: 'Raise min_instances of the webhook in values.yaml, or its max_instances in pipeline.yaml.',
    }
  }
  if (status === 503) {
    return { what: 'the function could not publish the event, or could not read its keys', hint: 'See its log.' }
  }
  if (status < 200 || status > 299) {
    return {
      what: `answer ${status}`,
      hint: 'Customer.io would retry this webhook and hold back every later one meanwhile.',
    }
  }
  if (latencyMs > ANSWER_LIMIT_MS) {
    return {
      what: `the answer took ${latencyMs} ms`,
      hint: 'Customer.io waits 4 s: raise min_instances of the webhook function.',
    }
  }
  return undefined
}
