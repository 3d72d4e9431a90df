export { type KnownWebhookData, PROBE_OBJECT_TYPE, QUARANTINE_REASONS } from './event.ts'
export { CustomerIOWebhookHandler } from './listeners.ts'
export { MAX_DATA_BYTES, type WebhookMessage, webhookMessageOf } from './message.ts'
export {
  isTooOld,
  parseKeyRing,
  readClaim,
  SIGNATURE_HEADER,
  type SignatureClaim,
  signWebhook,
  TIMESTAMP_HEADER,
  verifyWebhook,
} from './signature.ts'
