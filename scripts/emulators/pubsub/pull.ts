import type { Consumer, Lease } from './lease.ts'
import type { Api } from './protos.ts'
import type { Subscription } from './subscription.ts'
import { msToTimestamp } from './time.ts'

/** A response may not be larger than the client takes (20 MB); one message always fits. */
export const MAX_RESPONSE_BYTES = 10_000_000

/** A message as pullers get it; the attempt is told only where there is a dead-letter policy. */
export function receivedMessage(lease: Lease, subscription: Subscription): Api['receivedMessage'] {
  const { message } = lease
  return {
    ackId: lease.ackId,
    message: {
      data: message.data,
      attributes: message.attributes,
      messageId: message.id,
      publishTime: msToTimestamp(message.publishTimeMs),
      orderingKey: message.orderingKey,
    },
    deliveryAttempt: subscription.settings.deadLetter === undefined ? 0 : lease.attempt,
  }
}

/**
 * One Pull request: resolves with the first messages that come, at most `maxMessages`, or with none when `signal` aborts.
 * Rejects when the subscription is deleted meanwhile.
 */
export function pull(subscription: Subscription, maxMessages: number, signal: AbortSignal): Promise<Lease[]> {
  return new Promise((resolve, reject) => {
    const leases: Lease[] = []
    let bytes = 0
    const finish = () => {
      subscription.removeConsumer(consumer)
      signal.removeEventListener('abort', finish)
      resolve(leases)
    }
    const consumer: Consumer = {
      ackDeadlineMs: undefined,
      hasRoom: () => leases.length < maxMessages && bytes < MAX_RESPONSE_BYTES && !signal.aborted,
      deliver: (lease) => {
        // Together with this one come all that are ready now.
        if (leases.length === 0) queueMicrotask(finish)
        leases.push(lease)
        bytes += lease.message.data.length
      },
      released: () => {},
      closed: reject,
    }
    signal.addEventListener('abort', finish)
    subscription.addConsumer(consumer)
  })
}
