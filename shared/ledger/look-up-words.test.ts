import { transactionalMessage } from '../contract/index.ts'
import type { FoundDelivery } from '../customerio/index.ts'
import { whyNotAskable } from './index.ts'
import type { SendMessage } from './look-up.ts'
import { type Listed, lookUp, message, NOT_FOUND } from './testing/looking-up.ts'

/** What an operator reads of a look-up, and which deliveries of a list it leaves out. */

const base = { transactional_message_id: 3, identifiers: { id: 'u1' } }
const email = { ...base, channel: 'email', to: 'ann@example.com' }
const TOO_MANY = { kind: 'too_many', error: 'Customer.io lists more than 1,000 deliveries' } as const

function delivery(changes: Partial<FoundDelivery> = {}): FoundDelivery {
  return {
    deliveryId: 'd1',
    person: { id: 'u1', email: 'ann@example.com' },
    recipient: undefined,
    type: undefined,
    transactional: true,
    transactionalMessageId: 3,
    created: 100,
    ...changes,
  }
}

const MESSAGES: Readonly<Record<string, object>> = {
  email,
  push: { ...base, channel: 'push', to: 'all' },
  sms: { ...base, channel: 'sms', to: '+15550100' },
  whatsapp: { ...base, channel: 'whatsapp', to: '+15550100' },
  in_app: { ...base, channel: 'in_app' },
  inbox_message: { ...base, channel: 'inbox_message' },
}

