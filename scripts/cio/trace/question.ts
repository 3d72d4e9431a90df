import { usageError } from '../errors.ts'
import { type GivenNames, namesIn } from '../person/person.ts'

export interface TraceOptions {
  readonly message?: string
  readonly key?: string
  readonly delivery?: string
  /** `id:ada`, `email:ada@example.com`, `phone:+14155552671`. */
  readonly person?: string
  /** Most journeys of a person. */
  readonly limit: number
  /** How far back is looked, in milliseconds. */
  readonly since: number
  /** False: nothing is pulled. */
  readonly deadLetters: boolean
  readonly follow?: boolean
}

/** What is asked for. */
export type Question =
  | { readonly by: 'message' | 'key' | 'delivery'; readonly value: string }
  | { readonly by: 'person'; readonly names: GivenNames }

/** Exactly one thing is asked for. Pure; throws a usage error that says what is missing. */
export function questionOf({ message, key, delivery, person, follow }: TraceOptions): Question {
  const given = Object.entries({ message, key, delivery, person }).filter(([, value]) => value !== undefined)
  if (given.length !== 1) {
    const names = given.map(([name]) => `--${name}`).join(' and ')
    throw usageError(
      names === '' ? 'nothing to look for' : `${names}: give one of them`,
      'Give --message, --key, --delivery or --person.',
    )
  }
  if (message !== undefined) {
    if (!/^\d+$/.test(message)) {
      throw usageError(`--message ${message}: an id of Pub/Sub is a number`, 'For an idempotency key, write --key.')
    }
    return { by: 'message', value: message }
  }
  if (key !== undefined) return { by: 'key', value: key }
  if (delivery !== undefined) return { by: 'delivery', value: delivery }
  if (follow) throw usageError('--follow follows one message', 'Give --message, --key or --delivery with it.')
  return { by: 'person', names: namesIn(person ?? '') }
}
