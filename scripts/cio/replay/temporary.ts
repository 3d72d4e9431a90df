import { codeOf } from '../../../shared/errors/index.ts'
import { roleId } from '../../topology/names.ts'
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

type Connected = Pick<Context, 'connection' | 'now'>

/** What one run reads: the topic itself, all of it in advance to count, and who has gone. */
export type Purpose = 'replay' | 'scan' | 'people'

/** The name of a run's subscription. No two runs share one: Pub/Sub takes a while until a name can be used again. Pure. */
export function temporaryName(namePrefix: string, topic: string, purpose: Purpose, begunAtMs: number): string {
  return `${namePrefix}cio-replay-${topic}-${begunAtMs}${purpose === 'replay' ? '' : `-${purpose}`}`
}

/** When the replays of a topic began whose subscription is there: at work, or killed. Milliseconds since 1970. */
export async function begunReplays({ connection }: Connected, topic: Temporary['topic']): Promise<readonly number[]> {
  const [subscriptions] = await (await connection.pubsub()).topic(topic.deployed).getSubscriptions()
  const start = `${connection.topology.namePrefix}cio-replay-${topic.own}-`
  return subscriptions
    .map(({ name }) => name.slice(name.lastIndexOf('/') + 1))
    .filter((name) => name.startsWith(start) && /^\d+$/.test(name.slice(start.length)))
    .map((name) => Number(name.slice(start.length)))
}

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

/** Makes it, sought back to its time. */
export async function makeTemporary(context: Connected, temporary: Temporary): Promise<void> {
  const { name, topic, labels } = temporary
  try {
    await (await context.connection.pubsub()).topic(topic.deployed).createSubscription(name, {
      ackDeadlineSeconds: ACK_DEADLINE_SECONDS,
      // Messages of one person stay in order.
      enableMessageOrdering: true,
      filter: FIRST_PUBLISHED,
      expirationPolicy: { ttl: { seconds: EXPIRES_SECONDS } },
      labels,
    })
  } catch (cause) {
    throw await cannotRead(context, topic.deployed, cause)
  }
  await seekBack(context, temporary)
}

/** Lets it begin at its time: before that, it has only what is published after it was made. */
export async function seekBack(context: Connected, { name, topic, fromMs }: Temporary): Promise<void> {
  try {
    await (await context.connection.pubsub()).subscription(name).seek(new Date(fromMs - SEEK_EARLIER_MS))
  } catch (cause) {
    throw await cannotRead(context, topic.deployed, cause)
  }
}

/** How long a person has the role, from now: longer than a replay takes. */
const GRANTED_MS = 4 * 3_600_000

async function cannotRead({ connection, now }: Connected, topic: string, cause: unknown): Promise<CommandError> {
  if (codeOf(cause) !== PERMISSION_DENIED) return new CommandError(`cannot read the topic ${topic}`, { cause })
  const projectId = await connection.projectId()
  const until = new Date(now() + GRANTED_MS).toISOString().replace(/\.\d+/, '')
  const role = `projects/${projectId}/roles/${roleId(connection.topology.namePrefix, 'replayer')}`
  return new CommandError(`you may not read the topic ${topic}`, {
    cause,
    hint:
      'Operators may, for some hours. An owner of the project types, with your address: ' +
      `gcloud projects add-iam-policy-binding ${projectId} --member=user:YOU@EXAMPLE.COM --role=${role} ` +
      `--condition='title=replay,expression=request.time < timestamp("${until}")'`,
  })
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
