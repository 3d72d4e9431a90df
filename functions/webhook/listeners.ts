import type { CustomerIOWebhookHandler } from '../../shared/webhooks/index.ts'

/**
 * The place for listeners of your own, called for each webhook once it is safe in Pub/Sub (shared/webhooks/README.md):
 *
 *     webhooks.on('email.bounced', async ({ event_id, data }) => { … })
 */
export function addListeners(_webhooks: CustomerIOWebhookHandler): void {}
