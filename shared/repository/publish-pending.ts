import { PublisherValidationError } from '../publisher/index.ts'
import { aboutToPublish, accepted, type Choice } from './choice.ts'
import { nowSeconds, type RepositoryParts } from './port.ts'
import { type Choices, type PreferenceName, toMessages } from './preferences.ts'
import type { Deletion } from './store.ts'

function pendingOf(choices: Choices): Map<PreferenceName, Choice> {
  return new Map([...choices].filter(([, choice]) => choice.pending))
}

/**
 * Publishes the choices of a user that Customer.io has not been told. Three steps, each safe to lose: they are noted as
 * under way, published, noted as accepted. What is cut off before the last is published again, with the same time.
 *
 * @returns how many messages were published
 */
export async function publishPending(parts: RepositoryParts, userId: string): Promise<number> {
  const { store, publisher } = parts
  const claimed = await store.changeChoices(userId, (choices) => {
    const pending = pendingOf(choices)
    const write = new Map([...pending].map(([name, choice]) => [name, aboutToPublish(choice, nowSeconds(parts))]))
    return { write, result: pending }
  })
  if (claimed === undefined || claimed.size === 0) return 0
  const messages = toMessages(claimed)
  // One after the other, so that they reach the topic in the order of their times.
  for (const message of messages) {
    await publisher.identifyUser({ identifiers: { id: userId }, ...message })
  }
  await store.changeChoices(userId, (choices) => {
    const write = new Map<PreferenceName, Choice>()
    for (const [name, published] of claimed) {
      const current = choices.get(name)
      if (current?.pending) write.set(name, accepted(current, published))
    }
    return { write, result: undefined }
  })
  return messages.length
}

/**
 * Suppresses id and address, then deletes: suppressing is what keeps a message that is still on its way from creating
 * the person again. All three in the order of that person. Nothing is kept of the user afterwards.
 *
 * An id or an address that breaks the contract (`''`, `n/a`) was never accepted, so Customer.io knows nobody by it, and
 * the rest is told all the same: otherwise one such row would hold up every deletion and every sync after it.
 */
export async function publishDeletion(parts: RepositoryParts, { userId, email }: Deletion): Promise<void> {
  const { store, publisher } = parts
  const person = { id: userId }
  await unlessInvalid(publisher.suppressUser(person))
  if (email !== null) await unlessInvalid(publisher.suppressUser({ email }, { orderedAs: person }))
  await unlessInvalid(publisher.deleteUser(person))
  await store.finishDeletion(userId)
}

async function unlessInvalid(publishing: Promise<string>): Promise<void> {
  try {
    await publishing
  } catch (error) {
    if (!(error instanceof PublisherValidationError)) throw error
  }
}
