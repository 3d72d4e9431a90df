import { deliveredTopics } from '../../../local/message-log.ts'
import { deadLetterSubscriptions, type Topology } from '../../../topology/topology.ts'

/** The way of one topic's messages, as pipeline.yaml has it. */
export interface FlowOfTopic {
  /** What publishes: a function of the pipeline, or undefined for your applications. */
  readonly publisher: string | undefined
  readonly topic: string
  readonly subscriptions: readonly string[]
  /** The function that they push to; undefined when Pub/Sub writes to BigQuery itself. */
  readonly function: string | undefined
  readonly destinations: readonly string[]
  /** The subscriptions in which its dead letters wait: what failed, then what was not sent by decision. */
  readonly deadLetters: readonly string[]
}

/** The flows that carry messages, then the one that carries the record. Pure. */
export function flowsOf(topology: Topology): readonly FlowOfTopic[] {
  const { record, functions } = topology
  return [...deliveredTopics(topology), record.topic].map((topic) => {
    const subscriptions = Object.entries(topology.subscriptions).filter(([, each]) => each.topic === topic)
    const [, first] = subscriptions[0] ?? []
    const name = first?.push
    return {
      ...{ topic, function: name, destinations: destinationsOf(topology, name) },
      publisher: Object.entries(functions).find(([, { publishes }]) => publishes === topic)?.[0],
      subscriptions: subscriptions.map(([subscription]) => subscription),
      deadLetters: deadLetterSubscriptions(topology, topic),
    }
  })
}

function destinationsOf({ functions }: Topology, name: string | undefined): readonly string[] {
  const fn = name === undefined ? undefined : functions[name]
  if (fn === undefined) return ['BigQuery']
  return [
    ...(fn.rate_share === undefined ? [] : ['Customer.io']),
    ...(fn.ledger ? ['send ledger'] : []),
    ...(fn.warehouse ? ['BigQuery'] : []),
  ]
}
