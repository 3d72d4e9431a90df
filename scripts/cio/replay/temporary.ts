import { codeOf } from '../../../shared/errors/index.ts'
import type { Context } from '../context.ts'
import type { Source } from '../dead-letters/source.ts'
import { CommandError } from '../errors.ts'

const NOT_FOUND = 5
const PERMISSION_DENIED = 7
/** Longer than leases take to be extended, and short: whoever resumes after a kill may have to wait so long. */
const ACK_DEADLINE_SECONDS = 20
/** The least that Pub/Sub takes: so long after a kill, it removes the subscription if nobody else has. */
const EXPIRES_SECONDS = 86_400
/** Pub/Sub's servers differ in their clocks: https://cloud.google.com/pubsub/docs/replay-overview. */
const SEEK_EARLIER_MS = 60_000

/** Neither replays, this one's among them, nor copies for the bulk lane. */
const FIRST_PUBLISHED = 'NOT attributes:replay_count AND NOT attributes:source_message_id'

/** A subscription that is made to read what its topic keeps. */
export interface Temporary {
  /** Name in the project. */
  readonly name: string
  readonly topic: { readonly own: string; readonly deployed: string }
  /** Read from here, in milliseconds since 1970. */
  readonly fromMs: number
  /** Kept with it, for whoever finds it: lower-case letters, digits and hyphens. */
  readonly labels: Readonly<Record<string, string>>
}

type Connected = Pick<Context, 'connection'>

/** The labels of a subscription; undefined when there is none of that name. */
export async function labelsOf(
  context: Connected,
  name: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    const [{ labels }] = await (await context.connection.pubsub()).subscription(name).getMetadata()
    return labels ?? {}
  } catch (error) {
    if (codeOf(error) === NOT_FOUND) return undefined
    throw error
  }
}

/** Makes it, in place of one that a killed run left, and seeks it back. */
export async function makeTemporary(context: Connected, temporary: Temporary): Promise<void> {
  await removeTemporary(context, temporary.name)
  const pubsub = await context.connection.pubsub()
  try {
    const [subscription] = await pubsub.topic(temporary.topic.deployed).createSubscription(temporary.name, {
      ackDeadlineSeconds: ACK_DEADLINE_SECONDS,
      // Messages of one person stay in order.
      enableMessageOrdering: true,
      filter: FIRST_PUBLISHED,
      expirationPolicy: { ttl: { seconds: EXPIRES_SECONDS } },
      labels: temporary.labels,
    })
    await subscription.seek(new Date(temporary.fromMs - SEEK_EARLIER_MS))
  } catch (cause) {
    throw new CommandError(`cannot read the topic ${temporary.topic.deployed}`, {
      cause,
      ...(codeOf(cause) === PERMISSION_DENIED && {
        hint: 'roles/pubsub.editor on the project makes subscriptions, and removes them.',
      }),
    })
  }
}

export async function removeTemporary({ connection }: Connected, name: string): Promise<void> {
  try {
    await (await connection.pubsub()).subscription(name).delete()
  } catch (error) {
    if (codeOf(error) !== NOT_FOUND) throw error
  }
}

/** As the code of `dlq replay` reads one. */
export function sourceOf({ name, topic }: Pick<Temporary, 'name' | 'topic'>): Source {
  return {
    name: topic.own,
    topic: topic.own,
    deployedTopic: topic.deployed,
    deadLetterSubscription: name,
    ackDeadlineMs: ACK_DEADLINE_SECONDS * 1_000,
  }
}
