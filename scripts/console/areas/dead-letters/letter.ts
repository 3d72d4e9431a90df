import type { FieldProblem } from '../../../../shared/contract/index.ts'
import { isOpen, type StoredRecord } from '../../../../shared/ledger/index.ts'
import { indented, jsonOf, whatIs } from '../../../cio/dead-letters/body.ts'
import { type DeadLetter, factsOf, replayOf } from '../../../cio/dead-letters/dead-letter.ts'
import { editableText } from '../../../cio/dead-letters/edit.ts'
import { type Cause, causeOf } from '../../../cio/dead-letters/groups.ts'
import { verdictOn } from '../../../cio/dead-letters/verdict.ts'
import { printable } from '../../../cio/output.ts'
import { maskAttributes, maskJson, maskText, maskWord } from '../../masked.ts'

/** A dead letter as a line of the list. */
export interface LetterRow {
  /** Of this dead letter: what actions take. */
  readonly messageId: string
  /** Of the message when it was first published: what `dlq show` takes. */
  readonly id: string
  readonly source: string
  readonly what: string
  readonly reason: string
  readonly field: string | null
  readonly error: string
  readonly replays: number
  readonly publishedAtMs: number
}

/** One dead letter. Masked: names without values. */
export interface LetterDetail extends LetterRow {
  readonly topic: string
  readonly masked: boolean
  readonly attempts: number
  readonly deadLetteredAtMs: number
  readonly bytes: number
  readonly bodyCut: boolean
  readonly attributes: Readonly<Record<string, string>>
  readonly body: string
  /** What today's contract finds wrong; null where the topic has none. */
  readonly problems: readonly FieldProblem[] | null
  readonly ledger: LedgerState | null
  /** It may have been sent: only somebody's decision ends it. */
  readonly toSettle: boolean
  /** For the editor; null while masked. */
  readonly editable: string | null
}

/** What the send ledger knows of it. */
export interface LedgerState {
  readonly state: string
  readonly claimedAtMs: number
  /** Until when somebody may be sending it; null when nobody is. */
  readonly leasedUntilMs: number | null
  readonly deliveryId: string | null
}

/** A reason or the name of a field may be a publisher's words. */
export function shownCause(deadLetter: DeadLetter, masked: boolean): Cause {
  const { reason, field } = causeOf(deadLetter)
  return masked ? { reason: maskWord(reason), field: field && maskText(field) } : { reason, field }
}

/** @param cause by which the pages group it, whether it is revealed or not */
export function rowOf(
  deadLetter: DeadLetter,
  masked: boolean,
  cause: Cause = shownCause(deadLetter, masked),
): LetterRow {
  const { messageId, id, source, data } = deadLetter
  const { error, replays, publishedAtMs } = factsOf(deadLetter)
  return {
    ...{ messageId, id: masked ? maskWord(id) : id, source: source.name, ...cause, replays, publishedAtMs },
    what: printable(masked ? maskText(whatIs(data)) : whatIs(data)),
    error: masked ? maskText(error, jsonOf(data)) : error,
  }
}

export function detailOf(
  deadLetter: DeadLetter,
  masked: boolean,
  record: StoredRecord | undefined,
  toSettle: boolean,
  now: () => number,
): LetterDetail {
  const { source, data, attributes, deadLetteredAtMs } = deadLetter
  const { attempts, bodyCut } = factsOf(deadLetter)
  const row = rowOf(deadLetter, masked)
  const json = jsonOf(data)
  return {
    ...{ ...row, topic: source.topic, masked, attempts, deadLetteredAtMs, bytes: data.length, bodyCut, toSettle },
    attributes: masked ? { ...maskAttributes(attributes), error: row.error } : attributes,
    body:
      (json && indented(masked ? maskJson(json) : json)) ??
      (masked ? `•••, ${data.length} bytes that cannot be shown as JSON` : data.toString('utf8')),
    problems: verdictOn(source.topic, data, now)?.map((problem) => (masked ? maskedProblem(problem) : problem)) ?? null,
    ledger: record === undefined ? null : ledgerStateOf(record),
    editable: masked ? null : editableText(replayOf(deadLetter)),
  }
}

function maskedProblem({ field, rule }: FieldProblem): FieldProblem {
  return { field: maskText(field), rule: maskText(rule) }
}

function ledgerStateOf(record: StoredRecord): LedgerState {
  const { state, claimedAtMs, updatedAtMs, leaseMs, readAtMs, deliveryId } = record
  const untilMs = updatedAtMs + leaseMs
  const isLeased = state === 'claimed' && isOpen(record) && untilMs > readAtMs
  return { state, claimedAtMs, leasedUntilMs: isLeased ? untilMs : null, deliveryId }
}
