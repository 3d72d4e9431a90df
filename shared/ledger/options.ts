import type { Clock } from '../clock/index.ts'
import type { Identifier } from '../identity/index.ts'
import type { Retry } from '../outcome/index.ts'
import type { Window } from './decide.ts'
import type { MessageHashes, PersonHash } from './hashes.ts'
import type { LookUpAnswer } from './look-up.ts'
import type { ReadyToSend } from './ready.ts'
import type { SendLedger } from './record.ts'

export interface SendOnceOptions {
  readonly ledger: SendLedger
  /** Never going back: `steadyClock`. */
  readonly clock: Clock
  /** A new one each time; `randomUUID`. */
  readonly newToken: () => string
  /** The longest that one `send` takes, all its requests together. */
  readonly requestTimeoutMs: number
  /** How much longer than that a claim holds; 20,000 by default. Half of it is there to write the claim, half is the margin. */
  readonly leaseMarginMs?: number
  /** The longest freeze of this process, between its last look at the lease and the call, that does no harm; 10,000 by default. */
  readonly freezeMarginMs?: number
  /** After it Customer.io's list shows every delivery; 60,000 by default. */
  readonly listDelayMs?: number
  /** How long one look-up may take, so that the push is answered within its ack deadline; 10,000 by default. */
  readonly lookUpTimeoutMs?: number
  /** When the list shows that an uncertain message was not sent: leave it to a person (default), or send it again. */
  readonly onNotFound?: 'dead_letter' | 'resend'
  /** How long a record is kept: longer than a message can come again (`ledger.ttl_days` of pipeline.yaml). */
  readonly ttlMs: number
  /** How long claiming a record may take: the ledger's client alone would try for ten minutes. 5,000 by default. */
  readonly claimTimeoutMs?: number
  /** How long writing the outcome of a call down may take; 1,500 by default. */
  readonly writeTimeoutMs?: number
  /** Whether the process shuts down: a call that began then could be cut off, and it would be uncertain whether it sent. */
  readonly isDraining?: () => boolean
  /** Told of each failure of the ledger. Before the call the message is retried; after it the outcome stands. Must not throw. */
  readonly onLedgerError?: (error: unknown, when: 'before_the_call' | 'after_the_call') => void
}

export interface MessageToSend {
  readonly key: string
  readonly hashes: MessageHashes
  /** Whom the message names as its person. */
  readonly persons: readonly Identifier[]
  /** A person by every hash that a record may have of them. */
  readonly hashesOf: (person: Identifier) => readonly PersonHash[]
  readonly channel: string
  readonly template?: string
  readonly ready: () => Promise<ReadyToSend | Retry>
  /** Whether this delivery has been given up and another one is on its way: nothing is claimed for it any more. */
  readonly isGivenUp?: () => boolean
  readonly lookUp: LookUp
}

/** Customer.io's deliveries that may be the message's, created in this time; or why it cannot be asked for them. */
export type LookUp = ((window: Window) => Promise<LookUpAnswer>) | { readonly notAskable: string }

/** Why Customer.io cannot be asked for the message's deliveries, if it cannot. */
export function whyNot({ lookUp }: MessageToSend): string | undefined {
  return 'notAskable' in lookUp ? lookUp.notAskable : undefined
}

export type CompleteOptions = Required<SendOnceOptions>

/** With every default. One by one: an option that is there but undefined must not turn a comparison of times into NaN. */
export function complete(options: SendOnceOptions): CompleteOptions {
  return {
    ...options,
    leaseMarginMs: options.leaseMarginMs ?? 20_000,
    freezeMarginMs: options.freezeMarginMs ?? 10_000,
    listDelayMs: options.listDelayMs ?? 60_000,
    lookUpTimeoutMs: options.lookUpTimeoutMs ?? 10_000,
    onNotFound: options.onNotFound ?? 'dead_letter',
    ttlMs: options.ttlMs,
    claimTimeoutMs: options.claimTimeoutMs ?? 5_000,
    writeTimeoutMs: options.writeTimeoutMs ?? 1_500,
    isDraining: options.isDraining ?? (() => false),
    onLedgerError: options.onLedgerError ?? (() => {}),
  }
}
