import { check, type Verdict } from '../history/check.ts'
import type { HistoryEvent } from '../history/format.ts'

/**
 * What a history shows, by the checker of histories; and in an hour in which instances at most started and ended as planned,
 * no send may be left to a person.
 */
export function judge(history: readonly HistoryEvent[], isGentle: boolean): Verdict {
  const verdict = check(history)
  if (!isGentle) return verdict
  const needless = [...verdict.outcomes].flatMap(([op, outcome]) =>
    outcome === 'uncertain'
      ? [{ rule: 'no loss' as const, subject: op, text: 'ended uncertain in an hour in which nothing went wrong' }]
      : [],
  )
  return { ...verdict, violations: [...verdict.violations, ...needless] }
}
