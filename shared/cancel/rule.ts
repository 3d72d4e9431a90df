import * as z from 'zod'
import { type Identifier, identifierOf, keyOf } from '../identity/index.ts'

/** The topics whose messages can be cancelled. */
export const CANCELLABLE_TOPICS = ['identify', 'track', 'transactional'] as const

/** `urgent`: in no lane by name. */
export const LANES = ['urgent', 'bulk'] as const

/** Room for all of them in one secret, which takes 64 KiB. */
export const MOST_RULES = 50

const text = (bytes: number) =>
  z
    .string()
    .min(1)
    .refine((value) => Buffer.byteLength(value) <= bytes, `at most ${bytes} bytes`)
const time = z.iso.datetime()

/**
 * Conditions that a message must all meet. Strict: a function that does not know a condition would cancel more than was
 * meant, so it takes no rule that it cannot read whole.
 */
const where = z.strictObject({
  topic: z.enum(CANCELLABLE_TOPICS).optional(),
  template: text(100).optional(),
  /** Name of an event or a screen. */
  event: text(100).optional(),
  person: z
    .strictObject({ kind: z.enum(['id', 'email', 'cio_id', 'anonymous_id', 'phone']), value: text(320) })
    .optional(),
  lane: z.enum(LANES).optional(),
})

const rule = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,40}$/),
  where: where.refine(
    (conditions) => Object.keys(conditions).length > 0,
    'name a condition: everything would be cancelled',
  ),
  /** Only what was published before. */
  before: time,
  /** Then nothing that was published before can still be queued. */
  until: time,
  by: text(320),
  why: text(400),
})

const document = z.strictObject({ rules: z.array(rule).max(MOST_RULES) })

export type CancelRule = z.output<typeof rule>

/** What a rule looks at. */
export interface CancelFacts {
  readonly topic: string
  readonly lane: string
  readonly template: string | undefined
  readonly eventName: string | undefined
  readonly persons: readonly Identifier[]
  /** Of its first publish, in milliseconds since 1970. */
  readonly publishedAtMs: number
}

/**
 * The rules of a document as {@link textOf} wrote it; undefined stands for none.
 *
 * @throws {Error} with the field that is wrong
 */
export function rulesIn(written: string | undefined): readonly CancelRule[] {
  if (written === undefined) return []
  let json: unknown
  try {
    json = JSON.parse(written)
  } catch {
    throw new Error('the rules are no JSON')
  }
  const parsed = document.safeParse(json)
  if (parsed.success) return parsed.data.rules
  const [issue] = parsed.error.issues
  throw new Error(`${issue?.path.join('.') || 'rules'}: ${issue?.message}`)
}

/**
 * The field of a rule that breaks its bounds, and how; undefined for a rule that can be stored. A function that cannot read one
 * rule takes none of them, and delivers nothing. Pure.
 */
export function problemIn(given: CancelRule): string | undefined {
  const issue = rule.safeParse(given).error?.issues[0]
  return issue === undefined ? undefined : `${issue.path.join('.')}: ${issue.message}`
}

/** The rules as they are stored. Pure. */
export function textOf(rules: readonly CancelRule[]): string {
  return JSON.stringify({ rules })
}

/** The rules that have not ended. Pure. */
export function inForce(rules: readonly CancelRule[], nowMs: number): readonly CancelRule[] {
  return rules.filter(({ until }) => nowMs < Date.parse(until))
}

/** Whether a rule cancels a message. Pure. */
export function cancels({ where: wanted, before }: CancelRule, facts: CancelFacts): boolean {
  // Nor does a time that nobody knows lie before it.
  if (!(facts.publishedAtMs < Date.parse(before))) return false
  const { topic, template, event, person, lane } = wanted
  if (topic !== undefined && topic !== facts.topic) return false
  if (template !== undefined && template !== facts.template) return false
  if (event !== undefined && event !== facts.eventName) return false
  if (lane !== undefined && lane !== facts.lane) return false
  if (person === undefined) return true
  const sought = identifierOf(person.kind, person.value)
  return sought !== undefined && facts.persons.some((name) => keyOf(name) === keyOf(sought))
}
