import * as z from 'zod'
import type { UnreadWebhook } from '../store.ts'
import type { PostgresQueries } from './pool.ts'

const webhookRow = z.object({
  key: z.string(),
  received_at: z.coerce.number(),
  reason: z.string(),
  error: z.string(),
  attributes: z
    .string()
    .transform((json): unknown => JSON.parse(json))
    .pipe(z.record(z.string(), z.string())),
  body: z.instanceof(Buffer),
})

/** Keeps a webhook that could not be read, unless it is there. */
export async function insertWebhook(client: PostgresQueries, webhook: UnreadWebhook): Promise<void> {
  const { key, receivedAt, reason, error, attributes, body } = webhook
  await client.query(
    `INSERT INTO customerio.unread_webhooks (key, received_at, reason, error, attributes, body)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO NOTHING`,
    [key, receivedAt, reason, error, JSON.stringify(attributes), body],
  )
}

export async function selectWebhooks(
  client: PostgresQueries,
  afterKey: string | undefined,
  limit: number,
): Promise<readonly UnreadWebhook[]> {
  const { rows } = await client.query(
    `SELECT key, received_at, reason, error, attributes, body FROM customerio.unread_webhooks
     WHERE key > $2 ORDER BY key LIMIT $1`,
    [limit, afterKey ?? ''],
  )
  return z
    .array(webhookRow)
    .parse(rows)
    .map(({ received_at: receivedAt, ...row }) => ({ ...row, receivedAt }))
}

export async function forgetWebhook(client: PostgresQueries, key: string): Promise<void> {
  await client.query(`DELETE FROM customerio.unread_webhooks WHERE key = $1`, [key])
}
