/** The send ledger: at most one send per key over an API that has no idempotency key of its own. See README.md. */
export { isOpen, type Window, windowOf } from './decide.ts'
export { createFirestoreSendLedger } from './firestore.ts'
export { describeLedgerError } from './ledger-error.ts'
export {
  type DeliveriesFound,
  findDeliveries,
  type LookUpAnswer,
  type SendMessage,
  templateOf,
  whyNotAskable,
} from './look-up.ts'
export { hashOf, personHash, type SendLedger, type SendRecord, type SendState, type StoredRecord } from './record.ts'
export type { Delivery } from './resolve.ts'
export { type LookUp, type MessageToSend, type ReadyToSend, type SendOnceOptions, sendOnce } from './send.ts'
export { type Settlement, settle } from './settle.ts'
