/** A Pub/Sub attribute value holds at most this many bytes of UTF-8. */
const IDEMPOTENCY_KEY_BYTES = 1_024

export interface KeySource {
  /** Attribute `idempotency_key`: the publisher's own name for what should happen once. */
  readonly idempotencyKey?: string | undefined
  /** Attribute `source_message_id`: the id of the message that this one replays. */
  readonly sourceMessageId?: string | undefined
  /** The id that Pub/Sub gave to this message. */
  readonly messageId: string
}

export type MessageKey =
  | { readonly ok: true; readonly key: string }
  | { readonly ok: false; readonly reason: 'contract'; readonly error: string }

/**
 * The key by which a message is known however often it is delivered, published or replayed.
 *
 * A publisher's key and Pub/Sub's ids are kept apart by a prefix, so that an `idempotency_key` of "123" is not the
 * message 123. The id of a replayed message shares the prefix of message ids on purpose: the replay is that message.
 * An empty `idempotency_key` is refused: as a key it would make one message of all that carry it, and ignoring it
 * would take away a protection that the publisher counts on.
 */
export function messageKey({ idempotencyKey, sourceMessageId, messageId }: KeySource): MessageKey {
  if (idempotencyKey === undefined) return { ok: true, key: `message:${sourceMessageId || messageId}` }
  const bytes = Buffer.byteLength(idempotencyKey)
  if (bytes >= 1 && bytes <= IDEMPOTENCY_KEY_BYTES && idempotencyKey.isWellFormed()) {
    return { ok: true, key: `publisher:${idempotencyKey}` }
  }
  const rule = bytes === 0 ? 'must not be empty' : `must be well-formed and at most ${IDEMPOTENCY_KEY_BYTES} bytes`
  return { ok: false, reason: 'contract', error: `attribute idempotency_key: ${rule}` }
}

/** As much of a message of Pub/Sub as its key needs. */
interface IdentifiedMessage {
  readonly attributes: Readonly<Record<string, string>>
  readonly messageId: string
}

/** The {@link messageKey} of a message as Pub/Sub delivers it. */
export function keyOfMessage({ attributes, messageId }: IdentifiedMessage): MessageKey {
  return messageKey({
    idempotencyKey: attributes.idempotency_key,
    sourceMessageId: attributes.source_message_id,
    messageId,
  })
}

/** The key of a message for its record; undefined when it breaks the contract. */
export function recordedKey(message: IdentifiedMessage): string | undefined {
  const keyed = keyOfMessage(message)
  return keyed.ok ? keyed.key : undefined
}
