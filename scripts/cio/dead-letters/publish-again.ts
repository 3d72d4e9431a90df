import type { Context } from '../context.ts'
import type { DeadLetter, Replay } from './dead-letter.ts'
import type { Journal } from './journal.ts'
import { tellRecord } from './record.ts'
import type { Source } from './source.ts'
import type { DeadLetterSubscription } from './subscription.ts'

/** A dead letter with what is published in its place. */
export interface Planned {
  readonly deadLetter: DeadLetter
  readonly replay: Replay
}

/** From where it is taken. */
export interface From {
  readonly source: Source
  /** Holds the dead letters. */
  readonly subscription: DeadLetterSubscription
  /** Is told of each replay that Pub/Sub has accepted, before its dead letter is acknowledged. */
  readonly journal: Pick<Journal, 'replayed'>
}

export interface Published {
  readonly accepted: readonly DeadLetter[]
  /** Why Pub/Sub did not take one of the others; undefined when it took all. */
  readonly failure: unknown
}

/**
 * Publishes dead letters again, all at once: notes each that Pub/Sub has accepted, acknowledges them, and tells the record. If it
 * is killed after the first step, the replay is repeated under the same key.
 */
export async function publishAgain(
  context: Pick<Context, 'connection' | 'output' | 'now' | 'done'>,
  { source, subscription, journal }: From,
  planned: readonly Planned[],
): Promise<Published> {
  const pubsub = await context.connection.pubsub()
  const topic = pubsub.topic(source.deployedTopic, { messageOrdering: true })
  const published = await Promise.allSettled(
    planned.map(async ({ deadLetter, replay }) => {
      try {
        await topic.publishMessage({ ...replay })
      } catch (error) {
        if (replay.orderingKey !== undefined) topic.resumePublishing(replay.orderingKey)
        throw error
      }
      journal.replayed(deadLetter.messageId)
      return deadLetter
    }),
  )
  const accepted = published.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  context.done.add(accepted.length, 'message', `of ${source.name} replayed`)
  await subscription.acknowledge(accepted)
  await tellRecord(context, 'replayed', accepted)
  const failed = published.find((each) => each.status === 'rejected')
  return { accepted, failure: failed?.reason }
}
