import type { SendLedger, StoredRecord } from '../../record.ts'
import type { Bounds, Fault, Setting } from './setting.ts'

/** One part of the ledger taken away, and which invariant is then broken. */
export interface Planted {
  readonly what: string
  readonly breaks: string
  readonly fault: Fault
  readonly setting?: Partial<Setting>
  /** Where the search begins, for a fault that shows late. */
  readonly after?: readonly string[]
  readonly bounds: Bounds
}

const seenAs =
  (change: (record: StoredRecord) => Partial<StoredRecord>) =>
  (ledger: SendLedger): SendLedger => ({
    ...ledger,
    read: async (id) => {
      const record = await ledger.read(id)
      return record && { ...record, ...change(record) }
    },
  })

export const PLANTED: readonly Planted[] = [
  {
    what: 'writes without the version that they rest on',
    breaks: 'Under one key, at most one message is sent.',
    setting: { isAlone: true },
    fault: { fenced: false },
    bounds: { deliveries: 3, mishaps: 1, jumps: 0 },
  },
  {
    what: 'no last look at the lease',
    breaks: 'Under one key, at most one message is sent.',
    fault: { freezeMarginMs: -1e9 },
    bounds: { deliveries: 2, mishaps: 0, jumps: 1 },
  },
  {
    what: 'no margin for a freeze before the call',
    breaks: 'Under one key, at most one message is sent.',
    setting: { isAlone: true },
    fault: { freezeMarginMs: 0 },
    after: [
      'Pub/Sub delivers a',
      'worker 1: create reaches the ledger',
      '20000 ms pass: the last look at a lease',
      'worker 1 hears of create',
    ],
    bounds: { deliveries: 2, mishaps: 0, jumps: 3 },
  },
  {
    what: 'no wait for the list',
    breaks: 'Under one key, at most one message is sent.',
    fault: { listDelayMs: 0 },
    bounds: { deliveries: 2, mishaps: 1, jumps: 1 },
  },
  {
    what: 'a lease that nobody respects',
    breaks: 'Under one key, at most one call is under way.',
    fault: {
      ledger: seenAs(({ state }) =>
        state === 'claimed' ? { readAtMs: Number.MAX_SAFE_INTEGER / 2, expiresAtMs: Infinity } : {},
      ),
    },
    bounds: { deliveries: 2, mishaps: 0, jumps: 0 },
  },
  {
    what: 'an uncertain send taken for one that was not made',
    breaks: 'Under one key, at most one message is sent.',
    fault: { ledger: seenAs(({ state }) => (state === 'uncertain' ? { state: 'released' } : {})) },
    bounds: { deliveries: 2, mishaps: 1, jumps: 0 },
  },
  {
    what: 'other open records not looked at',
    breaks: 'A message that is reported as delivered was sent, under the delivery id that is reported.',
    fault: { ledger: (ledger) => ({ ...ledger, others: async () => [] }) },
    after: [
      ...['Pub/Sub delivers a', 'worker 1: create reaches the ledger', 'worker 1 hears of create'],
      ...['worker 1: Customer.io sends a', 'worker 1 hears that it was sent', 'worker 1: update sent fails'],
      ...['Pub/Sub delivers b', 'worker 2: create reaches the ledger', 'worker 2 hears of create'],
      ...['worker 2 dies', '90000 ms pass: the list has had its time'],
    ],
    bounds: { deliveries: 3, mishaps: 2, jumps: 1 },
  },
  {
    what: 'deliveries of other records not looked at',
    breaks: 'A record that says `sent` names a delivery of its own key.',
    fault: { ledger: (ledger) => ({ ...ledger, held: async () => new Set() }) },
    bounds: { deliveries: 3, mishaps: 1, jumps: 1 },
  },
  {
    what: 'an uncertain send noted as released',
    breaks:
      'While a record says `released` or `refused`, nothing has been sent under its key, and no call for it is under way.',
    fault: {
      ledger: (ledger) => ({
        ...ledger,
        update: (id, version, change) =>
          ledger.update(id, version, change.state === 'uncertain' ? { ...change, state: 'released' } : change),
      }),
    },
    bounds: { deliveries: 1, mishaps: 1, jumps: 0 },
  },
  {
    what: 'an answer that is lost taken for a refusal',
    breaks: 'Whoever reports a message as refused by Customer.io has not sent it.',
    fault: { lostAnswer: { kind: 'refused', reason: 'refused', error: 'taken for one' } },
    bounds: { deliveries: 1, mishaps: 1, jumps: 0 },
  },
  {
    what: 'contents that are all different',
    breaks: 'A message is reported as changed only if its key has been used with other content.',
    setting: { isSameKey: true },
    fault: { ledger: seenAs(({ hashes }) => ({ hashes: { ...hashes, content: 'never the same' } })) },
    bounds: { deliveries: 2, mishaps: 0, jumps: 0 },
  },
  {
    what: 'a lease that never ends',
    breaks: 'Once nothing goes wrong any more, a message ends at its next delivery.',
    fault: { ledger: seenAs(() => ({ readAtMs: 0 })) },
    bounds: { deliveries: 1, mishaps: 1, jumps: 0 },
  },
]
