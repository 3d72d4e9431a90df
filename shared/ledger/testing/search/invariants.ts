import type { Setting } from './setting.ts'
import type { Message, SearchWorld, Told } from './world.ts'

/** A sentence of the README that holds in every state that a search reaches, or of every outcome. */
export interface Invariant {
  /** To the letter as in the README. */
  readonly sentence: string
  /** Where it is promised; everywhere when it is left out. */
  readonly where?: (setting: Setting) => boolean
  readonly holds?: (world: SearchWorld) => boolean
  readonly holdsAt?: (world: SearchWorld, told: Told) => boolean
}

const madeFor = ({ made }: SearchWorld, { key }: Message) => made.filter(({ message }) => message.key === key)

export const INVARIANTS: readonly Invariant[] = [
  {
    sentence: 'Under one key, at most one message is sent.',
    holds: (world) => world.messages.every((message) => madeFor(world, message).length <= 1),
  },
  {
    sentence: 'Under one key, at most one call is under way.',
    holds: (world) => world.messages.every((message) => world.callsFor(message).length <= 1),
  },
  {
    sentence: 'A record that says `sent` names a delivery of its own key.',
    holds: (world) =>
      world.messages.every((message) => {
        const record = world.recordOf(message)
        return record?.state !== 'sent' || madeFor(world, message).some(({ id }) => id === record.deliveryId)
      }),
  },
  {
    sentence:
      'While a record says `released` or `refused`, nothing has been sent under its key, and no call for it is under way.',
    holds: (world) =>
      world.messages.every((message) => {
        const state = world.recordOf(message)?.state
        if (state !== 'released' && state !== 'refused') return true
        return madeFor(world, message).length + world.callsFor(message).length === 0
      }),
  },
  {
    sentence: 'A message that is reported as delivered was sent, under the delivery id that is reported.',
    holdsAt: (world, { message, outcome }) =>
      outcome.kind !== 'delivered' ||
      world.made.some((made) => made.id === outcome.deliveryId && made.message === message),
  },
  {
    sentence: 'Whoever reports a message as refused by Customer.io has not sent it.',
    holdsAt: (world, { outcome, by }) =>
      outcome.kind !== 'refused' || outcome.reason !== 'refused' || !world.made.some((made) => made.by === by),
  },
  {
    sentence: 'A message is reported as changed only if its key has been used with other content.',
    where: ({ isSameKey }) => isSameKey === true,
    holdsAt: (world, { message, outcome }) =>
      outcome.kind !== 'refused' ||
      outcome.reason !== 'content_changed' ||
      (world.recordOf(message) !== undefined && world.recordOf(message)?.hashes.content !== message.name),
  },
  {
    sentence: 'Once nothing goes wrong any more, a message ends at its next delivery.',
    holds: (world) => !world.isCalm || world.messages.every(({ final }) => final !== undefined),
  },
]
