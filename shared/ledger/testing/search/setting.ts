import type { CallOutcome } from '../../../outcome/index.ts'
import type { SendLedger } from '../../record.ts'

/** How far a search goes. Everything else is free: which step comes next, and how long it takes. */
export interface Bounds {
  /** Deliveries of messages by Pub/Sub, in all. */
  readonly deliveries: number
  /** Things that go wrong: crashes, lost or failed writes, calls that Customer.io does not accept, or does not answer. */
  readonly mishaps: number
  /** Times that time passes, each to the next moment of some limit: of a lease, a look, a call, the list. */
  readonly jumps: number
}

/** Something taken away, to see that the search finds out. */
export interface Fault {
  readonly fenced?: boolean
  readonly freezeMarginMs?: number
  readonly listDelayMs?: number
  readonly ledger?: (ledger: SendLedger) => SendLedger
  /** What a worker takes a lost answer for: that it was sent, or not, nobody knows. */
  readonly lostAnswer?: CallOutcome
}

export interface Setting {
  readonly name: string
  readonly onNotFound: 'dead_letter' | 'resend'
  /** `short`: between its last look at the lease and the call, a process freezes for less than the margin. */
  readonly freezes: 'short' | 'any'
  /** Whether both messages have one key, with different contents. */
  readonly isSameKey?: boolean
  /** Only one of them is published. */
  readonly isAlone?: boolean
  /** Customer.io's clock against the ledger's; 5 s are tolerated. */
  readonly customerioClockOffsetMs?: number
  readonly fault?: Fault
}

/** What is searched: each sort of guarantee that the README makes, and both ends of the skew. */
export const SETTINGS: readonly Setting[] = [
  { name: 'left to a person, freezes of any length', onNotFound: 'dead_letter', freezes: 'any' },
  { name: 'sent again, Customer.io 4 s ahead', onNotFound: 'resend', freezes: 'short', customerioClockOffsetMs: 4_000 },
  {
    name: 'sent again, Customer.io 4 s behind',
    onNotFound: 'resend',
    freezes: 'short',
    customerioClockOffsetMs: -4_000,
  },
  { name: 'sent again, one key with two contents', onNotFound: 'resend', freezes: 'short', isSameKey: true },
]
