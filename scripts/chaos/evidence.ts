import type { Message } from '@google-cloud/pubsub'
import { z } from 'zod'
import type { Stack } from '../local/stack.ts'
import { deletionMark, TOPICS } from './messages.ts'

/** Why a message is on a dead-letter topic. */
export interface Letter {
  readonly reason: string
  readonly error: string
  readonly data: string
}

/** What can be seen once everything is over, and all that the accounting rests on. */
export interface Evidence {
  /** How often Customer.io has what a mark stands for: events counted by their `id`, sends one by one, updates as received. */
  readonly received: ReadonlyMap<string, number>
  /** The mark of the last update of each person that Customer.io has. */
  readonly people: ReadonlyMap<string, string>
  /** By the id of the message that was given up. */
  readonly letters: ReadonlyMap<string, Letter>
}

const marked = z.object({ chaos: z.string() })
const update = z.object({ attributes: marked.optional(), identifiers: z.object({ id: z.string() }) })

/** Looks at Customer.io's inbox and at the dead-letter topics. */
export async function collectEvidence(stack: Stack): Promise<Evidence> {
  const { workspace, inbox } = stack.customerio
  const received = new Map<string, number>()
  const count = (mark: string) => received.set(mark, (received.get(mark) ?? 0) + 1)
  for (const { attributes } of workspace.events.all()) count(marked.parse(attributes).chaos)
  for (const { body } of workspace.sends) count(marked.parse(body.message_data).chaos)
  for (const { body } of workspace.broadcasts) count(marked.parse(body.data).chaos)
  for (const { kind, body } of inbox.of('identify', 'delete')) {
    const { attributes, identifiers } = update.parse(body)
    count(kind === 'delete' ? deletionMark(identifiers.id) : (attributes?.chaos ?? ''))
  }
  const people = new Map<string, string>()
  for (const { identifiers, attributes } of workspace.people.all()) {
    const chaos = attributes.get('chaos')
    if (identifiers.id !== undefined && typeof chaos === 'string') people.set(identifiers.id, chaos)
  }
  const letters = new Map<string, Letter>()
  for (const topic of TOPICS) {
    for (const { attributes, data } of await pullAll(stack, `${topic}-dead-letter`)) {
      const { source_message_id = '', reason = '', error = '' } = attributes
      letters.set(source_message_id, { reason, error, data: data.toString() })
    }
  }
  return { received, people, letters }
}

async function pullAll(stack: Stack, name: string): Promise<Message[]> {
  const waiting = stack.pubsub.stats(`projects/${stack.endpoints.projectId}/subscriptions/${name}`).outstanding
  const messages: Message[] = []
  if (waiting === 0) return messages
  const subscription = stack.client.subscription(name)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  subscription.on('error', reject)
  subscription.on('message', (message) => {
    messages.push(message)
    message.ack()
    if (messages.length === waiting) resolve()
  })
  await promise
  await subscription.close()
  return messages
}
