import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { identifyMessage, LIMITS, parseMessage, trackMessage, transactionalMessage } from './index.ts'

const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
const schemas: Readonly<Record<string, typeof identifyMessage | typeof trackMessage | typeof transactionalMessage>> = {
  identify: identifyMessage,
  track: trackMessage,
  transactional: transactionalMessage,
}
const examples = [...readme.matchAll(/^```json (\w+)\n([\s\S]*?)^```/gm)].map(([, topic = '', body = '']) => ({
  topic,
  body,
}))

it('has examples for each topic', () => {
  expect(new Set(examples.map(({ topic }) => topic))).toEqual(new Set(Object.keys(schemas)))
})

it.each(examples)('shows a message of $topic that keeps the contract: $body', ({ topic, body }) => {
  const schema = schemas[topic] ?? trackMessage
  expect(parseMessage(schema, Buffer.from(body))).toMatchObject({ ok: true })
})

it.each(Object.entries(LIMITS).filter(([name]) => name !== 'sendAtAheadSeconds'))(
  'states the limit %s: %d',
  (_, limit) => {
    expect(readme).toContain(limit.toLocaleString('en-US'))
  },
)
