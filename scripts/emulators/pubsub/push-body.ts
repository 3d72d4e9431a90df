import type { StoredMessage } from './message.ts'

/**
 * The body of a push, in the shape of cloud.google.com/pubsub/docs/push#receive_push: fields that are empty are left out,
 * and `deliveryAttempt` is there only for subscriptions with a dead-letter policy.
 */
export function pushBody(subscription: string, message: StoredMessage, deliveryAttempt: number | undefined): string {
  const publishTime = new Date(message.publishTimeMs).toISOString()
  const attempt = deliveryAttempt === undefined ? '' : `"deliveryAttempt":${deliveryAttempt},`
  // Base64 has nothing to escape, and to look for it in megabytes takes a tenth of a second.
  const data = message.data.length === 0 ? '' : `"data":"${message.data.toString('base64')}",`
  const rest = JSON.stringify({
    message: {
      ...(Object.keys(message.attributes).length > 0 && { attributes: message.attributes }),
      messageId: message.id,
      message_id: message.id,
      ...(message.orderingKey !== '' && { orderingKey: message.orderingKey }),
      publishTime,
      publish_time: publishTime,
    },
    subscription,
  })
  return `{${attempt}"message":{${data}${rest.slice('{"message":{'.length)}`
}
