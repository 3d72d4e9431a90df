import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTopicName, LIMITS, parseMessage, TOPIC_SCHEMAS } from './index.ts'

const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
const examples = [...readme.matchAll(/^```json (\w+)\n([\s\S]*?)^```/gm)].map(([, topic = '', body = '']) => ({
  topic,
  body,
}))

it('has examples for each topic', () => {
  expect(new Set(examples.map(({ topic }) => topic))).toEqual(new Set(Object.keys(TOPIC_SCHEMAS)))
})

it.each(examples)('shows a message of $topic that keeps the contract: $body', ({ topic, body }) => {
  if (!isTopicName(topic)) throw new Error(`there is no topic ${topic}`)
  expect(parseMessage(TOPIC_SCHEMAS[topic], Buffer.from(body))).toMatchObject({ ok: true })
})

it.each(Object.entries(LIMITS).filter(([name]) => name !== 'sendAtAheadSeconds'))(
  'states the limit %s: %d',
  (_, limit) => {
    expect(readme).toContain(limit.toLocaleString('en-US'))
  },
)
