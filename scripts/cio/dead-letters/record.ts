import { randomUUID } from 'node:crypto'
import { safeErrorName } from '../../../shared/errors/index.ts'
import type { Context } from '../context.ts'
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
  try {
    await writeToRecord(context, outcome, deadLetters)
  } catch (error) {
    context.output.warn(
      `the record of messages could not be told that ${deadLetters.length} were ${outcome}: ${safeErrorName(error)}`,
    )
  }
}

/**
 * Writes an operator's lines into the record of messages. The id is the one that stays over replays, by which the functions'
 * lines about the message are found.
 *
 * @throws when Pub/Sub does not take all of them
 */
export async function writeToRecord({ connection, now }: Teller, outcome: Doing, deadLetters: Told): Promise<void> {
  const { topic: recordTopic } = connection.topology.record
  // Its own dead letters are no messages.
  const messages = deadLetters.filter(({ source }) => source.deployedTopic !== recordTopic)
  if (messages.length === 0) return
  const timestamp = new Date(now()).toISOString()
  const topic = (await connection.pubsub()).topic(recordTopic)
  await Promise.all(
    messages.map(({ id, source }) =>
      topic.publishMessage({
        json: {
          ...{ timestamp, insertId: randomUUID(), severity: 'INFO', labels: { function: 'cio-gcp' } },
          jsonPayload: {
            ...{ event: 'message', topic: source.topic, message_id: id, action: ACTIONS[outcome], outcome },
            // To look at a message ends nothing.
            ...(outcome !== 'revealed' && { answer: 204 }),
          },
        },
      }),
    ),
  )
}
