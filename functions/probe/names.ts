import { type Clock, withTimeout } from '../../shared/clock/index.ts'
import { PROBE_STEP_TIMEOUT_MS } from '../../shared/config/index.ts'
import type { CustomerIOService } from '../../shared/customerio/index.ts'
import { type NameStore, refreshNames } from '../../shared/names/index.ts'
import { reasonOf, reasonOfOutcome } from './reason.ts'

export interface NamesOptions {
  /** One request to the App API, within the function's share of its rate. */
  readonly lookUp: CustomerIOService['lookUp']
  readonly names: NameStore
  /** How long requests may begin: the answer to the push is due soon after. */
  readonly budgetMs: number
  readonly clock: Clock
}

/** What one message made of the names. */
export type NamesResult = {
  /** Rows that were stored, whatever came after. */
  readonly rows: number
} & (
  | { readonly ok: true; readonly isFinished: boolean }
  /** `reason` comes from a small set of words without anything of a message or a server in them. */
  | { readonly ok: false; readonly reason: string }
)

class OutOfTime extends Error {}

class NoAnswer extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(reason)
    this.reason = reason
  }
}

/**
 * Refreshes names for as long as the budget lasts; the next message goes on where it stopped. Never rejects. The last
 * request and the insert after it may end later than the budget: shared/config/times.ts counts them.
 */
export async function refreshForAWhile({ lookUp, names, budgetMs, clock }: NamesOptions): Promise<NamesResult> {
  const endMs = clock.now() + budgetMs
  let rows = 0
  const inTime = <T>(work: Promise<T>) => withTimeout(clock, PROBE_STEP_TIMEOUT_MS, work)
  try {
    await refreshNames({
      turn: async () => {
        if (clock.now() >= endMs) throw new OutOfTime()
      },
      get: async (path) => {
        const answer = await lookUp(path)
        if (typeof answer !== 'string') throw new NoAnswer(reasonOfOutcome(answer))
        return JSON.parse(answer)
      },
      names: {
        listsRead: () => inTime(names.listsRead()),
        store: async (more) => {
          await inTime(names.store(more))
          rows += more.length
        },
      },
      nowMs: clock.now,
    })
    return { ok: true, isFinished: true, rows }
  } catch (error) {
    if (error instanceof OutOfTime) return { ok: true, isFinished: false, rows }
    return { ok: false, reason: error instanceof NoAnswer ? error.reason : reasonOf(error), rows }
  }
}
