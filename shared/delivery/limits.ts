/** Pub/Sub's limits of one message. https://cloud.google.com/pubsub/quotas#resource_limits */
export const PUBSUB_LIMITS = {
  attributes: 100,
  attributeKeyBytes: 256,
  attributeValueBytes: 1_024,
  /** Of a publish request as a whole: body, attributes and ordering key. */
  messageBytes: 10_000_000,
} as const
