import type { PubSub } from '@google-cloud/pubsub'
import { createFirestoreSendLedger, hashOf } from '../../../../shared/ledger/index.ts'
import type { Connection } from '../../../cio/connection.ts'
import { type DeadLetter, lastingId, replayOf } from '../../../cio/dead-letters/dead-letter.ts'
import { type Source, sourcesOf } from '../../../cio/dead-letters/source.ts'
import { hashRingOf } from '../../../cio/person/person.ts'
import { entriesIfSought } from '../../../cio/trace/dead-letters.ts'
import type { BacklogEntry } from '../../../emulators/pubsub/index.ts'
import type { LoggedMessage, MessageLog } from '../../../local/message-log.ts'
import type { MessageDeps, NextDelivery } from './message.ts'
import { storesOf } from './stores.ts'

export interface LocalMessageParts {
  readonly connection: Connection
  readonly projectId: string
  /** `host:port` of Pub/Sub. */
  readonly emulator: string
  readonly log: MessageLog
  readonly client: PubSub
  /** What waits in a subscription, by its full name. */
  readonly backlog: (subscription: string) => readonly BacklogEntry[]
  readonly now: () => number
  readonly settleMs: number
}

/** What a message's page asks of the local stack: the stores of a trace, but dead letters are looked at without being leased. */
export function localMessages(parts: LocalMessageParts): MessageDeps {
  const { connection, log, now, settleMs } = parts
  const { topology } = connection
  const sources = sourcesOf(topology)
  const stores = () =>
    storesOf(connection, now, async (sought, topic) =>
      sources
        .filter((source) => topic === undefined || source.topic === topic)
        .flatMap((source) => waitingIn(source, parts).flatMap((deadLetter) => entriesIfSought(deadLetter, sought))),
    )
  return {
    ...{ now, stores },
    local: {
      settleMs,
      ring: () => hashRingOf({ connection }),
      recordOf: async (key) => {
        const firestore = await connection.firestore()
        return await createFirestoreSendLedger({ firestore, collection: topology.ledger.collection }).read(hashOf(key))
      },
      find: (id) => log.find(id),
      next: (message) => nextOf(message, parts),
      publishAgain: (message) => publishAgain(message, parts.client),
      projectId: parts.projectId,
      emulator: parts.emulator,
    },
  }
}

const fullName = ({ projectId }: LocalMessageParts, name: string) => `projects/${projectId}/subscriptions/${name}`

function waitingIn(source: Source, parts: LocalMessageParts): readonly DeadLetter[] {
  return parts.backlog(fullName(parts, source.deadLetterSubscription)).map(({ message }) => ({
    ...{ source, id: lastingId(message.id, message.attributes), messageId: message.id, ackId: '' },
    ...{ data: message.data, attributes: message.attributes, orderingKey: message.orderingKey },
    deadLetteredAtMs: message.publishTimeMs,
  }))
}

/** The subscription in which one of its publishes waits. */
function nextOf({ topic, publishes }: LoggedMessage, parts: LocalMessageParts): NextDelivery | undefined {
  const ids = new Set(publishes.map(({ messageId }) => messageId))
  for (const [name, subscription] of Object.entries(parts.connection.topology.subscriptions)) {
    if (subscription.topic !== topic) continue
    const entry = parts.backlog(fullName(parts, name)).find(({ message }) => ids.has(message.id))
    if (entry === undefined) continue
    return {
      ...{ subscription: name, attempt: entry.failures + 1, maxAttempts: subscription.max_delivery_attempts },
      atMs: entry.notBeforeMs === 0 ? undefined : entry.notBeforeMs,
    }
  }
  return undefined
}

/** As a replay does: the same bytes, attributes and key, so that it counts as the same message. */
async function publishAgain(message: LoggedMessage, client: PubSub): Promise<string> {
  const { topic, id, data, orderingKey, publishes } = message
  const [first] = publishes
  const original: DeadLetter = {
    source: { name: topic, topic, deployedTopic: topic, deadLetterSubscription: '', ackDeadlineMs: 0 },
    ...{ id, messageId: id, ackId: '', data, orderingKey, deadLetteredAtMs: first?.atMs ?? 0 },
    attributes: first?.attributes ?? {},
  }
  return await client.topic(topic, { messageOrdering: true }).publishMessage({ ...replayOf(original) })
}
