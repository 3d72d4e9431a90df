/**
 * The little of protobuf's wire format that counting needs.
 * https://protobuf.dev/programming-guides/encoding: `PublishRequest { topic = 1; repeated messages = 2 }`,
 * `PublishResponse { repeated string message_ids = 1 }`; every field here is length-delimited (wire type 2).
 */
const MESSAGES_TAG = (2 << 3) | 2
const MESSAGE_IDS_TAG = (1 << 3) | 2

/** How many messages a serialized `PublishRequest` holds. */
export function messagesInPublish(request: Uint8Array): number {
  let messages = 0
  let at = 0
  while (at < request.length) {
    if (request[at++] === MESSAGES_TAG) messages++
    let bytes = 0
    for (let shift = 0; ; shift += 7) {
      const byte = request[at++] ?? 0
      bytes |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    at += bytes
  }
  return messages
}

/** A serialized `PublishResponse` with so many ids, counted down from `last`. */
export function publishAnswer(last: number, messages: number): Buffer {
  const parts: Buffer[] = []
  for (let index = messages - 1; index >= 0; index--) {
    const id = Buffer.from(String(last - index))
    parts.push(Buffer.from([MESSAGE_IDS_TAG, id.length]), id)
  }
  return Buffer.concat(parts)
}
