import { DEAD_LETTER_REASONS, type DeadLetterReason } from '../../shared/outcome/index.ts'
import type { Of } from '../history/format.ts'

type Meaning = Pick<Of<'outcome'>, 'outcome' | 'because'>

/** What each reason of a dead letter means in a history. */
const MEANING: Readonly<Record<DeadLetterReason, Meaning>> = {
  not_json: { outcome: 'refused', because: 'invalid' },
  contract: { outcome: 'refused', because: 'invalid' },
  refused: { outcome: 'refused', because: 'refused' },
  content_changed: { outcome: 'refused', because: 'key reused' },
  uncertain: { outcome: 'uncertain' },
  exhausted: { outcome: 'exhausted' },
  expired: { outcome: 'expired' },
  cancelled: { outcome: 'cancelled' },
  guarded: { outcome: 'guarded' },
}
const isReason = (text: unknown): text is DeadLetterReason => DEAD_LETTER_REASONS.some((reason) => reason === text)

/** Undefined for what is no reason of a dead letter. */
export const meaningOf = (reason: unknown): Meaning | undefined => (isReason(reason) ? MEANING[reason] : undefined)
