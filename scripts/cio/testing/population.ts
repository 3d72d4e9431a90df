import fc from 'fast-check'
import { identifyMessages, trackMessages, transactionalMessages } from '../../schemas/arbitrary-messages.ts'
import type { Person } from '../person/person.ts'

/**
 * Random messages of every topic and channel to a random population. The oracle is not the code's: each message is made for
 * certain people, in a spelling of its own, and who they are is noted as it is made.
 */

export interface Made {
  readonly topic: string
  readonly body: Record<string, unknown>
  /** Indexes of the people whose own message it is, and of those whom it names among others. */
  readonly own: readonly number[]
  readonly shared: readonly number[]
}

const SIZE = 8
/** Names that are parts of one another on purpose, and that no arbitrary message has by chance. */
export const people: readonly (Person & { readonly id: string; readonly email: string; readonly phone: string })[] =
  Array.from({ length: SIZE }, (_, index) => ({
    id: `7700100${'1'.repeat(index + 1)}`,
    email: `${'a'.repeat(index + 1)}@example.com`,
    phone: `+4930${'2'.repeat(index + 1)}`,
    cioId: `c${'1'.repeat(index + 1)}`,
  }))
const one = fc.nat({ max: SIZE - 1 })
const several = fc.uniqueArray(one, { minLength: 2, maxLength: 4 })

function who(index: number) {
  const person = people[index]
  if (person === undefined) throw new RangeError()
  return person
}

const spelling = fc.constantFrom<(address: string) => string>(
  (address) => address,
  (address) => address.toUpperCase(),
  (address) => `"Somebody, Else" <${address}>`,
  (address) => `Else <${address.replace('example', 'EXAMPLE')}>`,
)
/** A person of the population by one of their names, as an operation has it. */
const known = (index: number) =>
  fc.constantFrom<Record<string, unknown>>(
    { id: who(index).id },
    { id: Number(who(index).id) },
    { email: who(index).email.toUpperCase() },
    { cio_id: who(index).cioId },
  )

/** What the arbitrary message is about is replaced; everything else in it stays, and names nobody of the population. */
const isOf = (message: Record<string, unknown>, field: string) => field in message && message.type !== 'object'

export const made: fc.Arbitrary<Made> = fc.oneof(
  fc.tuple(identifyMessages, one).chain(([message, index]) =>
    known(index).map((identifiers): Made => {
      const topic = 'identify'
      if (isOf(message, 'primary'))
        return { topic, body: { ...message, primary: identifiers }, own: [index], shared: [] }
      if (!isOf(message, 'identifiers')) return { topic, body: message, own: [], shared: [] }
      return { topic, body: { ...message, identifiers }, own: [index], shared: [] }
    }),
  ),
  several.map(
    (indexes): Made => ({
      topic: 'identify',
      body: {
        type: 'object',
        action: 'add_relationships',
        identifiers: { object_type_id: '1', object_id: '1' },
        cio_relationships: indexes.map((index) => ({ identifiers: { email: who(index).email } })),
      },
      own: [],
      shared: indexes,
    }),
  ),
  fc.tuple(trackMessages, one, one).chain(([message, index, other]) =>
    known(index).map(
      (identifiers): Made => ({
        topic: 'track',
        // Fields that look like names, and name nobody.
        body: { ...message, identifiers, attributes: { items: [{ id: who(other).id, email: who(other).email }] } },
        own: [index],
        shared: [],
      }),
    ),
  ),
  fc.tuple(transactionalMessages, one, several, spelling).chain(([message, index, indexes, spelt]) =>
    known(index).map((identifiers): Made => {
      const topic = 'transactional'
      if (message.channel === 'broadcast') {
        const { recipients, ids, emails, per_user_data, data_file_url, ...rest } = message
        const flagless = Object.fromEntries(Object.entries(rest).filter(([name]) => !/^(id|email)_/.test(name)))
        return { topic, body: { ...flagless, ids: indexes.map((each) => who(each).id) }, own: [], shared: indexes }
      }
      if (message.channel !== 'email') return { topic, body: { ...message, identifiers }, own: [index], shared: [] }
      const to = indexes.map((each) => spelt(who(each).email)).join(', ')
      const shared = indexes.filter((each) => each !== index)
      return { topic, body: { ...message, identifiers, to, cc: undefined }, own: [index], shared }
    }),
  ),
  one.map(
    (index): Made => ({
      topic: 'transactional',
      body: { channel: 'email', transactional_message_id: 1, identifiers: { id: 'nobody' }, to: who(index).email },
      own: [index],
      shared: [],
    }),
  ),
  fc.tuple(one, spelling).map(
    ([index, spelt]): Made => ({
      topic: 'webhook-events',
      body: {
        event_id: who(index).id,
        object_type: 'email',
        metric: 'sent',
        data: { campaign_id: 1, recipient: spelt(who(index).email) },
      },
      own: [index],
      shared: [],
    }),
  ),
)
