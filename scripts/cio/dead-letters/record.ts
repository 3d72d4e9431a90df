import { randomUUID } from 'node:crypto'
import { safeErrorName } from '../../../shared/errors/index.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { count } from '../output.ts'
import type { DeadLetter } from './dead-letter.ts'

/** What an operator did with a dead letter, in the words of the table `message_outcomes`. */
export type Doing = 'settled_sent' | 'settled_not_sent' | 'replayed' | 'purged' | 'revealed'

const ACTIONS: Readonly<Record<Doing, string>> = {
  settled_sent: 'settle',
  settled_not_sent: 'settle',
  replayed: 'replay',
  purged: 'purge',
  revealed: 'reveal',
}

/** An operator's line, in the names of the columns. */
interface Line {
  /** Topic in `pipeline.yaml`. */
  readonly topic?: string
  /** The one that stays over replays, by which the functions' lines about the message are found. */
  readonly message_id?: string
  readonly note?: string
  readonly action: string
  readonly outcome: string
  /** What a function would have answered: 204 ends a message. */
  readonly answer?: 204
}

type Teller = Pick<Context, 'connection' | 'now'>
type Told = readonly Pick<DeadLetter, 'id' | 'source'>[]

/**
 * Tells the record of messages what was done, as a log line of a function tells it what became of a message. It has happened
 * by then, so a record that cannot be told is a warning.
 */
export async function tellRecord(
  context: Teller & Pick<Context, 'output'>,
  outcome: Exclude<Doing, 'revealed'>,
  deadLetters: Told,
): Promise<void> {
  await writtenOrWarned(context, linesOf(context, outcome, deadLetters))
}

/**
 * Writes an operator's lines into the record of messages.
 *
 * @throws when Pub/Sub does not take all of them
 */
export async function writeToRecord(context: Teller, outcome: Doing, deadLetters: Told): Promise<void> {
  await write(context, linesOf(context, outcome, deadLetters))
}

/** Whose data a command is about to print. */
export interface Revealed {
  readonly deadLetters: Told
  /** Stores that it read besides: `warehouse`, `send_ledger`, `customerio`. */
  readonly stores?: readonly string[]
}

/**
 * Tells the record that somebody looks at personal data of a deployment, before they are printed: what the record cannot be
 * told is not shown. As with an erasure, no line leads to the person.
 *
 * @throws when Pub/Sub does not take all of the lines
 */
export async function tellOfReveal(context: Teller, { deadLetters, stores = [] }: Revealed): Promise<void> {
  if (context.connection.local) return
  const ofStores = stores.map((note): Line => ({ note, action: ACTIONS.revealed, outcome: 'revealed' }))
  try {
    await write(context, [...linesOf(context, 'revealed', deadLetters), ...ofStores])
  } catch (cause) {
    throw new CommandError('the record of messages cannot be told that personal data are shown, so they are not', {
      cause,
      hint: `It takes the permission to publish to ${context.connection.topology.record.topic}.`,
    })
  }
}

function linesOf({ connection }: Teller, outcome: Doing, deadLetters: Told): readonly Line[] {
  const { topic: recordTopic } = connection.topology.record
  // Its own dead letters are no messages.
  const messages = deadLetters.filter(({ source }) => source.deployedTopic !== recordTopic)
  return messages.map(({ id, source }) => ({
    ...{ topic: source.topic, message_id: id, action: ACTIONS[outcome], outcome },
    // To look at a message ends nothing.
    ...(outcome !== 'revealed' && { answer: 204 }),
  }))
}

/** What an erasure has removed. */
export interface Removed {
  /** Messages of which there was a dead letter, or a line in the record. */
  readonly messages: readonly Required<Pick<Line, 'topic' | 'message_id'>>[]
  /** Stores of which rows or records were removed: `webhook_events`, `send_ledger`. */
  readonly stores: readonly string[]
}

/**
 * Tells the record of an erasure, as `tellRecord` does: a line per message and one per store. None carries a hash, neither of
 * a person nor of a key: whoever has the ring and guesses a name could otherwise find out that this person was erased, and
 * what they had got. An id of Pub/Sub's is a number that no name leads to. The lines of one erasure share a time, so they show
 * that these messages were about one person, and not about whom.
 */
export async function tellRecordOfErasure(
  context: Teller & Pick<Context, 'output'>,
  { messages, stores }: Removed,
): Promise<void> {
  const erased = { action: 'erase', outcome: 'erased', answer: 204 } as const
  await writtenOrWarned(context, [
    ...messages.map((message) => ({ ...message, ...erased })),
    ...stores.map((note) => ({ note, ...erased })),
  ])
}

async function writtenOrWarned(context: Teller & Pick<Context, 'output'>, lines: readonly Line[]): Promise<void> {
  try {
    await write(context, lines)
  } catch (error) {
    const missing = count(lines.length, 'line')
    context.output.warn(`the record of messages lacks ${missing} about what was done: ${safeErrorName(error)}`)
  }
}

async function write({ connection, now }: Teller, lines: readonly Line[]): Promise<void> {
  if (lines.length === 0) return
  const timestamp = new Date(now()).toISOString()
  const topic = (await connection.pubsub()).topic(connection.topology.record.topic)
  await Promise.all(
    lines.map((line) =>
      topic.publishMessage({
        json: {
          ...{ timestamp, insertId: randomUUID(), severity: 'INFO', labels: { function: 'cio-gcp' } },
          jsonPayload: { event: 'message', ...line },
        },
      }),
    ),
  )
}
