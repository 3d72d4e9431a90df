import { invalidArgument } from './refusals.ts'

/** A published message as the server keeps it: once, whatever the number of subscriptions. */
export interface StoredMessage {
  /** Rising in order of publishing; `id` is its decimal form. */
  readonly sequence: number
  readonly id: string
  readonly data: Buffer
  readonly attributes: Readonly<Record<string, string>>
  /** Empty when the publisher set none. */
  readonly orderingKey: string
  readonly publishTimeMs: number
}

export type MessageContent = Pick<StoredMessage, 'data' | 'attributes' | 'orderingKey'>

/** Pub/Sub's limits: cloud.google.com/pubsub/quotas#resource_limits. The request's is over all its bytes on the wire. */
export const MAX_REQUEST_BYTES = 10_000_000
export const MAX_MESSAGES_PER_REQUEST = 1_000
export const MAX_ATTRIBUTES = 100
export const MAX_ATTRIBUTE_KEY_BYTES = 256
export const MAX_ATTRIBUTE_VALUE_BYTES = 1_024
export const MAX_ORDERING_KEY_BYTES = 1_024

function atMost(value: number, maximum: number, field: string): void {
  if (value > maximum) {
    throw invalidArgument(
      `The value for ${field} is too large. You passed ${value} in the request, but the maximum value is ${maximum}.`,
    )
  }
}

/** Throws INVALID_ARGUMENT for a publish request that Pub/Sub refuses, as a whole: nothing of it is published. */
export function checkPublishRequest(messages: readonly MessageContent[], requestSizeBytes: number): void {
  if (messages.length === 0) throw invalidArgument('The request has no messages.')
  atMost(requestSizeBytes, MAX_REQUEST_BYTES, 'request_size')
  atMost(messages.length, MAX_MESSAGES_PER_REQUEST, 'message_count')
  for (const message of messages) checkMessage(message)
}

function checkMessage(message: MessageContent): void {
  const attributes = Object.entries(message.attributes)
  if (message.data.length === 0 && attributes.length === 0) {
    throw invalidArgument(
      'One or more messages in the publish request is empty. Each message must contain either non-empty data, or at least one attribute.',
    )
  }
  atMost(attributes.length, MAX_ATTRIBUTES, 'attribute_count')
  atMost(Buffer.byteLength(message.orderingKey), MAX_ORDERING_KEY_BYTES, 'ordering_key_size')
  for (const [key, value] of attributes) {
    if (key === '') throw invalidArgument('An attribute has an empty key.')
    if (key.startsWith('goog'))
      throw invalidArgument(`The attribute key "${key}" starts with "goog", which is reserved.`)
    atMost(Buffer.byteLength(key), MAX_ATTRIBUTE_KEY_BYTES, 'attribute_key_size')
    atMost(Buffer.byteLength(value), MAX_ATTRIBUTE_VALUE_BYTES, 'attribute_value_size')
  }
}
