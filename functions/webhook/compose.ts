import type { HttpFunction } from '@google-cloud/functions-framework'
import { parseWebhookConfig, type WebhookConfig } from '../../shared/config/index.ts'
import { createLog, type Log } from '../../shared/logging/index.ts'
import { configured, createDrain } from '../../shared/runtime/index.ts'
import { createSecret } from '../../shared/secrets/index.ts'
import { CustomerIOWebhookHandler } from '../../shared/webhooks/index.ts'
import { createWebhookHandler } from './handler.ts'
import { createPublisher } from './publish.ts'

export interface WebhookFunctionOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly addListeners: (webhooks: CustomerIOWebhookHandler) => void
  /** Where log lines go; standard output by default. */
  readonly destination?: { write(line: string): void }
}

/**
 * Puts the function together from its environment. With an invalid environment it answers 503 and logs what is wrong:
 * Customer.io keeps what is answered so and sends it again, so a wrong setting loses nothing.
 */
export function createWebhookFunction({ env, addListeners, destination }: WebhookFunctionOptions): HttpFunction {
  const logOptions = { functionName: 'webhook', ...(destination !== undefined && { destination }) }
  const create = (environment: WebhookFunctionOptions['env']): HttpFunction => {
    const config = parseWebhookConfig(environment)
    const log = createLog({ ...logOptions, level: config.logLevel, projectId: config.projectId })
    return compose(config, log, addListeners)
  }
  return configured('webhook', env, create, createLog(logOptions))
}

function compose(config: WebhookConfig, log: Log, addListeners: WebhookFunctionOptions['addListeners']) {
  const webhooks = new CustomerIOWebhookHandler()
  webhooks.on('listenerFailure', ({ name, eventId, reason, error }) => {
    const fields = { event: 'listener_failed', operation: name, eventId, reason }
    // The name of the error only: its message may quote the event.
    log.warning('a listener failed', error instanceof Error ? { ...fields, error: error.name } : fields)
  })
  addListeners(webhooks)
  return createWebhookHandler({
    // A forged webhook costs a read of the keys and up to this interval of waiting for it; all that wait share the read.
    // Longer, and a flood would hold every place of the function in waiting; shorter, and it would cost more in reads.
    signingKeys: createSecret({ ...config.signingKeys, log, minRefreshIntervalMs: 100, readTimeoutMs: 1_000 }),
    publish: createPublisher({ projectId: config.projectId, topic: config.topic, timeoutMs: config.publishTimeoutMs }),
    webhooks,
    drain: createDrain(process),
    log,
    now: Date.now,
    maxAgeSeconds: config.maxAgeSeconds,
    maxBodyBytes: config.maxBodyBytes,
    publishTimeoutMs: config.publishTimeoutMs,
  })
}
