import { CommandError } from '../errors.ts'
import { type DeadLetter, factsOf } from './dead-letter.ts'
import { relationOf, soughtAs } from './whose.ts'

/** Which dead letters to select. All given conditions must hold. */
export interface Filter {
  readonly reason?: readonly string[]
  /** Since the application published it, in milliseconds. */
  readonly olderThan?: number
  readonly youngerThan?: number
  /** Only messages of this person: about them, or sent to them alone. */
  readonly person?: string
  /** Also those that name the person among others, or that keep no contract and may be about them. To look at only. */
  readonly mentions?: boolean
  /** `name=value`, or `name` for any value. */
  readonly attribute?: readonly string[]
  readonly id?: readonly string[]
}

export function isNarrowed(filter: Filter): boolean {
  const { mentions: _, ...narrowing } = filter
  return Object.values(narrowing).some((value) => value !== undefined)
}

/** Ids that were asked for and not found: somebody else may hold them, or they are mistyped. */
export function idsNotFound({ id = [] }: Filter, found: ReadonlySet<string>): readonly string[] {
  return id.filter((each) => !found.has(each))
}

export function notFoundError(ids: readonly string[]): CommandError {
  return new CommandError(`no dead letter ${ids.join(', ')} here`, {
    hint: 'Another run may hold it for up to a minute. `dlq list` shows what is there.',
  })
}

/** Whether a dead letter matches. Pure. */
export function matches(deadLetter: DeadLetter, filter: Filter, nowMs: number): boolean {
  const facts = factsOf(deadLetter)
  const ageMs = nowMs - facts.publishedAtMs
  const { id, messageId } = deadLetter
  if (filter.id !== undefined && !filter.id.includes(id) && !filter.id.includes(messageId)) return false
  if (filter.reason !== undefined && !filter.reason.includes(facts.reason)) return false
  if (filter.olderThan !== undefined && ageMs < filter.olderThan) return false
  if (filter.youngerThan !== undefined && ageMs > filter.youngerThan) return false
  if (filter.person !== undefined && !isOf(deadLetter, filter.person, filter.mentions ?? false)) return false
  return (filter.attribute ?? []).every((wanted) => hasAttribute(deadLetter, wanted))
}

function hasAttribute({ attributes }: DeadLetter, wanted: string): boolean {
  const at = wanted.indexOf('=')
  if (at < 0) return attributes[wanted] !== undefined
  return attributes[wanted.slice(0, at)] === wanted.slice(at + 1)
}

function isOf({ source, data }: DeadLetter, person: string, mentions: boolean): boolean {
  const relation = relationOf(source.topic, data, soughtAs(person))
  return mentions ? relation !== 'none' : relation === 'own'
}
