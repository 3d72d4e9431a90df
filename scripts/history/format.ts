import * as z from 'zod'

/**
 * A history: what was asked of the pipeline and what was seen of it, one JSON object per line. README.md describes each
 * event. This file is the only definition; it depends on nothing else in this repository.
 */

/**
 * Every outcome in which a message can end. `deadLetter`: it leaves one. `kinds`: which messages can end so. `notSent`: it
 * says that nothing went to Customer.io.
 */
export const OUTCOMES = {
  delivered: { deadLetter: false, kinds: ['update', 'event', 'send'] },
  refused: { deadLetter: true, kinds: ['update', 'event', 'send'] },
  exhausted: { deadLetter: true, kinds: ['update', 'event', 'send'] },
  uncertain: { deadLetter: true, kinds: ['send'] }, // the others can be repeated, so nothing needs to stay uncertain
  expired: { deadLetter: true, kinds: ['update', 'event', 'send'], notSent: true },
  cancelled: { deadLetter: true, kinds: ['update', 'event', 'send'], notSent: true },
  guarded: { deadLetter: true, kinds: ['update', 'event', 'send'], notSent: true },
} as const satisfies Record<string, { deadLetter: boolean; kinds: readonly Kind[]; notSent?: true }>
export type OutcomeName = keyof typeof OUTCOMES

const kind = z.enum(['update', 'event', 'send'])
type Kind = z.infer<typeof kind>

const outcome = z.custom<OutcomeName>((name) => typeof name === 'string' && Object.hasOwn(OUTCOMES, name), {
  error: `must be one of ${Object.keys(OUTCOMES).join(', ')}`,
})
/** Milliseconds, from any epoch that the whole file shares. */
const atMs = z.number().nonnegative()
const name = z.string().min(1)
/** What Customer.io shows once it is applied; null for a deletion. */
const content = name.nullable()
const event = <F extends string, Shape extends z.ZodRawShape>(f: F, shape: Shape) =>
  z.strictObject({ f: z.literal(f), atMs, ...shape })

export const historyEvent = z.discriminatedUnion('f', [
  event('start', {
    producer: name,
    exhaustedFromAttempt: z.number().int().positive().optional(),
    /** How long a request may be on its way after its process has ended; 0 by default. */
    longestRequestMs: z.number().nonnegative().optional(),
  }),
  event('limit', { budget: name, requests: z.number().positive(), windowMs: z.number().positive() }),
  z.discriminatedUnion('type', [
    event('publish', {
      type: z.literal('invoke'),
      op: name,
      key: name,
      kind,
      content,
      bytes: name,
      valid: z.boolean(),
      /** It goes to somebody whom this environment may not write to. */
      stranger: z.literal(true).optional(),
      /** No effect may be later. */
      expiresAtMs: atMs.optional(),
      /** Updates only: whose state it changes, and its place among the updates of that person. */
      person: name.optional(),
      turn: z.number().int().positive().optional(),
    }),
    event('publish', { type: z.enum(['ok', 'fail', 'info']), op: name }),
  ]),
  /** `keys`: whose messages it carries, as far as that is known. */
  event('request', { budgets: z.array(name).min(1), keys: z.array(name).optional() }),
  z.discriminatedUnion('type', [
    event('apply', {
      type: z.literal('ok'),
      key: name,
      content,
      effect: z.boolean(),
      eventId: name.optional(),
      deliveryId: name.optional(),
    }),
    event('apply', { type: z.literal('fail'), key: name }),
  ]),
  event('attempt', { op: name, delivery: name, subscription: name, number: z.number().int().positive() }),
  event('pause', { subscription: name }),
  event('resume', { subscription: name }),
  event('acknowledge', { op: name }),
  event('redelivery', { op: name }),
  event('outcome', {
    op: name,
    outcome,
    because: z.enum(['invalid', 'refused', 'key reused']).optional(),
    attempt: z.number().int().positive().optional(),
    bytes: name.optional(),
  }),
  event('push', { op: name, delivery: name, process: name, answer: z.enum(['done', 'again', 'none']) }),
  event('record', {
    op: name,
    delivery: name,
    outcome: z.union([outcome, z.literal('retry')]),
    deliveryId: name.optional(),
  }),
  event('untried', { op: name, delivery: name }),
  event('unread', {}),
  event('kill', { process: name }),
  event('settle', { key: name, decision: z.enum(['sent', 'not sent', 'resend']) }),
  event('waive', { key: name, why: name }),
  event('read', { person: name, content }),
  event('crash', { process: name, why: name }),
  event('note', { text: name }),
  event('end', {}),
])
export type HistoryEvent = z.output<typeof historyEvent>
/** The events of one `f`. */
export type Of<F extends HistoryEvent['f']> = Extract<HistoryEvent, { f: F }>
export type Invoke = Extract<HistoryEvent, { f: 'publish'; type: 'invoke' }>

/** Reads a history. Throws an Error that names the line and what is wrong with it. */
export function parseHistory(text: string): HistoryEvent[] {
  const events = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    try {
      return [historyEvent.parse(JSON.parse(line))]
    } catch (cause) {
      const why = cause instanceof z.ZodError ? z.prettifyError(cause) : 'not JSON'
      throw new Error(`line ${index + 1}: ${why}: ${line.slice(0, 200)}`, { cause })
    }
  })
  if (events[0]?.f !== 'start') throw new Error('line 1: a history begins with `start`')
  if (events.at(-1)?.f !== 'end') throw new Error('the last line is not `end`: the history was cut off')
  return events
}
