import type { RpcError } from '../rpc-error.ts'
import type { StoredMessage } from './message.ts'

/** A message in someone's hands until it is acknowledged, refused, or its deadline is over. */
export interface Lease {
  readonly ackId: string
  readonly message: StoredMessage
  readonly attempt: number
}

/** Something that messages are handed to: the pushes of a subscription, a stream, a waiting pull. */
export interface Consumer {
  /** How long it has to acknowledge; the subscription's own deadline when undefined. */
  readonly ackDeadlineMs: number | undefined
  hasRoom(): boolean
  deliver(lease: Lease): void
  /** A lease of this consumer has ended, and makes room. */
  released(lease: Lease, why: 'acknowledged' | 'failed' | 'expired'): void
  /** The subscription is gone. */
  closed(error: RpcError): void
}
