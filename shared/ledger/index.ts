/** The send ledger: at most one send per key over an API that has no idempotency key of its own. See README.md. */
export { isOpen, windowOf } from './decide.ts'
export { createFirestoreSendLedger } from './firestore.ts'
export { findDeliveries, templateOf, whyNotAskable } from './look-up.ts'
export { hashOf, personHash, type SendLedger, type StoredRecord } from './record.ts'
export type { Delivery } from './resolve.ts'
export { type MessageToSend, sendOnce } from './send.ts'
export { settle } from './settle.ts'
