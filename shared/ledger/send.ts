import { withTimeout } from '../clock/index.ts'
import type { Outcome } from '../outcome/index.ts'
import { decide, uncertain, type Window } from './decide.ts'
import { hashOf } from './hashes.ts'
import { change, claim, type Hold } from './hold.ts'
import { type CompleteOptions, complete, type MessageToSend, type SendOnceOptions, whyNot } from './options.ts'
import { makeCall, type ReadyToSend } from './ready.ts'
import type { NewSendRecord, SendRecordChange, SendState, StoredRecord } from './record.ts'
import { busy, ledgerFailed, noteSent, notListed, OVERTAKEN, whatBecameOf } from './what-became.ts'

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
    return ledgerFailed(error)
  } finally {
    if (!attempt.called) ready.cancel()
  }
}

/** One delivery of one message. */
class Attempt {
  called = false
  readonly #options: CompleteOptions
  readonly #message: MessageToSend
  readonly #ready: ReadyToSend
  readonly #token: string

  constructor(options: SendOnceOptions, message: MessageToSend, ready: ReadyToSend) {
    this.#options = complete(options)
    this.#message = message
    this.#ready = ready
    this.#token = options.newToken()
  }

  async run(): Promise<Outcome> {
    const { ledger, clock, claimTimeoutMs, listDelayMs } = this.#options
    const whyNot = this.#whyNotClaim()
    if (whyNot !== undefined) return whyNot
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

  /** A process that stood still for long would send what has expired or been cancelled since, and do another one's work. */
  #whyNotClaim(): Outcome | undefined {
    if (this.#options.isDraining()) return SHUTTING_DOWN
    return this.#message.isGivenUp?.() ? GIVEN_UP : undefined
  }

  async #takeOver(before: Hold, record: SendRecordChange): Promise<Outcome> {
    const { ledger, clock, claimTimeoutMs } = this.#options
    const whyNot = this.#whyNotClaim()
    if (whyNot !== undefined) return whyNot
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
    const { onNotFound } = this.#options
    const resolution = await whatBecameOf(this.#options, this.#message, record, window)
    switch (resolution.kind) {
      case 'answer':
        return resolution.outcome
      case 'sent':
        return await noteSent(this.#options, record, resolution.deliveryId, this.#token)
      case 'not_sent': {
        if (onNotFound === 'dead_letter') return notListed(resolution.compared)
        // The time of the first claim stays: should that send show up after all, it counts as this message's.
        const { claimedAtMs: _, ...claimAgain } = this.#claimRecord()
        return await this.#takeOver(record, claimAgain)
      }
    }
  }

  get #notAskable(): string | undefined {
    return whyNot(this.#message)
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

const SHUTTING_DOWN = busy('this instance shuts down')
const GIVEN_UP = busy('Pub/Sub waits for it no longer and delivers it again')
const TOO_LATE = busy('too little is left of the lease to send within it')