/** Which channels' messages a type of Customer.io's lists may show; of a type that is not known it may be any. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  email: ['email'],
  push: ['push'],
  sms: ['sms'],
  twilio: ['sms'],
  whatsapp: ['whatsapp'],
  in_app: ['in_app', 'inbox_message'],
  inbox: ['in_app', 'inbox_message'],
  inbox_message: ['in_app', 'inbox_message'],
  webhook: [],
  slack: [],
  'a type to come': Object.keys(MESSAGES),
}

it.each(Object.entries(TYPES))('a delivery of the type %s may be of a message by %j', async (type, channels) => {
  for (const [channel, body] of Object.entries(MESSAGES)) {
    const { deliveries } = await lookUp(message(body), [delivery({ type })])
    expect([channel, deliveries?.length]).toEqual([channel, channels.includes(channel) ? 1 : 0])
  }
})

it.each<[object, string]>([
  [email, 'template 3, recipient'],
  [
    { ...email, transactional_message_id: 'receipt' },
    'not the template (a trigger name, and Customer.io lists numbers), recipient',
  ],
  [
    { ...email, transactional_message_id: undefined, body: 'b', subject: 's', from: 'f@g.h' },
    'not the template (it brings its own body), recipient',
  ],
  [{ ...email, to: '{{customer.email}}' }, 'template 3, not the recipient (Liquid fills it in)'],
  [{ ...base, channel: 'whatsapp' }, 'template 3, not the recipient (none is given)'],
  [{ ...base, channel: 'push', to: 'all' }, 'template 3, not the recipient (of push there is none)'],
  [{ ...base, channel: 'in_app' }, 'template 3, not the recipient (of in_app there is none)'],
])('of %j an operator reads what was compared: %s', async (body, words) => {
  const { answer } = await lookUp(message(body), [])
  expect(answer).toEqual({
    kind: 'found',
    deliveries: [],
    persons: [],
    compared: `person (by id), channel, time, ${words}`,
  })
})

describe('why Customer.io cannot be asked', () => {
  const named = { ...email, transactional_message_id: 'receipt' }
  const byDots = (body: object) => ({ ...message(body), identifiers: { id: '..' } })
  it.each<[string, SendMessage, Listed, Listed, string]>([
    ['too many of the person', message(email), TOO_MANY, [], TOO_MANY.error],
    [
      'a person who is not known, and too many of the template',
      message(email),
      NOT_FOUND,
      TOO_MANY,
      `Customer.io does not list messages by this id (404), and ${TOO_MANY.error}`,
    ],
    [
      'neither the person nor the template is known',
      message(email),
      NOT_FOUND,
      NOT_FOUND,
      'Customer.io does not list messages by this id (404), nor by this template (404)',
    ],
    [
      'the person is not known, and the template has no number',
      message(named),
      NOT_FOUND,
      [],
      'Customer.io does not list messages by this id (404), nor by a template without a number',
    ],
    [
      'the id has no list, and the template no number',
      byDots(named),
      [],
      [],
      'Customer.io has no list for an id of dots, nor by a template without a number',
    ],
  ])('%s', async (_what, body, byPerson, byTemplate, why) => {
    expect((await lookUp(body, byPerson, byTemplate)).answer).toEqual({ kind: 'not_askable', why })
  })

  it('is told before anything is asked of a broadcast, a draft, and a message for later', () => {
    const why = (body: object) => whyNotAskable(transactionalMessage.parse(body), 1_763_740_000_000)
    expect(why({ channel: 'broadcast', broadcast_id: 7 })).toBe(
      'Customer.io lists no deliveries by the trigger of a broadcast',
    )
    expect(why({ ...email, queue_draft: true })).toBe(
      'it is queued as a draft, which Customer.io lists at another time',
    )
    expect(why({ ...email, send_at: 1_763_740_001 })).toBe(
      'it is scheduled (`send_at`), and Customer.io may list it only then',
    )
  })
})

describe('the list of the template', () => {
  it('is not asked where it cannot tell more', async () => {
    const unnamed = delivery({ transactionalMessageId: undefined })
    const asks = async (body: object, listed: readonly FoundDelivery[]) =>
      (await lookUp(message(body), listed, [unnamed])).asked.length
    expect(await asks(email, [])).toBe(1)
    expect(await asks(email, [delivery()])).toBe(1)
    expect(await asks(email, [{ ...unnamed, transactional: false }])).toBe(1)
    expect(await asks({ ...email, transactional_message_id: 'receipt' }, [unnamed])).toBe(1)
    expect(await asks(email, [delivery(), unnamed])).toBe(2)
  })

  it('names the template of those that name none, and not of those that name another', async () => {
    const listed = [
      delivery({ transactionalMessageId: undefined }),
      delivery({ deliveryId: 'd2', transactionalMessageId: 4 }),
    ]
    const { deliveries } = await lookUp(message(email), NOT_FOUND, listed)
    expect(deliveries?.map(({ id, template }) => [id, template])).toEqual([['d1', 'same']])
  })

  it('knows the person by the identifier of the message alone, or not to be another by the recipient', async () => {
    const persons = async (identifiers: object, changes: Partial<FoundDelivery>) => {
      const { deliveries } = await lookUp(message({ ...email, identifiers }), NOT_FOUND, [delivery(changes)])
      return deliveries?.map(({ person }) => person)
    }
    expect(await persons({ cio_id: 'c1' }, { recipient: 'ann@example.com' })).toEqual(['unknown'])
    expect(await persons({ cio_id: 'c1' }, { person: { cio_id: 'c1' } })).toEqual(['same'])
    expect(await persons({ cio_id: 'c1' }, { person: { cio_id: 'c2' } })).toEqual([])
  })
})

it('knows everybody whom the list shows once, and tells when each delivery was created in milliseconds', async () => {
  const { answer } = await lookUp(message(email), [delivery(), delivery({ deliveryId: 'd2', created: 101 })])
  expect(answer).toMatchObject({
    persons: [
      { kind: 'id', value: 'u1' },
      { kind: 'email', value: 'ann@example.com' },
    ],
    deliveries: [{ createdAtMs: 100_000 }, { createdAtMs: 101_000 }],
  })
})

it('takes whoever stands in the list of the person for the person: Customer.io knows them by other names too', async () => {
  const { deliveries } = await lookUp(message(email), [delivery({ person: { id: 'before a merge' } })])
  expect(deliveries?.map(({ person }) => person)).toEqual(['same'])
})
