import { Groups } from './show.ts'

it('counts dead letters by source and reason, the oldest and the newest, however many they are', () => {
  const groups = new Groups()
  const add = (source: string, reason: string, atMs: number, replay_count = '0') =>
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
      attributes: { reason, source_publish_time: new Date(atMs).toISOString(), replay_count },
      orderingKey: '',
      deadLetteredAtMs: atMs,
    })
  add('track', 'refused', 7_000)
  for (let number = 0; number < 200_000; number++) add('track', 'exhausted', 1_000 + number)
  add('identify', 'contract', 5_000, '2')
  expect(groups.all).toEqual([
    { source: 'identify', reason: 'contract', messages: 1, replayed: 1, oldestMs: 5_000, newestMs: 5_000 },
    { source: 'track', reason: 'exhausted', messages: 200_000, replayed: 0, oldestMs: 1_000, newestMs: 200_999 },
    { source: 'track', reason: 'refused', messages: 1, replayed: 0, oldestMs: 7_000, newestMs: 7_000 },
  ])
})
