import { fieldOf, Groups } from './groups.ts'

it('counts dead letters by source, reason and field, the oldest and the newest, however many they are', () => {
  const groups = new Groups()
  const add = (source: string, reason: string, atMs: number, replay_count = '0', error = '') =>
    groups.add({
      source: {
        name: source,
        topic: source,
        deployedTopic: source,
        deadLetterSubscription: `${source}-dead-letter`,
        ackDeadlineMs: 60_000,
      },
      id: '1',
      messageId: '1',
      ackId: 'ack',
      data: Buffer.from('{}'),
      attributes: { reason, error, source_publish_time: new Date(atMs).toISOString(), replay_count },
      orderingKey: '',
      deadLetteredAtMs: atMs,
    })
  add('track', 'refused', 7_000)
  for (let number = 0; number < 200_000; number++) add('track', 'exhausted', 1_000 + number)
  add('identify', 'contract', 5_000, '2', 'identifiers.extra: unknown field; name: required')
  add('identify', 'contract', 6_000, '0', 'identifiers.extra: unknown field')
  add('identify', 'contract', 7_000, '0', 'identifiers: required')
  const [identify, track] = [
    { source: 'identify', reason: 'contract' },
    { source: 'track', field: null, replayed: 0 },
  ]
  expect(groups.all).toEqual([
    { ...identify, field: 'identifiers.extra', messages: 2, replayed: 1, oldestMs: 5_000, newestMs: 6_000 },
    { ...identify, field: 'identifiers', messages: 1, replayed: 0, oldestMs: 7_000, newestMs: 7_000 },
    { ...track, reason: 'exhausted', messages: 200_000, oldestMs: 1_000, newestMs: 200_999 },
    { ...track, reason: 'refused', messages: 1, oldestMs: 7_000, newestMs: 7_000 },
  ])
})

it.each([
  ['contract', 'identifiers.extra: unknown field; name: required', 'identifiers.extra'],
  ['contract', 'attributes["a: b"].c: 1203 bytes, at most 1000', 'attributes["a: b"].c'],
  ['contract', 'attributes["a: b', undefined],
  ['refused', 'Customer.io refused the item: attributes.plan: invalid: too long', 'attributes.plan'],
  ['refused', 'Customer.io answered 400: identifiers: invalid: is required', 'identifiers'],
  ['refused', 'Customer.io answered 400: ada@example.com: not allowed', undefined],
  ['refused', "Customer.io answered 400: 'to' is required", undefined],
  ['exhausted', 'Customer.io answered 503: name: down', undefined],
])('of %s, %j names the field %j', (reason, error, field) => {
  expect(fieldOf(reason, error)).toBe(field)
})
