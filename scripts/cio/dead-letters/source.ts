import { ownName } from '../../topology/names.ts'
import { deadLetterSubscriptions, type Topology } from '../../topology/topology.ts'
import { usageError } from '../errors.ts'

/** The subscriptions that share a dead-letter topic, one per lane, and a subscription in which their dead letters wait. */
export interface Source {
  /**
   * Name in `pipeline.yaml` of the first of them: `track` also stands for `track-bulk`. Where a second subscription keeps
   * apart what was not sent by decision, that is a source of its own, with its own name: `track-not-sent`.
   */
  readonly name: string
  /** Topic in `pipeline.yaml`: whose contract the messages keep. */
  readonly topic: string
  /** The same topic as it is called in the project: what a replay is published to. */
  readonly deployedTopic: string
  /** Pull subscription in which its dead letters wait. */
  readonly deadLetterSubscription: string
  /** How long a dead letter stays leased to a process that pulled it and died. */
  readonly ackDeadlineMs: number
}

/**
 * Every source of `pipeline.yaml`, or those that are named: `track` is all of its dead letters, `track-not-sent` those alone that
 * were not sent by decision. A replay keeps its lane: it is an attribute. Pure.
 */
export function sourcesOf(topology: Topology, names: readonly string[] = []): readonly Source[] {
  const subscriptions = Object.entries(topology.subscriptions)
  const all = subscriptions.flatMap(([first, { topic, dead_letter_topic: deadLetterTopic }]) => {
    const shared = subscriptions.find(([, other]) => other.dead_letter_topic === deadLetterTopic)
    if (deadLetterTopic === undefined || shared?.[0] !== first) return []
    return deadLetterSubscriptions(topology, topic).map((deadLetterSubscription, index) => {
      const source: Source = {
        name: ownName(topology, index === 0 ? first : deadLetterSubscription),
        topic: ownName(topology, topic),
        deployedTopic: topic,
        deadLetterSubscription,
        ackDeadlineMs: (topology.subscriptions[deadLetterSubscription]?.ack_deadline_seconds ?? 0) * 1_000,
      }
      return { source, names: [source.name, ownName(topology, first)] }
    })
  })
  const unknown = names.find((name) => all.every(({ source }) => source.name !== name))
  if (unknown !== undefined) {
    throw usageError(
      `there are no dead letters of ${unknown}`,
      `Use one of: ${all.map(({ source }) => source.name).join(', ')}.`,
    )
  }
  const isMeant = (own: readonly string[]) => names.length === 0 || own.some((name) => names.includes(name))
  return all.filter((each) => isMeant(each.names)).map(({ source }) => source)
}
