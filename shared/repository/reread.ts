import { handleWebhook } from './handle-webhook.ts'
import type { RepositoryParts } from './port.ts'

/** Handles kept webhooks again. What can be read by now is forgotten; returns how many remain. */
export async function rereadWebhooks(parts: RepositoryParts): Promise<number> {
  const pageSize = 100
  let remaining = 0
  let after: string | undefined
  for (;;) {
    const page = await parts.store.unreadWebhooks(after, pageSize)
    for (const { key, body, attributes, receivedAt } of page) {
      const received_at = new Date(receivedAt * 1_000).toISOString()
      const handled = await handleWebhook(parts, { data: body, attributes: { ...attributes, received_at } })
      if (handled.kind === 'unread' || (handled.kind === 'handled' && handled.unread !== undefined)) remaining += 1
      else await parts.store.forgetWebhook(key)
    }
    after = page.at(-1)?.key
    if (page.length < pageSize) return remaining
  }
}
