import { PublisherValidationError } from '../publisher/index.ts'
import { aboutToPublish, accepted, type Choice } from './choice.ts'
import { nowSeconds, type RepositoryParts } from './port.ts'
import { type Choices, type PreferenceName, toMessages } from './preferences.ts'
import type { Deletion } from './store.ts'

export interface PublishedChoices {
  /** How many messages were published. */
  readonly published: number
  /** Why the choices of a user could not be published. They stay pending. */
  readonly failures: ReadonlyMap<string, unknown>
}

/** Users whose choices change in one transaction: each takes a lock, and the server has a few thousand. */
const USERS_PER_TRANSACTION = 100

export function pendingOf(choices: Choices): Map<PreferenceName, Choice> {
  return new Map([...choices].filter(([, choice]) => choice.pending))
}

/**
 * Publishes the choices of users that Customer.io has not been told. Three steps, each safe to lose: they are noted as
 * under way, published, noted as accepted. What is cut off before the last is published again, with the same time.
 */
export async function publishPending(parts: RepositoryParts, userIds: readonly string[]): Promise<PublishedChoices> {
  let published = 0
  const failures = new Map<string, unknown>()
  for (let start = 0; start < userIds.length; start += USERS_PER_TRANSACTION) {
    const done = await publishSome(parts, userIds.slice(start, start + USERS_PER_TRANSACTION))
    published += done.published
    for (const [userId, error] of done.failures) failures.set(userId, error)
  }
  return { published, failures }
}

async function publishSome(parts: RepositoryParts, userIds: readonly string[]): Promise<PublishedChoices> {
  const { store, publisher } = parts
  const claims = await store.changeChoices(userIds, (choices) => {
    const pending = pendingOf(choices)
    const write = new Map([...pending].map(([name, choice]) => [name, aboutToPublish(choice, nowSeconds(parts))]))
    return { write, result: pending }
  })
  const claimed = new Map([...claims].filter(([, pending]) => pending.size > 0))
  if (claimed.size === 0) return { published: 0, failures: new Map() }
  let published = 0
  const failures = new Map<string, unknown>()
  await Promise.all(
    [...claimed].map(async ([userId, pending]) => {
      try {
        // One after the other, so that they reach the topic in the order of their times.
        for (const message of toMessages(pending)) {
          await publisher.identifyUser({ identifiers: { id: userId }, ...message })
          published += 1
        }
      } catch (error) {
        failures.set(userId, error)
      }
    }),
  )
  const done = [...claimed.keys()].filter((userId) => !failures.has(userId))
  await store.changeChoices(done, (choices, userId) => {
    const write = new Map<PreferenceName, Choice>()
    for (const [name, sent] of claimed.get(userId) ?? []) {
      const current = choices.get(name)
      if (current?.pending) write.set(name, accepted(current, sent))
    }
    return { write, result: undefined }
  })
  return { published, failures }
}

/**
 * Suppresses id and address, then deletes: suppressing is what keeps a message that is still on its way from creating
 * the person again. All three in the order of that person. Nothing is kept of the user afterwards but the key, until the
 * row is gone.
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
  await store.finishDeletion(userId, nowSeconds(parts))
}

async function unlessInvalid(publishing: Promise<string>): Promise<void> {
  try {
    await publishing
  } catch (error) {
    if (!(error instanceof PublisherValidationError)) throw error
  }
}
