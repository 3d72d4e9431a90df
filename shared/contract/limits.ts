/**
 * The limits that the contract enforces. All sizes are bytes of UTF-8, never characters.
 * Customer.io does not say whether its "kB" is 1,000 or 1,024 bytes: these stay below both.
 */
export const LIMITS = {
  /** An identifier `id` of a person. */
  personIdBytes: 150,
  /** Identifiers without a limit of their own (email, cio_id, anonymous_id, object ids) are stored as attribute values. */
  identifierBytes: 1_000,
  attributeNameBytes: 150,
  attributeValueBytes: 1_000,
  /** Attributes of a person or an object. */
  attributes: 300,
  eventNameBytes: 100,
  /**
   * One v2 operation. Customer.io takes 32 kB; the pipeline batches items of up to 30,000 bytes,
   * and 100 of these are left for the `id` and `timestamp` that it adds.
   */
  operationBytes: 29_900,
  /**
   * Our own: the JSON text of one such operation. Escapes make a text six times as long, white space does the rest; to
   * parse ten megabytes would hold up hundreds of messages for seconds, only to refuse it.
   */
  operationTextBytes: 1_000_000,
  /** A body of `/v1/send/*` without its attachments. */
  sendBytes: 1_000_000,
  /** All attachments of an e-mail together, decoded. */
  attachmentBytes: 2_000_000,
  /** `to`, `cc` and `bcc` together. */
  recipients: 15,
  /** Our own: how far ahead a time of what has happened may be, for clocks that are not quite right and times without theirs: a day. */
  aheadSeconds: 86_400,
  /** How far ahead `send_at` may be: 90 days. */
  sendAtAheadSeconds: 90 * 86_400,
  /** `ids`, `emails` or `per_user_data` of a broadcast. */
  broadcastPeople: 10_000,
  /** Our own: no honest message nests deeper, and deeper ones overflow the stack of what serialises them. */
  depth: 64,
  /** Our own: values of all kinds in one message. More take more memory to refuse than ten megabytes of honest data. */
  values: 500_000,
  /** Our own: lists and objects in one message. Parsed, each takes up to a hundred times the memory of its text. */
  listsAndObjects: 100_000,
  /** Our own: names in one object. An object of half a million names takes seconds to copy. */
  names: 10_000,
} as const
