import { type Clock, withTimeout } from '../clock/index.ts'
import type { CallOutcome, Retry } from '../outcome/index.ts'
import { makeCall, type ReadyToSend } from './ready.ts'

export interface CircuitBreakerOptions {
  readonly clock: Clock
  /** [0, 1): spreads the return of several instances after a common outage. */
  readonly random: () => number
  /** A request that changes nothing: whether Customer.io answers again. */
  readonly probe: () => Promise<CallOutcome>
  /** After it a probe counts as failed; 3,000 by default. */
  readonly probeTimeoutMs?: number
  /** The first pause, doubled by each failure; 1,000 by default. */
  readonly firstPauseMs?: number
  /** The longest pause after a failed send; 300,000 by default. */
  readonly longestPauseMs?: number
  /** The longest pause after a failed probe, which costs nothing; 10,000 by default. */
  readonly longestProbePauseMs?: number
  /** A send that is under way for longer holds others back; 1,000 by default. */
  readonly overdueMs?: number
  /** So many sends may be under way beside one that is overdue; 4 by default. */
  readonly mostBesideOverdue?: number
  /** Told when sends begin to pause, and when they go on. Must not throw. */
  readonly onChange?: (change: { readonly kind: 'paused'; readonly ms: number } | { readonly kind: 'resumed' }) => void
}

interface Pause {
  untilMs: number
  readonly lengthMs: number
  /** Failures in a row before this one. */
  readonly level: number
  /** Probes in a row that failed. */
  failedProbes: number
  /** Somebody finds out right now whether it is over. */
  isOnTrial: boolean
}

/**
 * Keeps an outage of Customer.io from making a pile of sends that nobody knows the fate of. After an uncertain answer no
 * send begins for a pause. Then the next message probes with a request that changes nothing, and when that is answered it
 * is sent alone; only if it succeeds do the others go. Each failure doubles the pause, and so does one that follows the
 * end of a pause sooner than the pause lasted.
 *
 * Nothing waits here: whoever may not send is told to come again, so that no place and no claim is held meanwhile, and
 * nothing depends on a timer, which a throttled instance would not run.
 */
export class CircuitBreaker {
  readonly #options: Required<CircuitBreakerOptions>
  #pause: Pause | undefined
  #last: { readonly endedMs: number; readonly lengthMs: number; readonly level: number } | undefined
  /** When each send that is under way began, in that order. */
  readonly #underWay = new Set<{ readonly startedMs: number }>()

