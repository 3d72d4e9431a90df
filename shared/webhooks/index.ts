export {
  type CommonData,
  type KnownWebhookData,
  parseWebhookEvent,
  QUARANTINE_REASONS,
  type QuarantineReason,
  type WebhookEvent,
  type WebhookIdentifiers,
} from './event.ts'
export { CustomerIOWebhookHandler, type ListenerFailure } from './listeners.ts'
export {
  MAX_DATA_BYTES,
  type ReceivedWebhook,
  type WebhookAttributes,
  type WebhookMessage,
  webhookMessageOf,
} from './message.ts'
export {
  isTooOld,
  parseKeyRing,
  readClaim,
  SIGNATURE_HEADER,
  type SignatureClaim,
  type SignatureProblem,
  signWebhook,
  TIMESTAMP_HEADER,
  verifyWebhook,
} from './signature.ts'
