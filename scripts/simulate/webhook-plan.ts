import type { TableName } from '../../shared/warehouse/index.ts'
import { REFUSED_ROW } from './bigquery.ts'
import type { Choices } from './choices.ts'

/**
 * What a webhook is.
 *
 * sound         an event of a message
 * subscription  changes a subscription, so it becomes two rows
 * strange       signed, and yet nothing that the documents know
 * refused       BigQuery refuses its row
 * forged        signed with another key
 */
type WebhookNature = 'sound' | 'subscription' | 'strange' | 'refused' | 'forged'

/** A webhook that Customer.io sends until it is taken. */
export interface PlannedWebhook {
  /** Unlike any other's. */
  readonly op: string
  /** From the start of the hour. */
  readonly atMs: number
  readonly nature: WebhookNature
  readonly body: Buffer
  /** Where its rows have to be. */
  readonly tables: readonly TableName[]
}

const SENDING_MS = 3_000_000

/** All webhooks of an hour, in the order of their times. */
export function webhooksOf(choices: Choices, startMs: number): PlannedWebhook[] {
  const count = choices.pick('webhooks', [10, 40, 150])
  const bursts = choices.between('bursts', 1, 30)
  return Array.from({ length: count }, (_, index) => {
    const op = `webhook-${index}`
    const burst = choices.chance(`in burst ${op}`, 0.6) ? `burst ${choices.between(`burst of ${op}`, 1, bursts)}` : op
    const atMs = choices.between(`at ${burst}`, 0, SENDING_MS)
    const nature = natureOf(choices.number(`nature ${op}`))
    return { op, atMs, nature, body: bodyOf(op, nature, startMs + atMs), tables: TABLES[nature] }
  }).sort((a, b) => a.atMs - b.atMs)
}

const TABLES: Readonly<Record<WebhookNature, readonly TableName[]>> = {
  sound: ['webhook_events'],
  subscription: ['webhook_events', 'subscription_changes'],
  strange: ['webhook_quarantine'],
  refused: ['webhook_quarantine'],
  forged: ['webhook_events'],
}

function natureOf(number: number): WebhookNature {
  if (number < 0.05) return 'forged'
  if (number < 0.1) return 'refused'
  if (number < 0.2) return 'strange'
  return number < 0.4 ? 'subscription' : 'sound'
}

function bodyOf(op: string, nature: WebhookNature, atMs: number): Buffer {
  if (nature === 'strange') return Buffer.from(JSON.stringify({ event_id: op, unknown: true }))
  const isOfPerson = nature === 'subscription'
  const data = {
    customer_id: `person of ${op}`,
    identifiers: { id: `person of ${op}` },
    ...(!isOfPerson && { delivery_id: `delivery of ${op}` }),
    ...(nature === 'refused' && { subject: REFUSED_ROW }),
  }
  const [object_type, metric] = isOfPerson ? ['customer', 'unsubscribed'] : ['email', 'delivered']
  return Buffer.from(JSON.stringify({ event_id: op, object_type, metric, timestamp: Math.floor(atMs / 1_000), data }))
}
