import { type Choice, type Observed, observe } from './choice.ts'
import type { RepositoryParts } from './port.ts'
import type { PreferenceName } from './preferences.ts'
import { publishPending } from './publish-pending.ts'
import { type PersonNamed, type PubSubMessage, readWebhook } from './webhook.ts'

export type HandledWebhook =
  | {
      readonly kind: 'handled'
      readonly userId: string
      /** What became of each choice that the webhook names. */
      readonly choices: Readonly<Partial<Record<PreferenceName, Observed>>>
      /** True when the address of the user is now known to be dead. */
      readonly undeliverable: boolean
    }
  | {
      readonly kind: 'ignored'
      readonly reason: 'not_understood' | 'no_preference' | 'no_person' | 'unknown_user'
    }

async function findUserId(parts: RepositoryParts, person: PersonNamed): Promise<string | undefined> {
  // An id that we do not know is somebody else, even if their address is known here.
  if (person.id !== undefined) return (await parts.store.findUser(person.id))?.id
  return person.email === undefined ? undefined : parts.store.findUserIdByEmail(person.email)
}

/** Brings what Customer.io reports into the database, and answers Customer.io only where both would otherwise differ. */
export async function handleWebhook(parts: RepositoryParts, message: PubSubMessage): Promise<HandledWebhook> {
  const read = readWebhook(message)
  if (read.kind === 'ignored') return read
  const { person, observations, undeliverable } = read.news
  const userId = await findUserId(parts, person)
  if (userId === undefined) return { kind: 'ignored', reason: 'unknown_user' }

  const handled = await parts.store.changeChoices(userId, (choices) => {
    const write = new Map<PreferenceName, Choice>()
    const outcomes: Partial<Record<PreferenceName, Observed>> = {}
    for (const [name, seen] of observations) {
      const { choice, outcome } = observe(choices.get(name), seen, parts.echoLimits)
      outcomes[name] = outcome
      if (choice !== choices.get(name)) write.set(name, choice)
    }
    const pending = [...choices, ...write].some(([, choice]) => choice.pending)
    return { write, result: { outcomes, pending } }
  })
  if (handled === undefined) return { kind: 'ignored', reason: 'unknown_user' }
  const isDead =
    undeliverable !== undefined &&
    (await parts.store.recordDeliverability(userId, undeliverable.address, false, undeliverable.at))
  if (handled.pending) await publishPending(parts, userId)
  return { kind: 'handled', userId, choices: handled.outcomes, undeliverable: isDead }
}
