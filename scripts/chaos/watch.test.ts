import type { PlannedMessage } from './messages.ts'
import { MessageWatch } from './watch.ts'

const MESSAGE: PlannedMessage = {
  topic: 'identify',
  data: '{}',
  nature: 'sound',
  mark: 'm',
  effect: 'm',
  atMs: 0,
  attributes: {},
}

function watched() {
  const watch = new MessageWatch('p')
  const settled: string[] = []
  watch.onSettled = (messageId) => settled.push(messageId)
  watch.published(MESSAGE, '1')
  const published = (topic: string, messageId: string) =>
    watch.events.emit('published', {
      topic: `projects/p/topics/${topic}`,
      messageId,
      attributes: { source_message_id: '1' },
      ...{ data: Buffer.from('{}'), orderingKey: '', publishTimeMs: 0 },
    })
  const acknowledged = (subscription: string, messageId: string) =>
    watch.events.emit('acknowledged', {
      subscription: `projects/p/subscriptions/${subscription}`,
      messageId,
      attempt: 1,
    })
  return { watch, settled, published, acknowledged }
}

it('a message that went on in the bulk lane is settled with the last of its copies', () => {
  const { watch, settled, published, acknowledged } = watched()
  published('identify', '2')
  acknowledged('identify', '1')
  expect(watch.open).toBe(1)
  // The answer of the first was lost, or came too late.
  published('identify', '3')
  acknowledged('identify-bulk', '2')
  expect(settled).toEqual([])
  acknowledged('identify-bulk', '3')
  expect(settled).toEqual(['1'])
  expect(watch.open).toBe(0)
})

it('a copy that comes to light later opens it again, and a dead letter does not', () => {
  const { watch, settled, published, acknowledged } = watched()
  published('identify-dead-letter', '9')
  acknowledged('identify', '1')
  expect(watch.open).toBe(0)
  published('identify', '2')
  expect(watch.of(MESSAGE)?.settledAtMs).toBeUndefined()
  acknowledged('identify-bulk', '2')
  expect(settled).toEqual(['1', '1'])
})
