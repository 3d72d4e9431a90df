import type { IdentifyMessage, TrackMessage, TransactionalMessage } from '../contract/index.ts'
import { boundedSubjectKey } from '../identity/index.ts'

/** https://cloud.google.com/pubsub/quotas: "Ordering key: 1 KB". */
const ORDERING_KEY_BYTES = 1_024

/**
 * The ordering key of whom an identify message is about: `id:u1`, `email:jane@example.com` (as `shared/identity` compares
 * it), `cio_id:…`, `phone:…`, `object:1:acme`. Of a merge it is the primary, which is who remains.
 *
 * The same person under two identifiers has two keys, and no order between them: only Customer.io knows that they are
 * one. Name people by one identifier, or say `orderedAs`.
 */
export function orderingKeyOf(message: IdentifyMessage | TrackMessage | TransactionalMessage): string {
  if ('primary' in message) return identifiersKey(message.primary)
  return 'identifiers' in message ? identifiersKey(message.identifiers) : ''
}

/** The key of one set of identifiers. */
export function identifiersKey(identifiers: object): string {
  return boundedSubjectKey(identifiers, ORDERING_KEY_BYTES)
}
