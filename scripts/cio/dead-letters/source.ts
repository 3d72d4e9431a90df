import { ownName } from '../../topology/names.ts'
import type { Topology } from '../../topology/topology.ts'
import { usageError } from '../errors.ts'

/** The subscriptions that share a dead-letter topic, one per lane, and the subscription in which their dead letters wait. */
export interface Source {
  /** Name in `pipeline.yaml` of the first of them: `track` also stands for `track-bulk`. */
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

/** Every source of `pipeline.yaml`, or those that are named. A replay keeps its lane: it is an attribute. Pure. */
export function sourcesOf(topology: Topology, names: readonly string[] = []): readonly Source[] {
  const subscriptions = Object.entries(topology.subscriptions)
  const all = subscriptions.flatMap(([name, { topic, dead_letter_topic: deadLetterTopic }]): Source[] => {
    const waiting = subscriptions.find(([, other]) => other.topic === deadLetterTopic && other.push === undefined)
    const first = subscriptions.find(([, other]) => other.dead_letter_topic === deadLetterTopic)
    if (deadLetterTopic === undefined || waiting === undefined || first?.[0] !== name) return []
    const [deadLetterSubscription, { ack_deadline_seconds: ackDeadlineSeconds }] = waiting
    const own = { name: ownName(topology, name), topic: ownName(topology, topic), deployedTopic: topic }
    return [{ ...own, deadLetterSubscription, ackDeadlineMs: ackDeadlineSeconds * 1_000 }]
  })
  const unknown = names.find((name) => all.every((source) => source.name !== name))
  if (unknown !== undefined) {
    throw usageError(
      `there are no dead letters of ${unknown}`,
      `Use one of: ${all.map(({ name }) => name).join(', ')}.`,
    )
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name))
}
