import { CANCELLABLE_TOPICS, LANES } from '../../shared/cancel/index.ts'
import { type IdentifierKind, identifierOf } from '../../shared/identity/index.ts'
import { jsonOf } from './dead-letters/body.ts'
import type { DeadLetter } from './dead-letters/dead-letter.ts'
import { relationOf, soughtBy } from './dead-letters/whose.ts'
import { usageError } from './errors.ts'

const KINDS = ['id', 'email', 'cio_id', 'anonymous_id', 'phone'] as const satisfies readonly IdentifierKind[]

/** The fields of a condition, and how the value of each is read. */
const FIELDS = {
  topic: (value: string) => oneOf('topic', CANCELLABLE_TOPICS, value),
  lane: (value: string) => oneOf('lane', LANES, value),
  template: String,
  event: String,
  person: personIn,
  action: String,
  channel: String,
  'attribute.<name>': String,
} as const
type Field = keyof typeof FIELDS
const ATTRIBUTE = 'attribute.'

/** Conditions that a message must all meet, by field. A Pub/Sub attribute is a field of its own: `attribute.tenant`. */
export type Where<F extends Field = Field> = {
  [Name in F as Name extends 'attribute.<name>' ? `attribute.${string}` : Name]?: ReturnType<(typeof FIELDS)[Name]>
}

/** The fields that only messages of one topic have. */
const ONLY_OF = [
  ['template', 'transactional'],
  ['channel', 'transactional'],
  ['event', 'track'],
] as const satisfies readonly (readonly [Field, string])[]

/**
 * Conditions as they are typed: `topic=track`, `template=3`, `person=id:u1`. Pure.
 *
 * @param fields the ones that the command knows
 * @param topic of all messages, where the command is about a single one
 * @throws a usage error that names the condition and what it may be
 */
export function whereIn<F extends Field>(given: readonly string[], fields: readonly F[], topic?: string): Where<F> {
  const where: Where = {}
  for (const condition of given) {
    const at = condition.indexOf('=')
    const [name, value] = [condition.slice(0, at), condition.slice(at + 1)]
    if (at < 1 || value === '')
      throw usageError(`--where ${condition}: it must be name=value`, `Names: ${fields.join(', ')}.`)
    const field = fields.find((each) => each === name.replace(/^attribute\..+/, 'attribute.<name>'))
    if (field === undefined) throw usageError(`--where ${name}: it must be one of ${fields.join(', ')}`)
    if (name in where) throw usageError(`--where ${name} is given twice: a message has one ${name}`)
    Object.assign(where, { [name]: FIELDS[field](value) })
  }
  let only: string | undefined = where.topic ?? topic
  for (const [field, itsTopic] of ONLY_OF) {
    if (where[field] === undefined) continue
    only ??= itsTopic
    if (only !== itsTopic) throw usageError(`--where ${field}: only messages of ${itsTopic} have one`)
  }
  return where
}

/** What conditions look at. */
type Looked = Pick<DeadLetter, 'data' | 'attributes'> & { readonly source: Pick<DeadLetter['source'], 'topic'> }

/** Whether a message of a topic meets all conditions. Pure. */
export function meets({ source, data, attributes }: Looked, where: Where): boolean {
  const body = jsonOf(data)
  const its = {
    topic: source.topic,
    lane: attributes.lane === 'bulk' ? 'bulk' : 'urgent',
    template: String(body?.transactional_message_id ?? body?.broadcast_id ?? ''),
    event: body?.name,
    action: body?.action ?? (source.topic === 'identify' ? 'identify' : 'event'),
    channel: body?.channel,
  }
  for (const name of ['topic', 'lane', 'template', 'event', 'action', 'channel'] as const) {
    if (where[name] !== undefined && where[name] !== its[name]) return false
  }
  for (const [name, value] of Object.entries(where)) {
    if (name.startsWith(ATTRIBUTE) && attributes[name.slice(ATTRIBUTE.length)] !== value) return false
  }
  if (where.person === undefined) return true
  const sought = identifierOf(where.person.kind, where.person.value)
  return sought !== undefined && relationOf(source.topic, data, soughtBy([sought])) === 'own'
}

function personIn(text: string) {
  const at = text.indexOf(':')
  const kind = oneOf('person', KINDS, text.slice(0, Math.max(0, at)))
  const value = text.slice(at + 1)
  if (identifierOf(kind, value) === undefined) throw usageError(`--where person: ${kind} names nobody`)
  return { kind, value }
}

function oneOf<T extends string>(name: Field, words: readonly T[], value: string): T {
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  throw usageError(
    name === 'person'
      ? `--where person: it must begin with one of ${words.join(', ')}, and a colon`
      : `--where ${name}: it must be one of ${words.join(', ')}`,
  )
}
