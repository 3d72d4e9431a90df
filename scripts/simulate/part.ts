import type { Verdict } from '../history/check.ts'
import type { HistoryEvent } from '../history/format.ts'
import type { Safeguard } from './safeguards.ts'

/** What is simulated of an hour: messages on their way to Customer.io, or its webhooks on their way to BigQuery. */
export type Part = 'messages' | 'webhooks'

export interface HourOptions {
  readonly seed: string
  /** `messages` by default. */
  readonly part?: Part | undefined
  /** Of the faults that chance would bring, those that happen; all by default. */
  readonly faults?: ReadonlySet<string>
  /** Of the publishes, those that happen; all by default. */
  readonly ops?: ReadonlySet<string>
  /** A safeguard that the product does without. */
  readonly without?: Safeguard | undefined
  /** Whether the result tells what happened, line by line. */
  readonly tells?: boolean
}

/** What came of one part of an hour. */
export interface Hour {
  /** Of everything that happened. */
  readonly hash: string
  readonly history: readonly HistoryEvent[]
  readonly verdict: Verdict
  /** The faults that happened. */
  readonly faults: readonly string[]
  readonly ops: readonly string[]
  readonly lines: readonly string[]
}
