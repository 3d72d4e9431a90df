import { createHash } from 'node:crypto'
import type { IdentifyMessage, TrackMessage, TransactionalMessage } from '../contract/index.ts'

/** https://cloud.google.com/pubsub/quotas: "Ordering key: 1 KB". */
const ORDERING_KEY_BYTES = 1_024

type Identifiers = Readonly<Record<string, unknown>>

/**
 * The ordering key of whom an identify message is about: `id:u1`, `email:jane@example.com` (lower case, as Customer.io
 * compares it), `cio_id:…`, `phone:…`, `object:1:acme`. Of a merge it is the primary, which is who remains.
 *
 * The same person under two identifiers has two keys, and no order between them: only Customer.io knows that they are
 * one. Name people by one identifier, or say `orderedAs`.
 */
export function orderingKeyOf(message: IdentifyMessage | TrackMessage | TransactionalMessage): string {
  if ('primary' in message) return identifiersKey(message.primary)
  return 'identifiers' in message ? identifiersKey(message.identifiers) : ''
}

/** The key of one set of identifiers. */
export function identifiersKey(identifiers: Identifiers): string {
  const { object_type_id: type, object_id: object } = identifiers
  if (object !== undefined) return bounded(`object:${type}:${object}`)
  // Exactly one, by the contract.
  const [one] = Object.entries(identifiers).map(([name, value]) =>
    bounded(`${name}:${name === 'email' ? String(value).toLowerCase() : value}`),
  )
  return one ?? ''
}

function bounded(key: string): string {
  if (Buffer.byteLength(key, 'utf8') <= ORDERING_KEY_BYTES) return key
  return `sha256:${createHash('sha256').update(key).digest('hex')}`
}
