import { stringify } from 'safe-stable-stringify'
import type { TransactionalMessage } from '../../shared/contract/index.ts'
import type { CustomerIOService } from '../../shared/customerio/index.ts'
import {
  findDeliveries,
  hashOf,
  type MessageToSend,
  personHash,
  templateOf,
  whyNotAskable,
} from '../../shared/ledger/index.ts'

/**
 * What the ledger has to know of a message: nothing in it names a person.
 *
 * @param publishedAtMs when it was published first, which a scheduled send is compared with
 */
export function messageToSend(
  service: Pick<CustomerIOService, 'prepareSend' | 'findDeliveries'>,
  message: TransactionalMessage,
  { key, publishedAtMs }: { readonly key: string; readonly publishedAtMs: number },
): MessageToSend {
  const notAskable = whyNotAskable(message, publishedAtMs)
  const common = {
    key,
    contentHash: hashOf(stringify(message) ?? ''),
    channel: message.channel,
    ready: () => service.prepareSend(message),
  }
  if (message.channel === 'broadcast') {
    return { ...common, template: String(message.broadcast_id), lookUp: { notAskable: notAskable ?? '' } }
  }
  return {
    ...common,
    personHash: personHash(message.identifiers),
    template: templateOf(message),
    lookUp: notAskable === undefined ? (window) => findDeliveries(service, message, window) : { notAskable },
  }
}
