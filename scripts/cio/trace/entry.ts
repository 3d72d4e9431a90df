import type { StoredRecord } from '../../../shared/ledger/index.ts'

/** By what entries of different stores are known to be about one message. Each is unique by itself. */
export interface Ties {
  /** Pub/Sub's id of a publish first, then that of the message which it replays. */
  readonly messageIds?: readonly string[] | undefined
  /** The message's key, where it is known: `publisher:…`, or `message:…` with its first id. */
  readonly key?: string | undefined
  /** That key as a hash; equal for every publish of one message. */
  readonly keyHash?: string | undefined
  /** Customer.io's id of what was sent. */
  readonly deliveryId?: string | undefined
}

/** What a message is, as far as a store says. Nothing in it names a person. */
export interface About {
  readonly topic?: string | undefined
  /** `email`, `push` and so on. */
  readonly channel?: string | undefined
  /** `identify`, `event order_completed`. */
  readonly what?: string | undefined
  readonly template?: string | undefined
  /** What made Customer.io send it, where no message of ours did: `campaign 21, Order shipped`. */
  readonly origin?: string | undefined
}

/** One thing that a store says happened, at one time. */
export interface Entry extends Ties, About {
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly fact: Fact
}

export type Fact = Published | Attempted | Remembered | DeadLettered | CameBack | Decided

/** An application, or an operator who replays, published it. */
export interface Published {
  readonly kind: 'published'
}

/** A function handled one delivery attempt. */
export interface Attempted {
  readonly kind: 'attempted'
  readonly attempt: number | undefined
  /** As in `shared/outcome`: delivered, refused, retry, exhausted. */
  readonly outcome: string
  readonly reason: string | undefined
  readonly cause: string | undefined
  readonly httpStatus: number | undefined
  /** `duplicate`: nothing was sent now, since the ledger knows that it was sent before. */
  readonly note: string | undefined
  readonly batch: { readonly size: number; readonly position: number | undefined } | undefined
  /** How long it waited in the function before its request began. */
  readonly queueMs: number | undefined
  readonly requestMs: number | undefined
  /** How long Customer.io holds what it accepts: to this time (milliseconds since 1970), or until somebody sends the draft. */
  readonly held: number | 'as_draft' | undefined
}

/** The state of its record in the send ledger, since that time. */
export interface Remembered {
  readonly kind: 'remembered'
  readonly state: StoredRecord['state']
}

/** It waits on the dead-letter topic. */
export interface DeadLettered {
  readonly kind: 'dead_lettered'
  /** What `dlq show`, `replay` and `settle` take. */
  readonly id: string
  readonly reason: string
  readonly error: string
  readonly attempts: number
  readonly replays: number
  /** It names the person among others, or breaks the contract and may be about them. */
  readonly doubt: 'shared' | 'perhaps' | undefined
}

/** A webhook of Customer.io, as the warehouse has it. */
export interface CameBack {
  readonly kind: 'came_back'
  readonly eventId: string
  readonly metric: string
  /** An open through a proxy or ahead of time, a click of a link scanner. */
  readonly byMachine: boolean
  readonly failure: string | undefined
  readonly receivedAtMs: number
}

/** An operator did something about it. */
export interface Decided {
  readonly kind: 'decided'
  /** As the record has it: settled_sent, settled_not_sent, replayed, purged, erased, revealed. */
  readonly what: string
}
