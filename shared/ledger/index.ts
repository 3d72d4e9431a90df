/** The send ledger: at most one send a key over an API that has no idempotency key of its own. See README.md. */
export { steadyNow } from './clock.ts'
export type { Delivery, Window } from './decide.ts'
export { createFirestoreSendLedger } from './firestore.ts'
export { askableTemplate, findDeliveries, type SendMessage } from './look-up.ts'
export type { SendLedger, SendRecord, SendState, StoredRecord } from './record.ts'
export {
  type DeliveriesFound,
  hashOf,
  type MessageToSend,
  type ReadyToSend,
  type SendOnceOptions,
  sendOnce,
} from './send.ts'
export { type Settlement, settle } from './settle.ts'
