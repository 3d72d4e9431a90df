import { type DeadLetter, factsOf } from './dead-letter.ts'

/** Dead letters of one source with one cause, and most likely one remedy. */
export interface Group {
  readonly source: string
  readonly reason: string
  /** The field that is at fault; null where the error names none. */
  readonly field: string | null
  messages: number
  /** Of them, how many were replayed before. */
  replayed: number
  oldestMs: number
  newestMs: number
}

/** Counts dead letters by source, reason and field, one by one. */
export class Groups {
  readonly #groups = new Map<string, Group>()

  /** @param cause as it is shown, which may be masked */
  add(deadLetter: DeadLetter, cause: Cause = causeOf(deadLetter)): void {
    const { replays, publishedAtMs } = factsOf(deadLetter)
    const named = { source: deadLetter.source.name, reason: cause.reason, field: cause.field }
    const key = JSON.stringify(Object.values(named))
    const none = { ...named, messages: 0, replayed: 0, oldestMs: publishedAtMs, newestMs: publishedAtMs }
    const group = this.#groups.get(key) ?? none
    group.messages += 1
    if (replays > 0) group.replayed += 1
    group.oldestMs = Math.min(group.oldestMs, publishedAtMs)
    group.newestMs = Math.max(group.newestMs, publishedAtMs)
    this.#groups.set(key, group)
  }

  /** By source, and within it the largest first. */
  get all(): readonly Readonly<Group>[] {
    return [...this.#groups.values()].sort((a, b) => a.source.localeCompare(b.source) || b.messages - a.messages)
  }
}

/** Why it is a dead letter. */
export type Cause = Pick<Group, 'reason' | 'field'>

export function causeOf(deadLetter: DeadLetter): Cause {
  const { reason, error } = factsOf(deadLetter)
  return { reason, field: fieldOf(reason, error) ?? null }
}

/** `identifiers.extra: unknown field; …`: what stands before the first rule. Quoted names may hold a colon. */
const FIELD_OF_CONTRACT = /^((?:[^":]|"(?:[^"\\]|\\.)*")+): /
/** `Customer.io refused the item: attributes.plan: invalid: …`. No personal datum looks like a path. */
const FIELD_OF_CUSTOMERIO = /^Customer\.io (?:refused the item|answered \d{3}): ([a-z_]\w*(?:\.\w+|\[\d+\])*): /

/** The field that the error of a dead letter names first; undefined when it names none. Pure. */
export function fieldOf(reason: string, error: string): string | undefined {
  if (reason === 'contract') return FIELD_OF_CONTRACT.exec(error)?.[1]
  return reason === 'refused' ? FIELD_OF_CUSTOMERIO.exec(error)?.[1] : undefined
}
