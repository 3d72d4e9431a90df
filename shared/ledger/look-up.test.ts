import { transactionalMessage } from '../contract/index.ts'
import type { DeliveryQuery, FoundDelivery } from '../customerio/index.ts'
import { type Delivery, findDeliveries, whyNotAskable } from './index.ts'
import type { LookUpAnswer } from './look-up.ts'
import { type Listed, lookUp, message, NOT_FOUND } from './testing/looking-up.ts'

const base = { transactional_message_id: 3, identifiers: { id: 'u1' } }
const email = { ...base, channel: 'email', to: 'ann@example.com' }

const delivery = (changes: Partial<FoundDelivery> = {}): FoundDelivery => ({
  deliveryId: 'd1',
  person: { id: 'u1', email: 'ann@example.com' },
  recipient: 'ann@example.com',
  type: undefined,
  transactional: true,
  transactionalMessageId: 3,
  created: 100,
  ...changes,
})

function found(answer: LookUpAnswer): readonly Delivery[] {
  if (answer.kind !== 'found') throw new Error(answer.kind)
  return answer.deliveries
}

/** How one delivery in the list of the person compares; undefined when it is certainly another message's. */
async function compared(body: object, changes: Partial<FoundDelivery> = {}) {
  const [only] = found((await lookUp(message(body), [delivery(changes)])).answer)
  return only && { template: only.template, recipient: only.recipient }
}

describe('whom it asks about', () => {
  it.each([
    [{ id: 'u1' }, { identifier: 'id', value: 'u1' }],
    [{ id: 17 }, { identifier: 'id', value: '17' }],
    [{ email: 'Ann@Example.com' }, { identifier: 'email', value: 'Ann@Example.com' }],
    [{ cio_id: 'a1b2' }, { identifier: 'cio_id', value: 'a1b2' }],
  ])('a person by %j, in whole seconds, rounded outwards', async (identifiers, person) => {
    const { asked } = await lookUp(message({ ...email, identifiers }), [delivery()])
    expect(asked).toEqual([{ person, createdFrom: 99, createdUntil: 101 }])
  })

  it('the template by its number, where Customer.io does not know the person by this identifier', async () => {
    const { asked, answer } = await lookUp(message(email), NOT_FOUND, [delivery()])
    expect(asked[1]).toEqual({ transactionalMessageId: 3, createdFrom: 99, createdUntil: 101 })
    expect(found(answer)).toHaveLength(1)
  })

  it('the template too, where the deliveries of the person name none', async () => {
    const unnamed = (deliveryId: string) => delivery({ deliveryId, transactionalMessageId: undefined })
    const templates = async (byTemplate: Listed) => {
      const { answer, asked } = await lookUp(message(email), [unnamed('d1'), unnamed('d2')], byTemplate)
      const created = { createdFrom: 99, createdUntil: 101 }
      expect(asked).toEqual([
        { person: { identifier: 'id', value: 'u1' }, ...created },
        { transactionalMessageId: 3, ...created },
      ])
      return found(answer).map(({ id, template }) => `${id} ${template}`)
    }
    expect(await templates([unnamed('d1')])).toEqual(['d1 same', 'd2 unknown'])
    expect(await templates([])).toEqual(['d1 unknown', 'd2 unknown'])
    expect(await templates(NOT_FOUND)).toEqual(['d1 unknown', 'd2 unknown'])
  })

  it.each(['.', '..', ' \t', '\ud800'])(
    'no person by the id %j, which would lead to the list of everybody',
    async (id) => {
      const body = { ...message(email), identifiers: { id } }
      const asked: DeliveryQuery[] = []
      const service = {
        findDeliveries: async (query: DeliveryQuery) => {
          asked.push(query)
          return []
        },
      }
      await findDeliveries(service, body, { fromMs: 0, untilMs: 1 })
      expect(asked).toEqual([expect.objectContaining({ transactionalMessageId: 3 })])
    },
  )

  it.each<[string, object, Listed, Listed, RegExp]>([
    ['a trigger name', { ...email, transactional_message_id: 'receipt' }, NOT_FOUND, [], /by this id \(404\)/],
    ['a template that is gone', email, NOT_FOUND, NOT_FOUND, /nor by this template \(404\)/],
    ['a person with too many messages', email, { kind: 'too_many', error: 'too many' }, [], /too many/],
    ['a template with too many', email, NOT_FOUND, { kind: 'too_many', error: 'too many' }, /too many/],
  ])('nobody, of %s', async (_, body, byPerson, byTemplate, why) => {
    const { answer } = await lookUp(message(body), byPerson, byTemplate)
    expect(answer).toEqual({ kind: 'not_askable', why: expect.stringMatching(why) })
  })

  it.each<Listed>([
    { kind: 'retry', cause: 'busy', error: 'not now' },
    { kind: 'uncertain', error: 'HTTP 500' },
  ])('nobody now, when Customer.io answers %j', async (outcome) => {
    expect((await lookUp(message(email), outcome)).answer).toBe(outcome)
    expect((await lookUp(message(email), NOT_FOUND, outcome)).answer).toBe(outcome)
  })

  it.each<[object, RegExp | undefined]>([
    [email, undefined],
    [{ channel: 'broadcast', broadcast_id: 7 }, /broadcast/],
    [{ ...email, queue_draft: true }, /draft/],
    [{ ...email, queue_draft: false }, undefined],
    [{ ...email, send_at: 1_763_740_001 }, /send_at/],
    [{ ...email, send_at: 1_763_740_000 }, undefined],
  ])('a message published at 1763740000, %j: cannot be asked because of %s', (body, why) => {
    const reason = whyNotAskable(transactionalMessage.parse(body), 1_763_740_000_000)
    if (why === undefined) expect(reason).toBeUndefined()
    else expect(reason).toMatch(why)
  })
})

