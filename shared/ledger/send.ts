import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { CallOutcome, Delivered, Outcome, Retry } from '../outcome/index.ts'
import { createdWithin, type Delivery, decide, judge, sentBefore, uncertain, type Window } from './decide.ts'
import { change, claim, type Hold } from './hold.ts'
import type { NewSendRecord, SendLedger, SendRecordChange, SendState, StoredRecord } from './record.ts'

const DAY_MS = 86_400_000

export interface SendOnceOptions {
  readonly ledger: SendLedger
  /** Milliseconds since 1970, never going back: `steadyNow`. */
  readonly now: () => number
  /** A new one each time; `randomUUID`. */
  readonly newToken: () => string
  /** The longest that one `send` takes, all its requests together. */
  readonly requestTimeoutMs: number
  /** How much longer than that a claim holds; 20,000 by default. Half of it is there to write the claim, half is the margin. */
  readonly leaseMarginMs?: number
  /** The longest freeze of this process, between its last look at the lease and the call, that does no harm; 10,000 by default. */
  readonly freezeMarginMs?: number
  /** After it Customer.io's list shows every delivery; 60,000 by default. */
  readonly settleMs?: number
  /** When the list shows that an uncertain message was not sent: leave it to a person (default), or send it again. */
  readonly onNotFound?: 'dead_letter' | 'resend'
  /** Longer than a message can come again; 45 days by default. */
  readonly ttlMs?: number
  /** How long one step with the ledger may take: its client alone would try for ten minutes. 10,000 by default. */
  readonly ledgerTimeoutMs?: number
  /** Waits; ends early (resolving or rejecting) on the signal. The real timer by default. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>
  /** Told when the ledger could not be written after a call: the outcome stands, the record stays behind. Must not throw. */
  readonly onLedgerError?: (error: unknown) => void
}

/** Rate, pause and credentials have been checked: the call can be made now. Exactly one of the two is called. */
export interface ReadyToSend {
  /** Makes the call at once. `retry` and `refused` mean that it was certainly not sent; a throw counts as `uncertain`. */
  readonly send: () => Promise<CallOutcome>
  /** The call is not made after all. */
  readonly cancel: () => void
}

export interface MessageToSend {
  readonly key: string
  readonly contentHash: string
  readonly personHash?: string
  readonly channel: string
  readonly template?: string
  readonly ready: () => Promise<ReadyToSend | Retry>
  /** Customer.io's deliveries of this template to this person and recipient; absent when it cannot be asked. */
  readonly findDeliveries?: (window: Window) => Promise<DeliveriesFound | Exclude<CallOutcome, Delivered>>
}

export interface DeliveriesFound {
  readonly kind: 'found'
  readonly deliveries: readonly Delivery[]
}

