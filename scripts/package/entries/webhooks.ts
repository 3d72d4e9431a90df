/** `cio-gcp/webhooks`: the events of Customer.io's reporting webhooks, and their signatures. Needs no other package. */
export {
  type CommonData,
  type KnownWebhookData,
  parseWebhookEvent,
  type WebhookEvent,
  type WebhookIdentifiers,
} from '../../../shared/webhooks/event.ts'
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
} from '../../../shared/webhooks/signature.ts'