describe('what it compares', () => {
  it.each<[string, object, Partial<FoundDelivery>, string]>([
    ['the same', email, {}, 'same'],
    ['the same, in other words', { ...email, to: '"A, B" <ANN@Example.COM>' }, {}, 'same'],
    ['one of several', { ...email, to: 'bob@example.com, mailto:ann@example.com' }, {}, 'same'],
    [
      'an internationalised domain',
      { ...email, to: 'a@bücher.example' },
      { recipient: 'a@xn--bcher-kva.example' },
      'same',
    ],
    ['another', email, { recipient: 'carl@example.com' }, 'other'],
    ['none that is shown', email, { recipient: undefined }, 'unknown'],
    ['one that Liquid fills in', { ...email, to: '{{customer.email}}' }, {}, 'unknown'],
    ['a phone number', { ...base, channel: 'sms', to: '+15550100' }, { recipient: '+1 555-0100' }, 'same'],
    ['another phone number', { ...base, channel: 'sms', to: '+15550100' }, { recipient: '+15550199' }, 'other'],
    ['no phone number', { ...base, channel: 'whatsapp' }, { recipient: '+15550199' }, 'unknown'],
    ['devices', { ...base, channel: 'push', to: 'all' }, { recipient: 'token' }, 'unknown'],
    ['nobody in particular', { ...base, channel: 'in_app' }, { recipient: 'ann' }, 'unknown'],
  ])('the recipient: %s', async (_, body, shown, recipient) => {
    expect(await compared(body, shown)).toEqual({ template: 'same', recipient })
  })

  it.each<[object, Partial<FoundDelivery>, string | undefined]>([
    [email, { transactionalMessageId: 4 }, undefined],
    [email, { transactionalMessageId: undefined }, 'unknown'],
    [{ ...email, transactional_message_id: '3' }, {}, 'same'],
    [{ ...email, transactional_message_id: 'receipt' }, {}, 'unknown'],
    [{ ...email, transactional_message_id: undefined, body: 'b', subject: 's', from: 'f@g.h' }, {}, 'unknown'],
  ])('the template of %j with %j: %s', async (body, shown, template) => {
    expect((await compared(body, shown))?.template).toBe(template)
  })

  it('leaves out what a campaign made, and other channels, by whichever name', async () => {
    expect(await compared(email, { transactional: false })).toBeUndefined()
    expect(await compared(email, { type: 'twilio' })).toBeUndefined()
    expect(await compared(email, { type: 'email' })).toBeDefined()
    expect(await compared(email, { type: 'fax' })).toBeDefined()
    expect(await compared({ ...base, channel: 'sms', to: '+15550100' }, { type: 'twilio' })).toBeDefined()
    expect(await compared({ ...base, channel: 'inbox_message' }, { type: 'in_app' })).toBeDefined()
  })

  it.each<[object, Partial<FoundDelivery>, string | undefined]>([
    [{ id: 'u1' }, {}, 'same'],
    [{ id: 'U1' }, {}, undefined],
    [{ email: 'ANN@example.com' }, {}, 'same'],
    [{ email: 'bob@example.com' }, {}, undefined],
    [{ cio_id: 'c1' }, {}, 'unknown'],
    [{ cio_id: 'c1' }, { recipient: 'carl@example.com' }, undefined],
    [{ cio_id: 'c1' }, { recipient: 'carl@example.com', person: {} }, 'unknown'],
  ])('within the list of the template, the person %j with %j: %s', async (identifiers, shown, person) => {
    const { answer } = await lookUp(message({ ...email, identifiers }), NOT_FOUND, [delivery(shown)])
    expect(found(answer)[0]?.person).toBe(person)
  })

  it('says what it compared, and knows the person by every identifier that is shown', async () => {
    const { answer } = await lookUp(
      message({ ...email, transactional_message_id: 'receipt', to: '{{customer.email}}' }),
      [delivery()],
    )
    expect(answer).toMatchObject({
      compared:
        'person (by id), channel, time, not the template (a trigger name, and Customer.io lists numbers), not the recipient (Liquid fills it in)',
      persons: [
        { kind: 'id', value: 'u1' },
        { kind: 'email', value: 'ann@example.com' },
      ],
    })
    expect((await lookUp(message(email), [])).answer).toMatchObject({
      compared: 'person (by id), channel, time, template 3, recipient',
    })
  })
})