/** SHA-256 in lower-case hex: the id of a key's record, and how persons and contents are kept. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

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
    return { kind: 'retry', cause: 'transient', error: `the send ledger cannot be used: ${wordsOf(error)}` }
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
      settleMs: options.settleMs ?? 60_000,
      onNotFound: options.onNotFound ?? 'dead_letter',
      ttlMs: options.ttlMs ?? 45 * DAY_MS,
      ledgerTimeoutMs: options.ledgerTimeoutMs ?? 10_000,
      sleep: options.sleep ?? ((ms, signal) => delay(ms, undefined, { signal })),
      onLedgerError: options.onLedgerError ?? (() => {}),
    }
    this.#message = message
    this.#ready = ready
    this.#token = options.newToken()
  }

  async run(): Promise<Outcome> {
    const { ledger, now, settleMs } = this.#options
    const startedMs = now()
    const claiming = claim(ledger, hashOf(this.#message.key), this.#claimRecord())
    const { hold, found } = await this.#inTime(claiming, (late) => this.#letGo(late.hold))
    if (hold !== undefined) return await this.#call(hold, startedMs)
    if (found === undefined) return OVERTAKEN
    const action = decide(
      found,
      { contentHash: this.#message.contentHash, askable: this.#askable !== undefined },
      settleMs,
    )
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
    const startedMs = this.#options.now()
    const claiming = change(this.#options.ledger, before, record)
    const hold = await this.#inTime(claiming, (late) => this.#letGo(late))
    return hold === undefined ? OVERTAKEN : await this.#call(hold, startedMs)
  }

  /** A claim that came true after we had given it up: nothing is sent for it, so nobody has to wait or to wonder. */
  async #letGo(hold: Hold | undefined): Promise<void> {
    if (hold !== undefined) await this.#note(hold, 'released')
  }

  /** `startedMs` is from before the claim was written, so the lease ends here before it ends for anybody else. */
  async #call(hold: Hold, startedMs: number): Promise<Outcome> {
    const { now, leaseMarginMs, freezeMarginMs } = this.#options
    // Of the lease, the request's timeout and the margin must be left: this is the last look before the call.
    if (now() - startedMs > leaseMarginMs - freezeMarginMs) {
      await this.#note(hold, 'released')
      return { kind: 'retry', cause: 'busy', error: 'too little is left of the lease to send within it' }
    }
    const outcome = await this.#send()
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
        if (this.#askable === undefined) return uncertain(outcome.error)
        return { ...outcome, kind: 'retry', cause: 'transient' }
    }
  }

  async #send(): Promise<CallOutcome> {
    this.called = true
    try {
      return await this.#ready.send()
    } catch (error) {
      return { kind: 'uncertain', error: wordsOf(error) }
    }
  }

  async #lookUp(record: StoredRecord, window: Window): Promise<Outcome> {
    const { ledger, settleMs, onNotFound } = this.#options
    if (this.#askable === undefined) return uncertain('Customer.io cannot be asked about it')
    const { findDeliveries, personHash, template } = this.#askable
    const answer = await findDeliveries(window)
    if (answer.kind === 'retry') return answer
    if (answer.kind === 'uncertain') return { ...answer, kind: 'retry', cause: 'transient' }
    if (answer.kind === 'refused') return uncertain(`Customer.io refuses to be asked about it: ${answer.error}`)
    const others = await this.#inTime(ledger.others(personHash, template, record.id))
    const candidates = createdWithin(window, answer.deliveries).map(({ id }) => id)
    const held = await this.#inTime(ledger.held(candidates))
    const verdict = judge(window, answer.deliveries, others, held, settleMs)
    if (verdict.kind === 'answer') return verdict.outcome
    if (verdict.kind === 'sent') {
      const { deliveryId } = verdict
      const noted = await this.#inTime(change(ledger, record, { owner: this.#token, state: 'sent', deliveryId }))
      return noted === undefined ? OVERTAKEN : sentBefore(deliveryId)
    }
    if (onNotFound === 'dead_letter') return uncertain("Customer.io's list does not show it")
    // The time of the first claim stays: should that send show up after all, it counts as this message's.
    const { claimedAtMs: _, ...claimAgain } = this.#claimRecord()
    return await this.#takeOver(record, claimAgain)
  }

  /** What a look-up needs, when all of it is there. */
  get #askable(): Pick<Required<MessageToSend>, 'findDeliveries' | 'personHash' | 'template'> | undefined {
    const { findDeliveries, personHash, template } = this.#message
    if (findDeliveries === undefined || personHash === undefined || template === undefined) return undefined
    return { findDeliveries, personHash, template }
  }

  #claimRecord(): NewSendRecord {
    const { requestTimeoutMs, leaseMarginMs, ttlMs, now } = this.#options
    const { contentHash, personHash = null, channel, template = null } = this.#message
    return {
      state: 'claimed',
      owner: this.#token,
      leaseMs: requestTimeoutMs + leaseMarginMs,
      contentHash,
      personHash,
      channel,
      template,
      claimedAtMs: 'request_time',
      deliveryId: null,
      expiresAtMs: now() + ttlMs,
    }
  }

  /** The call has been made or will not be: what cannot be written down does not change its outcome. */
  async #note(hold: Hold, state: SendState, deliveryId: string | null = null): Promise<void> {
    const { ledger, onLedgerError } = this.#options
    try {
      await this.#inTime(change(ledger, hold, { owner: this.#token, state, deliveryId }))
    } catch (error) {
      onLedgerError(error)
    }
  }

  /** Rejects when the ledger takes too long. What was asked of it may still happen, and `late` hears of it then. */
  async #inTime<T>(work: Promise<T>, late: (value: T) => Promise<void> = async () => {}): Promise<T> {
    const { ledgerTimeoutMs, sleep } = this.#options
    const over = new AbortController()
    const tooLate = async (): Promise<never> => {
      await sleep(ledgerTimeoutMs, over.signal)
      throw new Error(`no answer within ${ledgerTimeoutMs} ms`)
    }
    let isLate = true
    try {
      const value = await Promise.race([work, tooLate()])
      isLate = false
      return value
    } finally {
      over.abort()
      if (isLate) work.then(late).catch(() => {})
    }
  }
}

const OVERTAKEN: Retry = { kind: 'retry', cause: 'busy', error: 'another delivery of the same key was faster' }

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
