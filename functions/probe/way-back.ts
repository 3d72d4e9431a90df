import type { Clock } from '../../shared/clock/index.ts'
import {
  PROBE_OBJECT_TYPE,
  parseKeyRing,
  SIGNATURE_HEADER,
  signWebhook,
  TIMESTAMP_HEADER,
} from '../../shared/webhooks/index.ts'
import { broken, intact, type LinkResult, NOT_SEEN, type Round } from './link.ts'
import { lookUntil } from './look.ts'
import { reasonOf } from './reason.ts'

/** A request as the probe makes it in Customer.io's place. */
export interface SignedWebhook {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface WayBack {
  /** The ring of keys that the webhook function verifies with; undefined when it is not configured. */
  signingKeys(): Promise<string | undefined>
  /** Sends it to the public address and gives the status of the answer. Rejects when there is none in time. */
  post(webhook: SignedWebhook): Promise<number>
  /** Whether the round's webhook is a row of `webhook_events`. Rejects when BigQuery does not say. */
  isStored(round: Round): Promise<boolean>
  /** How long the webhook may take to be a row. */
  readonly waitMs: number
  readonly clock: Clock
}

/** What keeps a request from reaching the function. Everything else was answered by it, or by what became of it. */
const NOT_REACHED: Readonly<Record<number, string>> = {
  403: 'no_public_way_in',
  404: 'no_such_address',
  429: 'no_instance',
}

/** From the public address of the webhook function through the topic `webhook-events` to a row of BigQuery. */
export async function probeWayBack(round: Round, way: WayBack): Promise<readonly LinkResult[]> {
  const { clock } = way
  const [key] = parseKeyRing((await way.signingKeys()) ?? '')
  const startMs = clock.now()
  if (key === undefined) return [broken('webhook', 0, 'not_configured')]
  let status: number
  try {
    status = await way.post(signedWebhook(round, key))
  } catch (error) {
    return [broken('webhook_url', clock.now() - startMs, reasonOf(error))]
  }
  const latencyMs = clock.now() - startMs
  const notReached = NOT_REACHED[status] ?? (status >= 300 && status < 400 ? 'redirected' : undefined)
  if (notReached !== undefined) return [broken('webhook_url', latencyMs, notReached)]
  const reached = intact('webhook_url', latencyMs)
  if (status < 200 || status > 299) {
    return [reached, broken('webhook', latencyMs, status === 401 ? 'signature_refused' : `http_${status}`)]
  }
  return [reached, intact('webhook', latencyMs), ...(await watch(round, way))]
}

/** As Customer.io would send it, with the current key. Nothing in it is about anybody. */
function signedWebhook({ id, startedAt }: Round, key: string): SignedWebhook {
  const event = { event_id: id, object_type: PROBE_OBJECT_TYPE, metric: 'round', timestamp: startedAt, data: {} }
  const body = JSON.stringify(event)
  const timestamp = String(startedAt)
  const headers = {
    'content-type': 'application/json',
    [TIMESTAMP_HEADER]: timestamp,
    [SIGNATURE_HEADER]: signWebhook(key, timestamp, Buffer.from(body)),
  }
  return { headers, body }
}

async function watch(round: Round, way: WayBack): Promise<readonly LinkResult[]> {
  const { clock } = way
  const startMs = clock.now()
  let query: LinkResult | undefined
  let stored = false
  await lookUntil(clock, way.waitMs, async () => {
    const askedMs = clock.now()
    try {
      stored = await way.isStored(round)
      query = intact('bigquery', clock.now() - askedMs)
    } catch (error) {
      query = broken('bigquery', clock.now() - askedMs, reasonOf(error))
    }
    return stored
  })
  const latencyMs = clock.now() - startMs
  const warehouse = stored ? intact('warehouse', latencyMs) : broken('warehouse', latencyMs, NOT_SEEN)
  if (query === undefined) return []
  return query.ok ? [warehouse, query] : [query]
}