  constructor(options: CircuitBreakerOptions) {
    this.#options = {
      ...options,
      probeTimeoutMs: options.probeTimeoutMs ?? 3_000,
      firstPauseMs: options.firstPauseMs ?? 1_000,
      longestPauseMs: options.longestPauseMs ?? 300_000,
      longestProbePauseMs: options.longestProbePauseMs ?? 10_000,
      overdueMs: options.overdueMs ?? 1_000,
      mostBesideOverdue: options.mostBesideOverdue ?? 4,
      onChange: options.onChange ?? (() => {}),
    }
  }

  /** Prepares a send if one may begin now. What `prepare` gives is sent, cancelled, or handed back as a retry. */
  async admit(prepare: () => Promise<ReadyToSend | Retry>): Promise<ReadyToSend | Retry> {
    const pause = this.#pause
    if (pause !== undefined) return this.#heldBack(pause) ?? (await this.#admitOnTrial(pause, prepare))
    if (this.#isOverdue()) return OVERDUE
    const ready = await prepare()
    if (!('send' in ready)) return ready
    return { cancel: ready.cancel, send: () => this.#sendUnlessPaused(ready) }
  }

  #heldBack({ untilMs, isOnTrial }: Pause): Retry | undefined {
    const leftMs = untilMs - this.#options.clock.now()
    return leftMs > 0 || isOnTrial ? { ...PAUSED, retryAfterMs: Math.max(leftMs, 0) } : undefined
  }

  /** A pause, or a send that hangs, may have begun while this one waited for its turn and its claim. */
  async #sendUnlessPaused(ready: ReadyToSend): Promise<CallOutcome> {
    const held = this.#pause !== undefined ? PAUSED : this.#isOverdue() ? OVERDUE : undefined
    if (held !== undefined) {
      ready.cancel()
      return held
    }
    const outcome = await this.#timed(ready)
    if (outcome.kind === 'uncertain' && this.#pause === undefined) this.#begin(this.#nextLevel())
    return outcome
  }

  async #admitOnTrial(pause: Pause, prepare: () => Promise<ReadyToSend | Retry>): Promise<ReadyToSend | Retry> {
    pause.isOnTrial = true
    const giveUp = (): void => {
      pause.isOnTrial = false
    }
    let admitted = false
    try {
      if (!(await this.#probeAnswers())) {
        this.#probeAgainLater(pause)
        return PAUSED
      }
      const ready = await prepare()
      if (!('send' in ready)) {
        this.#probeAgainLater(pause)
        return ready
      }
      admitted = true
      return {
        cancel: () => {
          giveUp()
          ready.cancel()
        },
        send: () => this.#sendOnTrial(pause, ready).finally(giveUp),
      }
    } finally {
      if (!admitted) giveUp()
    }
  }

  async #sendOnTrial(pause: Pause, ready: ReadyToSend): Promise<CallOutcome> {
    const outcome = await this.#timed(ready)
    if (outcome.kind === 'uncertain') this.#begin(pause.level + 1)
    // Certainly not sent: throttled, refused credentials, no connection. It tells nothing, and costs nothing.
    else if (outcome.kind === 'retry') this.#probeAgainLater(pause)
    else this.#end(pause)
    return outcome
  }

  async #timed(ready: ReadyToSend): Promise<CallOutcome> {
    const call = { startedMs: this.#options.clock.now() }
    this.#underWay.add(call)
    try {
      return await makeCall(ready)
    } finally {
      this.#underWay.delete(call)
    }
  }

  async #probeAnswers(): Promise<boolean> {
    const { clock, probe, probeTimeoutMs } = this.#options
    const answer = await withTimeout(clock, probeTimeoutMs, probe()).catch(() => undefined)
    return answer?.kind === 'delivered'
  }

  #isOverdue(): boolean {
    const { clock, overdueMs, mostBesideOverdue } = this.#options
    const [oldest] = this.#underWay
    return (
      oldest !== undefined && this.#underWay.size >= mostBesideOverdue && clock.now() - oldest.startedMs > overdueMs
    )
  }

  #begin(level: number): void {
    const { clock, firstPauseMs, longestPauseMs, onChange } = this.#options
    const lengthMs = this.#jittered(Math.min(longestPauseMs, firstPauseMs * 2 ** level))
    this.#pause = { untilMs: clock.now() + lengthMs, lengthMs, level, failedProbes: 0, isOnTrial: false }
    onChange({ kind: 'paused', ms: lengthMs })
  }

  #probeAgainLater(pause: Pause): void {
    const { clock, firstPauseMs, longestProbePauseMs } = this.#options
    const ms = Math.min(longestProbePauseMs, firstPauseMs * 2 ** pause.failedProbes++)
    pause.untilMs = clock.now() + this.#jittered(ms)
  }

  #end({ lengthMs, level }: Pause): void {
    this.#pause = undefined
    this.#last = { endedMs: this.#options.clock.now(), lengthMs, level }
    this.#options.onChange({ kind: 'resumed' })
  }

  #nextLevel(): number {
    const last = this.#last
    return last !== undefined && this.#options.clock.now() - last.endedMs < last.lengthMs ? last.level + 1 : 0
  }

  /** Between half of it and all of it. */
  #jittered(ms: number): number {
    return ms / 2 + (this.#options.random() * ms) / 2
  }
}

const PAUSED: Retry = {
  kind: 'retry',
  cause: 'busy',
  error: 'sends pause: Customer.io has left open whether the last one was sent',
}
const OVERDUE: Retry = { kind: 'retry', cause: 'busy', error: 'sends pause: some wait too long for their answer' }
