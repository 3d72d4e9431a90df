import { type Clock, TimeoutError, withTimeout } from '../clock/index.ts'
import { type Identifier, keyOf } from '../identity/index.ts'
import type { Outcome, Retry } from '../outcome/index.ts'
import { decide, sentBefore, uncertain, type Window } from './decide.ts'
import { hashOf, type MessageHashes, type PersonHash } from './hashes.ts'
import { change, claim, type Hold } from './hold.ts'
import { describeLedgerError } from './ledger-error.ts'
import type { LookUpAnswer } from './look-up.ts'
import { makeCall, type ReadyToSend } from './ready.ts'
import {
  MOST_RECORDS_OF_A_PERSON,
  type NewSendRecord,
  type SendLedger,
  type SendRecordChange,
  type SendState,
  type StoredRecord,
} from './record.ts'
import { createdWithin, type Resolution, resolve } from './resolve.ts'

const DAY_MS = 86_400_000
/** Each costs a query. So many deliveries of one template to one person within minutes tell nothing of one message. */
const MOST_CANDIDATES = 20

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
  /** Longer than a message can come again; 45 days by default. */
  readonly ttlMs?: number
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
  readonly lookUp: LookUp
}

/** Customer.io's deliveries that may be the message's, created in this time; or why it cannot be asked for them. */
export type LookUp = ((window: Window) => Promise<LookUpAnswer>) | { readonly notAskable: string }

/**
 * Sends a message that must not be sent twice, through an API that sends it twice when asked twice. Never throws: trouble
 * with the ledger before the call is a `retry`, and after it the outcome of the call stands.
 */
export async function sendOnce(options: SendOnceOptions, message: MessageToSend): Promise<Outcome> {
  const ready = await message.ready()
  if (!('send' in ready)) return ready
  const attempt = new Attempt(options, message, ready)
  try {
    return await attempt.run()
  } catch (error) {
    options.onLedgerError?.(error, 'before_the_call')
    const words = `the send ledger cannot be used: ${describeLedgerError(error)}`
    return { kind: 'retry', cause: 'transient', reason: 'ledger', error: words }
  } finally {
    if (!attempt.called) ready.cancel()
  }
}

/** One delivery of one message. */
class Attempt {
  called = false
  readonly #options: Required<SendOnceOptions>
  readonly #message: MessageToSend
  readonly #ready: ReadyToSend
  readonly #token: string

