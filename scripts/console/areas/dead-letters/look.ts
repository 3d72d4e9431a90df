import type { Clock } from '../../../../shared/clock/index.ts'
import type { DeadLetter } from '../../../cio/dead-letters/dead-letter.ts'
import { type Cause, type Group, Groups } from '../../../cio/dead-letters/groups.ts'
import { Hold, type Unseen } from '../../../cio/dead-letters/hold.ts'
import { sourcesOf } from '../../../cio/dead-letters/source.ts'
import { CommandError, wordsOf } from '../../../cio/errors.ts'
import type { Operator } from '../../operator.ts'
import { ConsoleError } from '../../server/area.ts'

/** Where a look stands, for every page that is open. */
export type LookState =
  | { readonly phase: 'none' }
  | { readonly phase: 'pulling'; readonly pulled: number }
  | {
      readonly phase: 'held'
      /** Until when nobody else receives them, if the leases were not extended from now on; milliseconds since 1970. */
      readonly untilMs: number
      readonly total: number
      readonly groups: readonly Readonly<Group>[]
      readonly unseen: Unseen
    }
  /** Nothing is held any more. */
  | { readonly phase: 'ended'; readonly why: string }

export interface LookEvent {
  readonly state: LookState
  /** They are gone from the list; the list itself is asked for when a look begins or ends. */
  readonly removed: readonly string[]
}

/** A page that goes from tab to tab, or that a browser puts to sleep for a moment, loses nothing. */
const GIVE_BACK_AFTER_MS = 30_000
const TELL_EVERY_MS = 5_000

/**
 * The dead letters that the pages of one console look at together. They are pulled when somebody asks for them, and given back
 * when nobody has looked for half a minute, when somebody says so, and when the console ends.
 */
export class Look {
  readonly #operator: Operator
  readonly #clock: Clock
  readonly #causeOf: (deadLetter: DeadLetter) => Cause
  readonly #viewers = new Set<(event: LookEvent) => void>()
  #hold: Hold | undefined
  #state: LookState = { phase: 'none' }
  #unseen: Unseen = { more: false, elsewhere: {} }
  /** Actions under way: until they end, nothing is given back. */
  #actions = 0
  #pulling: AbortController | undefined
  #cancelGiveBack = () => {}
  #cancelTell = () => {}

  /** @param causeOf a dead letter as it is shown, by which they are grouped */
  constructor(operator: Operator, clock: Clock, causeOf: (deadLetter: DeadLetter) => Cause) {
    this.#operator = operator
    this.#clock = clock
    this.#causeOf = causeOf
  }

  get state(): LookState {
    return this.#state
  }

  /** @throws a {@link ConsoleError} when nothing is held */
  get hold(): Hold {
    if (this.#hold === undefined || this.#state.phase !== 'held') {
      throw new ConsoleError('no dead letters are held: look again', { status: 409 })
    }
    return this.#hold
  }

  /** A page is open, until the returned function is called. */
  join(tell: (event: LookEvent) => void): () => void {
    this.#cancelGiveBack()
    this.#viewers.add(tell)
    tell({ state: this.#state, removed: [] })
    return () => {
      this.#viewers.delete(tell)
      if (this.#viewers.size === 0) this.#giveBackLater()
    }
  }

  /** Pulls the dead letters of these sources; all when none is named. What was held before is given back first. */
  async begin(names: readonly string[]): Promise<void> {
    const sources = sourcesOf(this.#operator.connection.topology, names)
    if (this.#state.phase === 'pulling') throw new ConsoleError('a look is under way', { status: 409 })
    this.#refuseWhileActing()
    const stop = new AbortController()
    this.#pulling = stop
    this.#cancelTell()
    this.#become({ phase: 'pulling', pulled: 0 })
    const signal = AbortSignal.any([this.#operator.signal, stop.signal])
    let hold: Hold | undefined
    try {
      await this.#release()
      const { connection, now } = this.#operator
      hold = await Hold.open({ connection, now, signal }, sources)
      let pulled = 0
      this.#unseen = await hold.pull((page) => {
        pulled += page.length
        this.#become({ phase: 'pulling', pulled })
      })
      signal.throwIfAborted()
    } catch (error) {
      await hold?.[Symbol.asyncDispose]()
      if (!signal.aborted) await this.end(describe(error))
      return
    } finally {
      this.#pulling = undefined
    }
    this.#hold = hold
    this.#tellHeld()
    if (this.#viewers.size === 0) this.#giveBackLater()
  }

  /** Does something with what is held, which is not given back meanwhile. @param ended ids that are gone by it */
  async act<T>(work: (hold: Hold) => Promise<T>, ended: (result: T) => readonly string[]): Promise<T> {
    const hold = this.hold
    this.#actions += 1
    try {
      const result = await work(hold)
      const removed = ended(result)
      if (removed.length > 0 && this.#state.phase === 'held') this.#become(this.#heldState(hold), removed)
      return result
    } finally {
      this.#actions -= 1
    }
  }

  /** @throws a {@link ConsoleError} while an action is under way */
  async giveBack(): Promise<void> {
    this.#refuseWhileActing()
    await this.end('they were given back')
  }

  /** Gives everything back. */
  async end(why: string): Promise<void> {
    this.#cancelGiveBack()
    this.#cancelTell()
    this.#pulling?.abort()
    if (this.#state.phase !== 'none') this.#become({ phase: 'ended', why })
    await this.#release()
  }

  async #release(): Promise<void> {
    const hold = this.#hold
    this.#hold = undefined
    this.#unseen = { more: false, elsewhere: {} }
    await hold?.[Symbol.asyncDispose]()
  }

  #refuseWhileActing(): void {
    if (this.#actions > 0) throw new ConsoleError('an action is under way: wait for its end', { status: 409 })
  }

  #giveBackLater(): void {
    this.#cancelGiveBack()
    if (this.#state.phase !== 'held') return
    this.#cancelGiveBack = this.#clock.after(GIVE_BACK_AFTER_MS, () => {
      if (this.#actions > 0) this.#giveBackLater()
      else void this.end('no page was open: they were given back')
    })
  }

  /** Pages see how long it holds, and that it does not any more. */
  #tellHeld(): void {
    const hold = this.#hold
    if (hold === undefined) return
    if (hold.untilMs < this.#operator.now()) {
      void this.end(
        'the leases ran out, as when this machine sleeps or Pub/Sub does not answer: others may have received them',
      )
      return
    }
    this.#become(this.#heldState(hold))
    this.#cancelTell = this.#clock.after(TELL_EVERY_MS, () => this.#tellHeld())
  }

  #heldState(hold: Hold): LookState {
    const { deadLetters, untilMs } = hold
    return {
      ...{
        phase: 'held',
        total: deadLetters.length,
        groups: groupsOf(deadLetters, this.#causeOf),
        unseen: this.#unseen,
      },
      // Nothing is leased when there is nothing.
      untilMs: Number.isFinite(untilMs) ? untilMs : this.#operator.now(),
    }
  }

  #become(state: LookState, removed: readonly string[] = []): void {
    this.#state = state
    for (const tell of this.#viewers) tell({ state, removed })
  }
}

function groupsOf(
  deadLetters: readonly DeadLetter[],
  causeOf: (deadLetter: DeadLetter) => Cause,
): readonly Readonly<Group>[] {
  const groups = new Groups()
  for (const deadLetter of deadLetters) groups.add(deadLetter, causeOf(deadLetter))
  return groups.all
}

function describe(error: unknown): string {
  const hint = error instanceof CommandError && error.hint !== undefined ? ` ${error.hint}` : ''
  return `${wordsOf(error)}.${hint}`
}
