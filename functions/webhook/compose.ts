import { parseWebhookConfig, type WebhookConfig } from '../../shared/config/index.ts'
import { placeOf, safeErrorName } from '../../shared/errors/index.ts'
import type { FunctionDefinition } from '../../shared/runtime/index.ts'
import { createSecret } from '../../shared/secrets/index.ts'
import { CustomerIOWebhookHandler } from '../../shared/webhooks/index.ts'
import { createWebhookHandler } from './handler.ts'
import { createPublisher } from './publish.ts'

/**
 * The function that takes Customer.io's webhooks. With an invalid configuration it answers 503: Customer.io keeps what
 * is answered so and sends it again, so a wrong setting loses nothing.
 */
export function webhookFunction(
  addListeners: (webhooks: CustomerIOWebhookHandler) => void,
): FunctionDefinition<WebhookConfig> {
  return {
    name: 'webhook',
    parseConfig: parseWebhookConfig,
    create(config, { log, clock, random, endpoints }) {
      const webhooks = new CustomerIOWebhookHandler({ clock })
      webhooks.on('listenerFailure', ({ name, eventId, reason, error }) => {
        const fields = { event: 'listener_failed', operation: name, eventId, reason }
        const place = placeOf(error)
        log.warning('a listener failed', {
          ...fields,
          ...(error !== undefined && { error: safeErrorName(error) }),
          ...(place !== undefined && { place }),
        })
      })
      addListeners(webhooks)
      return createWebhookHandler({
        // A forged webhook costs a read of the keys and up to this interval of waiting for it; all that wait share the
        // read. Longer, and a flood would hold every place of the function in waiting; shorter, and it would cost more
        // in reads.
        signingKeys: createSecret({
          ...config.signingKeys,
          log,
          clock,
          minRefreshIntervalMs: 100,
          readTimeoutMs: 1_000,
        }),
        publish: createPublisher({
          endpoint: endpoints.pubsub,
          random,
          projectId: config.projectId,
          topic: config.topic,
          timeoutMs: config.publishTimeoutMs,
          clock,
        }),
        webhooks,
        log,
        clock,
        maxAgeSeconds: config.maxAgeSeconds,
        maxBodyBytes: config.maxBodyBytes,
        bodyMemoryBytes: config.bodyMemoryBytes,
        publishTimeoutMs: config.publishTimeoutMs,
      })
    },
  }
}
