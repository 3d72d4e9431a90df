import { once } from 'node:events'
import { recentWebhookSamples, unusualWebhookSamples } from '../emulators/customerio/samples/index.ts'
import type { Stack } from './stack.ts'

/** What stands in BigQuery after the sample webhooks. */
export interface WarehouseContents {
  readonly sent: number
  /** Webhooks that the function answered otherwise than 2xx, at some try. */
  readonly failedTries: number
  /** Webhooks that are in at least one row: each event once, and those without an id by their quarantine row. */
  readonly stored: number
  /** Rows by table. */
  readonly tables: Readonly<Record<string, number>>
  /** Rows of each view, the first few of them. */
  readonly views: Readonly<
    Record<string, { readonly rows: number; readonly first: readonly Record<string, unknown>[] }>
  >
}

const WEBHOOKS_LIMIT_MS = 60_000
const ROWS_SHOWN = 3

/**
 * Has the local Customer.io send every documented webhook, and some that are not as documented, to the webhook function,
 * and waits until each has gone through Pub/Sub into BigQuery.
 */
export async function runWebhooks(stack: Stack): Promise<WarehouseContents> {
  const { webhooks } = stack.customerio
  const bodies = [
    ...recentWebhookSamples().map(({ event }) => event),
    ...unusualWebhookSamples().map(({ body }) => body),
  ]
  const signal = AbortSignal.timeout(WEBHOOKS_LIMIT_MS)
  const subscription = `projects/${stack.endpoints.projectId}/subscriptions/warehouse`
  let landed = 0
  let failedTries = 0
  const onAcknowledged = (event: { subscription: string }) => {
    if (event.subscription === subscription) landed += 1
  }
  const onAttempt = ({ status = 0 }) => {
    if (status < 200 || status > 299) failedTries += 1
  }
  stack.pubsub.events.on('acknowledged', onAcknowledged)
  webhooks.events.on('attempt', onAttempt)
  try {
    for (const body of bodies) webhooks.send(body)
    while (landed < bodies.length) await once(stack.pubsub.events, 'acknowledged', { signal })
  } finally {
    stack.pubsub.events.off('acknowledged', onAcknowledged)
    webhooks.events.off('attempt', onAttempt)
  }
  return { sent: bodies.length, failedTries, ...(await readWarehouse(stack)) }
}

async function readWarehouse(stack: Stack): Promise<Omit<WarehouseContents, 'sent' | 'failedTries'>> {
  const { dataset, tables, views } = stack.topology.bigquery
  const counts: Record<string, number> = {}
  for (const table of Object.keys(tables)) {
    const [rows] = await stack.warehouse.query(`SELECT COUNT(*) AS n FROM \`${dataset}.${table}\``)
    counts[table] = Number(rows[0]?.n)
  }
  const results: Record<string, { rows: number; first: Record<string, unknown>[] }> = {}
  for (const view of Object.keys(views)) {
    const [rows] = await stack.warehouse.query(`SELECT * FROM \`${dataset}.${view}\``)
    results[view] = { rows: rows.length, first: rows.slice(0, ROWS_SHOWN) }
  }
  const [found] = await stack.warehouse.query(`
    SELECT COUNT(DISTINCT event_id) + COUNTIF(event_id IS NULL) AS n FROM (
      SELECT event_id FROM \`${dataset}.webhook_events\` UNION ALL SELECT event_id FROM \`${dataset}.webhook_quarantine\`
    )`)
  return { stored: Number(found[0]?.n), tables: counts, views: results }
}

/** What they show has gone wrong. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(['unsettled_sends', 'sends_without_outcome'])

/** What is not as it should be with the webhooks: each must be a row somewhere, and each view must show something. */
export function complaintsAboutWarehouse(contents: WarehouseContents): string[] {
  const { sent, failedTries, stored, views } = contents
  const complaints: string[] = []
  if (failedTries > 0) complaints.push(`${failedTries} webhooks were not answered 2xx at once`)
  if (stored !== sent) complaints.push(`${sent} webhooks were sent, but ${stored} are in BigQuery`)
  for (const [view, { rows }] of Object.entries(views)) {
    if (rows === 0 && !MAY_BE_EMPTY.has(view)) complaints.push(`the view ${view} is empty`)
  }
  return complaints
}
