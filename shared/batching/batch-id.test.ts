import { batchIdOf } from './index.ts'

it('names a batch by the message that leads it and its attempt', () => {
  const batch = [
    { messageId: '7', attempt: 2 },
    { messageId: '8', attempt: 1 },
  ]
  expect(batchIdOf(batch)).toBe('7.2')
})

it('gives no name to a batch that no message of Pub/Sub leads', () => {
  expect(batchIdOf([{ attempt: 1 }])).toBeUndefined()
  expect(batchIdOf([])).toBeUndefined()
})
