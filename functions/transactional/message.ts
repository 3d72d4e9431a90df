import { stringify } from 'safe-stable-stringify'
import type { TransactionalMessage } from '../../shared/contract/index.ts'
import type { CustomerIOService } from '../../shared/customerio/index.ts'
import { type HashRing, type Identifier, identifiersOf, recordedPersons } from '../../shared/identity/index.ts'
import {
  findDeliveries,
  type MessageToSend,
  messageHashes,
  personHashes,
  templateOf,
  whyNotAskable,
} from '../../shared/ledger/index.ts'

/** What is known of a message besides its content. */
export interface Received {
  readonly key: string
  /** The body as it was published, which keeps the contract. */
  readonly data: Uint8Array
  /** As it was published, by which the ledger knows it; of one that is redirected. */
  readonly published?: TransactionalMessage
  /** When it was published first, which a scheduled send is compared with. */
  readonly publishedAtMs: number
  /** Whether Pub/Sub waits for it no longer, and delivers it again. */
  readonly isGivenUp: () => boolean
}

/** What the ledger has to know of a message: nothing in it names a person. */
export function messageToSend(
  service: Pick<CustomerIOService, 'prepareSend' | 'findDeliveries'>,
  ring: HashRing,
  message: TransactionalMessage,
  { key, data, published = message, publishedAtMs, isGivenUp }: Received,
): MessageToSend {
  const notAskable = whyNotAskable(message, publishedAtMs)
  const template = recordedTemplate(message)
  const common = {
    key,
    hashes: messageHashes(ring, {
      published: canonical(data),
      parsed: stringify(published) ?? '',
      // Of a redirected one those whom it goes to as well: by them the look-up finds the other sends to that address.
      persons: (published === message ? [message] : [published, message]).flatMap((each) =>
        recordedPersons('transactional', each),
      ),
    }),
    hashesOf: (person: Identifier) => personHashes(ring, person),
    channel: message.channel,
    ready: () => service.prepareSend(message),
    isGivenUp,
  }
  if (message.channel === 'broadcast') {
    return { ...common, persons: [], template, lookUp: { notAskable: notAskable ?? '' } }
  }
  return {
    ...common,
    persons: identifiersOf(message.identifiers),
    template,
    lookUp: notAskable === undefined ? (window) => findDeliveries(service, message, window) : { notAskable },
  }
}

/** What the message is made from: the id of its template or broadcast; empty for one that brings its own body. */
export function recordedTemplate(message: TransactionalMessage): string {
  return message.channel === 'broadcast' ? String(message.broadcast_id) : templateOf(message)
}

/** A published body in one form: a publisher may write the same message with its fields in another order. */
function canonical(data: Uint8Array): string {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8')
  return stringify(JSON.parse(text.replace(/^\uFEFF/, ''))) ?? ''
}
