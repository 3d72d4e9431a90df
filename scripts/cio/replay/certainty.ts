import { IdentifierType } from 'customerio-node'
import { identifiersOf } from '../../../shared/identity/index.ts'
import type { SendLedger } from '../../../shared/ledger/index.ts'
import type { Context } from '../context.ts'
import { describeFailure } from '../customerio.ts'
import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import { recordIdOf } from '../dead-letters/evidence.ts'
import { CommandError } from '../errors.ts'
import { createPace } from '../pace.ts'
import type { ValidMessage } from '../publish/messages.ts'

/** What a replay of an unchanged message does where the first one was delivered, and how sure that is. */
export type Certainty =
  /** The send ledger has its record, or Customer.io orders it by its time: nothing changes. */
  | 'certain'
  /** Customer.io knows the event's id, if it still remembers it: how long is not documented. */
  | 'hoped'
  /** It has no record in the send ledger: it was never sent, and is sent now. */
  | 'sent_now'

/** Decides for sends by the ledger, many at a time. */
export async function unrecorded(
  ledger: Pick<SendLedger, 'read'>,
  sends: readonly DeadLetter[],
): Promise<ReadonlySet<DeadLetter>> {
  const found = await Promise.all(
    sends.map(async (message) => {
      const id = recordIdOf({ ...message, id: message.messageId })
      return id !== undefined && (await ledger.read(id)) !== undefined
    }),
  )
  return new Set(sends.filter((_, index) => !found[index]))
}

const TYPES = { id: IdentifierType.Id, email: IdentifierType.Email, cio_id: IdentifierType.CioId } as const

/**
 * Whether Customer.io knows whom a send is to. `erase` deletes the ledger's records with the person, so that a send to somebody
 * who was erased looks as if it had never been sent. Asks within the operators' share of the App API, once per person.
 */
export function createKnowsPerson({ connection, now, signal }: Pick<Context, 'connection' | 'now' | 'signal'>) {
  const customerIo = connection.customerIo()
  const pace = createPace(customerIo.appRequestsPerSecond, now, signal)
  const known = new Map<string, boolean>()

  return async ({ message }: ValidMessage): Promise<boolean> => {
    const [name] = 'identifiers' in message ? identifiersOf(message.identifiers) : []
    if (name === undefined || !(name.kind === 'id' || name.kind === 'email' || name.kind === 'cio_id')) return false
    const key = `${name.kind}:${name.value}`
    const before = known.get(key)
    if (before !== undefined) return before
    await pace(1)
    const isKnown = await (await customerIo.app()).getAttributes(name.value, TYPES[name.kind]).then(
      () => true,
      (error: unknown) => {
        const { status, words } = describeFailure(error)
        if (status === 404) return false
        throw new CommandError(`whether the people of sends still exist cannot be asked: ${words}`)
      },
    )
    known.set(key, isKnown)
    return isKnown
  }
}
