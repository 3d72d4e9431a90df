import { CANCELLABLE_TOPICS, LANES, type Where } from '../../../shared/cancel/index.ts'
import { type IdentifierKind, identifierOf } from '../../../shared/identity/index.ts'
import { usageError } from '../errors.ts'

const KINDS = ['id', 'email', 'cio_id', 'anonymous_id', 'phone'] as const satisfies readonly IdentifierKind[]
const CONDITIONS = 'topic, lane, template, event, person'

/**
 * Conditions as they are typed: `topic=track`, `template=3`, `person=id:u1`. Pure.
 *
 * @throws a usage error that names the condition and what it may be
 */
export function whereIn(given: readonly string[]): Where {
  const where: Where = {}
  for (const condition of given) {
    const at = condition.indexOf('=')
    const [name, value] = [condition.slice(0, at), condition.slice(at + 1)]
    if (at < 1 || value === '') throw usageError(`--where ${condition}: it must be name=value, of ${CONDITIONS}`)
    if (name in where) throw usageError(`--where ${name} is given twice: cancel one after the other`)
    Object.assign(where, read(name, value))
  }
  const { topic, template, event } = where
  if (template !== undefined && (event !== undefined || (topic !== undefined && topic !== 'transactional')))
    throw usageError('--where template: only messages of transactional have one')
  if (event !== undefined && topic !== undefined && topic !== 'track')
    throw usageError('--where event: only messages of track have one')
  return where
}

function read(name: string, value: string): Where {
  switch (name) {
    case 'topic':
      return { topic: oneOf(name, CANCELLABLE_TOPICS, value) }
    case 'lane':
      return { lane: oneOf(name, LANES, value) }
    case 'template':
    case 'event':
      return { [name]: value }
    case 'person':
      return { person: personIn(value) }
    default:
      throw usageError(`--where ${name}: it must be one of ${CONDITIONS}`)
  }
}

function personIn(text: string): NonNullable<Where['person']> {
  const [kind = '', ...rest] = text.split(':')
  const value = rest.join(':')
  const known = oneOf('person', KINDS, kind)
  if (identifierOf(known, value) === undefined) throw usageError(`--where person: ${kind} names nobody`)
  return { kind: known, value }
}

function oneOf<T extends string>(name: string, words: readonly T[], value: string): T {
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  const before = name === 'person' ? 'it must begin with one of' : 'it must be one of'
  throw usageError(`--where ${name}: ${before} ${words.join(', ')}${name === 'person' ? ', and a colon' : ''}`)
}
