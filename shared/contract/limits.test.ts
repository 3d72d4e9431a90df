import type { z } from 'zod'
import { ALPHABETS, textOfBytes } from '../../scripts/schemas/arbitrary-messages.ts'
import { identifyMessage, LIMITS, parseMessage, trackMessage, transactionalMessage } from './index.ts'

const NOW_MS = 1_763_740_000_000

/** The error, or 'accepted'. */
function refusal(schema: z.ZodType, message: unknown): string {
  const body = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))
  const parsed = parseMessage(schema, body, { now: () => NOW_MS })
  return parsed.ok ? 'accepted' : parsed.error
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value))

const person = { identifiers: { id: 'u1' } }
const event = { ...person, name: 'order' }
const company = { type: 'object', identifiers: { object_type_id: '1', object_id: 'acme' } }
const push = { channel: 'push', ...person, transactional_message_id: 1 }
const email = { channel: 'email', ...person, transactional_message_id: 1, to: 'a@example.com' }

describe.each(ALPHABETS.map((alphabet) => [JSON.stringify(alphabet), alphabet] as const))(
  'counts bytes, not characters, in the alphabet %s',
  (_shown, alphabet) => {
    const text = (bytes: number) => textOfBytes(bytes, alphabet)
    it.each<[string, z.ZodType, number, (text: string) => unknown]>([
      ['identifiers.id', identifyMessage, 150, (value) => ({ identifiers: { id: value } })],
      ['attributes.plan', identifyMessage, 1_000, (value) => ({ ...person, attributes: { plan: value } })],
      ['attributes.plan', identifyMessage, 1_000, (value) => ({ ...company, attributes: { plan: value } })],
      ['name: ', identifyMessage, 150, (value) => ({ ...person, attributes: { [value]: 1 } })],
      ['name', trackMessage, 100, (value) => ({ ...person, name: value })],
      [
        'identifiers.anonymous_id',
        trackMessage,
        1_000,
        (value) => ({ name: 'x', identifiers: { anonymous_id: value } }),
      ],
      ['identifiers.id', transactionalMessage, 150, (value) => ({ ...push, identifiers: { id: value } })],
    ])('%s of %# may have its limit and no byte more', (path, schema, limit, message) => {
      expect(refusal(schema, message(text(limit)))).toBe('accepted')
      const error = refusal(schema, message(text(limit + 1)))
      expect(error).toContain(path)
      expect(error).toContain(`${limit + 1} bytes, at most ${limit}`)
    })
  },
)

it('measures an operation as it will be sent, with what is filled in', () => {
  const sized = (bytes: number) => {
    const empty = { type: 'person', action: 'event', ...event, attributes: { text: '' } }
    return { ...event, attributes: { text: textOfBytes(bytes - encode(empty).length, 'жщя') } }
  }
  expect(refusal(trackMessage, sized(LIMITS.operationBytes))).toBe('accepted')
  expect(refusal(trackMessage, sized(LIMITS.operationBytes + 1))).toBe('message: 29901 bytes, at most 29900')
})

it('measures a send without its channel and attachments', () => {
  const sized = (bytes: number) => {
    const { channel: _channel, ...empty } = { ...email, body: '' }
    const attachments = { 'a.bin': Buffer.alloc(10_000).toString('base64') }
    return { ...email, attachments, body: 'x'.repeat(bytes - encode(empty).length) }
  }
  expect(refusal(transactionalMessage, sized(LIMITS.sendBytes))).toBe('accepted')
  expect(refusal(transactionalMessage, sized(LIMITS.sendBytes + 1))).toBe(
    'message: 1000001 bytes without attachments, at most 1000000',
  )
})

it('takes attachments of two megabytes decoded, and no byte more', () => {
  const half = Buffer.alloc(LIMITS.attachmentBytes / 2).toString('base64')
  const more = Buffer.alloc(LIMITS.attachmentBytes / 2 + 1).toString('base64')
  expect(refusal(transactionalMessage, { ...email, attachments: { 'a.x': half, 'b.x': half } })).toBe('accepted')
  expect(refusal(transactionalMessage, { ...email, attachments: { 'a.x': half, 'b.x': more } })).toBe(
    'attachments: 2000001 bytes when decoded, at most 2000000 together',
  )
})

it('takes base64 with the line breaks that MIME encoders put in', () => {
  const attachments = { 'a.txt': 'SGVsbG8s\r\nIHdvcmxk\r\n' }
  expect(refusal(transactionalMessage, { ...email, attachments })).toBe('accepted')
})

it('takes a date 90 days ahead, and no second more, by the clock that it is given', () => {
  const latest = NOW_MS / 1000 + 90 * 86_400
  expect(refusal(transactionalMessage, { ...push, send_at: latest })).toBe('accepted')
  expect(refusal(transactionalMessage, { ...push, send_at: latest + 1 })).toBe('send_at: more than 90 days ahead')
  expect(parseMessage(transactionalMessage, encode({ ...push, send_at: latest + 1 })).ok).toBe(true)
})
