import type { Verdict } from '../history/check.ts'
import type { OutcomeName } from '../history/format.ts'
import type { PlannedMessage } from './messages.ts'
import type { Recorder } from './recorder.ts'
import type { MadeFault } from './schedule.ts'

/** What the checker says of one message, and the trouble that was there while it was under way. */
export interface Account {
  readonly planned: PlannedMessage
  /** `lost`: not acknowledged, or without the evidence of its outcome. */
  readonly outcome: OutcomeName | 'lost'
  /** What Customer.io has too many of its key. Counted at the first message of a key only. */
  readonly surplus: number
  /** The surplus comes from a freeze beyond the margin. */
  readonly afterFreeze: boolean
  readonly faults: readonly MadeFault[]
}

/** The account of every message, in the order in which they were published. Pure. */
export function accountsOf(
  { messages }: Pick<Recorder, 'messages'>,
  { violations, outcomes, surplus }: Verdict,
  faultsOf: (planned: PlannedMessage) => readonly MadeFault[],
): Account[] {
  const lost = new Set(violations.flatMap(({ rule, subject }) => (rule === 'no loss' ? [subject] : [])))
  const counted = new Set<string>()
  return messages.map(({ op, planned }) => {
    const { count, waived } = (!counted.has(planned.effect) && surplus.get(planned.effect)) || NO_SURPLUS
    counted.add(planned.effect)
    return {
      planned,
      outcome: lost.has(op) ? 'lost' : (outcomes.get(op) ?? 'lost'),
      surplus: count,
      afterFreeze: waived,
      faults: faultsOf(planned),
    }
  })
}

const NO_SURPLUS = { count: 0, waived: false }