  constructor(options: SendOnceOptions, message: MessageToSend, ready: ReadyToSend) {
    // One by one: an option that is there but undefined must not turn a comparison of times into NaN.
    this.#options = {
      ...options,
      leaseMarginMs: options.leaseMarginMs ?? 20_000,
      freezeMarginMs: options.freezeMarginMs ?? 10_000,
      listDelayMs: options.listDelayMs ?? 60_000,
      lookUpTimeoutMs: options.lookUpTimeoutMs ?? 10_000,
      onNotFound: options.onNotFound ?? 'dead_letter',
      ttlMs: options.ttlMs ?? 45 * DAY_MS,
      claimTimeoutMs: options.claimTimeoutMs ?? 5_000,
      writeTimeoutMs: options.writeTimeoutMs ?? 1_500,
      isDraining: options.isDraining ?? (() => false),
      onLedgerError: options.onLedgerError ?? (() => {}),
    }
    this.#message = message
    this.#ready = ready
    this.#token = options.newToken()
  }

  async run(): Promise<Outcome> {
    const { ledger, clock, claimTimeoutMs, listDelayMs, isDraining } = this.#options
    if (isDraining()) return SHUTTING_DOWN
    const startedMs = clock.now()
    const claiming = claim(ledger, hashOf(this.#message.key), this.#claimRecord())
    const { hold, found } = await withTimeout(clock, claimTimeoutMs, claiming, (late) => void this.#letGo(late.hold))
    if (hold !== undefined) return await this.#call(hold, startedMs)
    if (found === undefined) return OVERTAKEN
    const { contentAs } = this.#message.hashes
    const action = decide(found, { contentAs, notAskable: this.#notAskable }, listDelayMs)
    switch (action.kind) {
      case 'answer':
        return action.outcome
      case 'claim':
        return await this.#takeOver(found, this.#claimRecord())
      case 'look_up':
        return await this.#lookUp(found, action.window)
    }
  }

  async #takeOver(before: Hold, record: SendRecordChange): Promise<Outcome> {
    const { ledger, clock, claimTimeoutMs, isDraining } = this.#options
    if (isDraining()) return SHUTTING_DOWN
    const startedMs = clock.now()
    const claiming = change(ledger, before, record)
    const hold = await withTimeout(clock, claimTimeoutMs, claiming, (late) => void this.#letGo(late))
    return hold === undefined ? OVERTAKEN : await this.#call(hold, startedMs)
  }

  /** A claim that came true after we had given it up: nothing is sent for it, so nobody has to wait or to wonder. */
  async #letGo(hold: Hold | undefined): Promise<void> {
    if (hold !== undefined) await this.#note(hold, 'released')
  }

  /** `startedMs` is from before the claim was written, so the lease ends here before it ends for anybody else. */
  async #call(hold: Hold, startedMs: number): Promise<Outcome> {
    const { clock, leaseMarginMs, freezeMarginMs, isDraining } = this.#options
    // Of the lease, the request's timeout and the margin must be left: this is the last look before the call.
    const isTooLate = clock.now() - startedMs > leaseMarginMs - freezeMarginMs
    if (isTooLate || isDraining()) {
      await this.#note(hold, 'released')
      return isTooLate ? TOO_LATE : SHUTTING_DOWN
    }
    this.called = true
    const outcome = await makeCall(this.#ready)
    switch (outcome.kind) {
      case 'delivered':
        await this.#note(hold, 'sent', outcome.deliveryId)
        return outcome
      case 'refused':
        await this.#note(hold, 'refused')
        return outcome
      case 'retry':
        await this.#note(hold, 'released')
        return outcome
      case 'uncertain':
        await this.#note(hold, 'uncertain')
        if (this.#notAskable !== undefined) return uncertain(`${outcome.error}; ${this.#notAskable}`)
        return { ...outcome, kind: 'retry', cause: 'transient' }
    }
  }

  async #lookUp(record: StoredRecord, window: Window): Promise<Outcome> {
    const { clock, lookUpTimeoutMs, claimTimeoutMs, ledger, onNotFound } = this.#options
    const looking = this.#resolve(record, window)
    const resolution = await withTimeout(clock, lookUpTimeoutMs, looking).catch(unlessTooLate)
    switch (resolution.kind) {
      case 'answer':
        return resolution.outcome
      case 'sent': {
        const { deliveryId } = resolution
        const noting = change(ledger, record, { owner: this.#token, state: 'sent', deliveryId })
        const noted = await withTimeout(clock, claimTimeoutMs, noting)
        return noted === undefined ? OVERTAKEN : sentBefore(deliveryId)
      }
      case 'not_sent': {
        if (onNotFound === 'dead_letter') {
          return uncertain(`Customer.io lists no delivery of it. Compared: ${resolution.compared}`)
        }
        // The time of the first claim stays: should that send show up after all, it counts as this message's.
        const { claimedAtMs: _, ...claimAgain } = this.#claimRecord()
        return await this.#takeOver(record, claimAgain)
      }
    }
  }

  /** The records are read after the deliveries, and who holds these last. */
  async #resolve(record: StoredRecord, window: Window): Promise<Resolution> {
    const { ledger, listDelayMs } = this.#options
    const { lookUp, persons, hashesOf } = this.#message
    if ('notAskable' in lookUp) return answerWith(uncertain(lookUp.notAskable))
    const found = await lookUp(window)
    switch (found.kind) {
      case 'retry':
        return answerWith(found)
      case 'uncertain':
        return answerWith({ ...found, kind: 'retry', cause: 'transient' })
      case 'refused':
        return answerWith(uncertain(`Customer.io refuses to be asked about it: ${found.error}`))
      case 'not_askable':
        return answerWith(uncertain(found.why))
    }
    const candidates = createdWithin(window, found.deliveries)
    if (candidates.length === 0) return { kind: 'not_sent', compared: found.compared }
    if (candidates.length > MOST_CANDIDATES) {
      return answerWith(
        uncertain(`more than ${MOST_CANDIDATES} deliveries may be its own. Compared: ${found.compared}`),
      )
    }
    const everybody = new Map([...persons, ...found.persons].map((person) => [keyOf(person), person]))
    const others = await ledger.others([...everybody.values()].flatMap(hashesOf), record.id)
    if (others === undefined) {
      return answerWith(uncertain(`the person has more than ${MOST_RECORDS_OF_A_PERSON} messages`))
    }
    const held = await ledger.held(candidates.map(({ id }) => id))
    return resolve(record, window, found, others, held, listDelayMs)
  }

  get #notAskable(): string | undefined {
    const { lookUp } = this.#message
    return 'notAskable' in lookUp ? lookUp.notAskable : undefined
  }

  #claimRecord(): NewSendRecord {
    const { requestTimeoutMs, leaseMarginMs, ttlMs, clock } = this.#options
    const { hashes, channel, template = null } = this.#message
    return {
      state: 'claimed',
      owner: this.#token,
      leaseMs: requestTimeoutMs + leaseMarginMs,
      hashes: hashes.own,
      channel,
      template,
      claimedAtMs: 'request_time',
      deliveryId: null,
      expiresAtMs: clock.now() + ttlMs,
    }
  }

  /** The call has been made or will not be: what cannot be written down does not change its outcome. */
  async #note(hold: Hold, state: SendState, deliveryId: string | null = null): Promise<void> {
    const { clock, ledger, writeTimeoutMs, onLedgerError } = this.#options
    const writing = change(ledger, hold, { owner: this.#token, state, deliveryId })
    try {
      await withTimeout(clock, writeTimeoutMs, writing)
    } catch (error) {
      onLedgerError(error, 'after_the_call')
    }
  }
}

const busy = (error: string): Retry => ({ kind: 'retry', cause: 'busy', error })
const OVERTAKEN = busy('another delivery of the same key was faster')
const SHUTTING_DOWN = busy('this instance shuts down')
const TOO_LATE = busy('too little is left of the lease to send within it')

function answerWith(outcome: Outcome): Resolution {
  return { kind: 'answer', outcome }
}

/** A look-up that takes too long is asked again; whatever else goes wrong in it is trouble of the ledger's. */
function unlessTooLate(error: unknown): Resolution {
  if (!(error instanceof TimeoutError)) throw error
  const words = `asking what became of it: ${error.message}`
  return answerWith({ kind: 'retry', cause: 'transient', reason: 'no_answer', error: words })
}
