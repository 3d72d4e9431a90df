import { recordedKey } from '../../../shared/idempotency/index.ts'
import type { Context } from '../context.ts'
import { jsonOf, whatIs } from '../dead-letters/body.ts'
import { type DeadLetter, factsOf } from '../dead-letters/dead-letter.ts'
import type { Source } from '../dead-letters/source.ts'
import { openSubscription } from '../dead-letters/subscription.ts'
import { undeliveredOf } from '../dead-letters/undelivered.ts'
import { type Relation, relationOf, type Sought } from '../dead-letters/whose.ts'
import { count } from '../output.ts'
import type { Entry } from './entry.ts'

/** Which dead letters are looked for: those of a message by its id or key, or those of a person. */
export interface DeadLettersSought {
  /** Ids of Pub/Sub, and keys as the ledger knows them. */
  readonly ids: ReadonlySet<string>
  readonly person: Sought | undefined
}

/** So many are leased to us at most, and for as long as the look takes. */
const MOST_PER_SOURCE = 10_000

/**
 * Looks through the dead letters of these sources. Pub/Sub has no read without a lease: they are pulled, given back at the
 * end, and until then nobody else receives them. One message is looked for until it is found, a person to the end.
 */
export async function deadLetters(
  context: Context,
  sources: readonly Source[],
  sought: DeadLettersSought,
): Promise<readonly Entry[]> {
  const found = await Promise.all(sources.map((source) => lookThrough(context, source, sought)))
  return found.flat()
}

async function lookThrough(context: Context, source: Source, sought: DeadLettersSought): Promise<readonly Entry[]> {
  const subscription = await openSubscription(context, source)
  try {
    const entries: Entry[] = []
    let seen = 0
    for await (const page of subscription.pulls()) {
      context.signal.throwIfAborted()
      seen += page.length
      entries.push(...page.flatMap((deadLetter) => entriesIfSought(deadLetter, sought)))
      if (entries.length > 0 && sought.person === undefined) return entries
      if (seen >= MOST_PER_SOURCE) {
        context.output.warn(`only ${seen} dead letters of ${source.name} were looked at, there are more`)
        return entries
      }
    }
    const unseen = ((await undeliveredOf(context, source)) ?? seen) - seen
    if (unseen > 0) {
      context.output.warn(
        `${count(unseen, 'dead letter')} of ${source.name} could not be looked at: another process holds them`,
      )
    }
    return entries
  } finally {
    await subscription[Symbol.asyncDispose]()
  }
}

/** What a dead letter tells about who or what is looked for; empty when it is about something else. Pure. */
export function entriesIfSought(deadLetter: DeadLetter, { ids, person }: DeadLettersSought): readonly Entry[] {
  const { id, messageId, source, data, attributes } = deadLetter
  const key = recordedKey({ attributes, messageId: id })
  if (ids.has(id) || ids.has(messageId) || (key !== undefined && ids.has(key))) return entriesOf(deadLetter, 'own')
  const relation = person === undefined ? 'none' : relationOf(source.topic, data, person)
  return relation === 'none' ? [] : entriesOf(deadLetter, relation)
}

function entriesOf(deadLetter: DeadLetter, relation: Exclude<Relation, 'none'>): readonly Entry[] {
  const { id, messageId, source, data, attributes, deadLetteredAtMs } = deadLetter
  const { reason, error, attempts, replays, publishedAtMs } = factsOf(deadLetter)
  const { channel, transactional_message_id: template } = jsonOf(data) ?? {}
  const about = {
    topic: source.topic,
    channel: typeof channel === 'string' ? channel : undefined,
    what: whatIs(data),
    template: typeof template === 'string' || typeof template === 'number' ? String(template) : undefined,
    key: recordedKey({ attributes, messageId: id }),
  }
  const doubt = relation === 'own' ? undefined : relation
  return [
    { atMs: publishedAtMs, ...about, messageIds: [id], fact: { kind: 'published' } },
    {
      ...{ atMs: deadLetteredAtMs, ...about, messageIds: [messageId, id] },
      fact: { kind: 'dead_lettered', id, reason, error, attempts, replays, doubt },
    },
  ]
}
