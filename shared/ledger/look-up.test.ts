import { transactionalMessage } from '../contract/index.ts'
import type { FoundDelivery } from '../customerio/index.ts'
import { askableTemplate, findDeliveries, type SendMessage } from './look-up.ts'

const base = { transactional_message_id: 3, identifiers: { id: 'u1' } }

function message(body: object): SendMessage {
  const parsed = transactionalMessage.parse(body)
  if (parsed.channel === 'broadcast') throw new Error('a broadcast is not looked up')
  return parsed
}

const delivery = (changes: Partial<FoundDelivery> = {}): FoundDelivery => ({
  deliveryId: 'd1',
  person: ['u1', 'ann@example.com'],
  recipient: 'ann@example.com',
  created: 100,
  ...changes,
})

async function found(body: object, ...deliveries: FoundDelivery[]): Promise<string[]> {
  const service = { findDeliveries: async () => deliveries }
  const answer = await findDeliveries(service, message(body), 3, { fromMs: 0, untilMs: 1 })
  if (answer.kind !== 'found') throw new Error(answer.kind)
  return answer.deliveries.map(({ id }) => id)
}

it('asks for whole seconds, rounded outwards', async () => {
  let asked: unknown
  const service = {
    findDeliveries: async (query: unknown) => {
      asked = query
      return [delivery()]
    },
  }
  const window = { fromMs: 99_999, untilMs: 100_001 }
  const sms = message({ ...base, channel: 'push' })
  expect(await findDeliveries(service, sms, 3, window)).toEqual({
    kind: 'found',
    deliveries: [{ id: 'd1', createdAtMs: 100_000 }],
  })
  expect(asked).toEqual({ transactionalMessageId: 3, createdFrom: 99, createdUntil: 101 })
})

it('passes on why Customer.io cannot be asked now', async () => {
  const outcome = { kind: 'retry', cause: 'busy', error: 'not now' } as const
  const service = { findDeliveries: async () => outcome }
  const push = message({ ...base, channel: 'push' })
  expect(await findDeliveries(service, push, 3, { fromMs: 0, untilMs: 1 })).toBe(outcome)
})

it('knows the person by any identifier, and the recipient without name and case', async () => {
  const email = { ...base, channel: 'email', to: 'Ann <ANN@example.com>, bob@example.com' }
  expect(await found(email, delivery())).toEqual(['d1'])
  expect(await found(email, delivery({ recipient: 'carl@example.com' }))).toEqual([])
  expect(await found(email, delivery({ person: ['u2'] }))).toEqual([])
  expect(await found({ ...email, identifiers: { email: 'Ann@Example.com' } }, delivery())).toEqual(['d1'])
  expect(await found(email, delivery({ recipient: undefined }))).toEqual(['d1'])
})

it('compares the person alone where a message goes to devices, or names nobody', async () => {
  expect(await found({ ...base, channel: 'push', to: 'all' }, delivery({ recipient: 'token-7' }))).toEqual(['d1'])
  expect(await found({ ...base, channel: 'in_app' }, delivery({ recipient: 'ann' }))).toEqual(['d1'])
  expect(await found({ ...base, channel: 'sms' }, delivery({ recipient: '+15550100' }))).toEqual(['d1'])
})

it.each([
  [{ ...base, channel: 'sms' }, 3],
  [{ ...base, channel: 'sms', transactional_message_id: '12' }, 12],
  [{ ...base, channel: 'sms', transactional_message_id: 'welcome' }, undefined],
  [{ channel: 'email', to: 'a@b.c', from: 'd@e.f', subject: 's', body: 'b', identifiers: { id: 'u1' } }, undefined],
  [{ channel: 'broadcast', broadcast_id: 7 }, undefined],
])('of %j Customer.io can be asked by number %j', (body, template) => {
  expect(askableTemplate(transactionalMessage.parse(body))).toBe(template)
})
