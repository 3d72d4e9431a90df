import { identifyMessage } from '../contract/index.ts'
import { parseKeyed } from './index.ts'

const NOW_SECONDS = 1_763_740_000
const PERSON = { type: 'person', action: 'identify', identifiers: { id: 'u1' } }

/** A message as Pub/Sub delivers it. */
function parse(content: object, attributes: Record<string, string> = {}, maxBytes?: number) {
  const source = { data: Buffer.from(JSON.stringify(content)), attributes, messageId: '9' }
  return parseKeyed(identifyMessage, source, { now: () => NOW_SECONDS * 1_000 }, maxBytes)
}

describe('a message of Pub/Sub', () => {
  it('is its content, its key and when it expires', () => {
    const parsed = parse(PERSON, { idempotency_key: 'order-1', expires_at: String(NOW_SECONDS + 60) })
    const value = { value: PERSON, key: 'publisher:order-1', expiresAtSeconds: NOW_SECONDS + 60 }
    expect(parsed).toEqual({ ok: true, value })
  })

  it('never expires without the attribute, and has the key of the message that it replays', () => {
    const parsed = parse(PERSON, { source_message_id: '7' })
    expect(parsed).toEqual({ ok: true, value: { value: PERSON, key: 'message:7', expiresAtSeconds: undefined } })
  })

  it.each([
    ['content', () => parse({ ...PERSON, action: 'greet' }), 'action'],
    [
      'time, which is far ahead of the clock',
      () => parse({ ...PERSON, timestamp: NOW_SECONDS + 10 ** 7 }),
      'timestamp',
    ],
    ['key', () => parse(PERSON, { idempotency_key: '' }), 'idempotency_key'],
    ['expiry', () => parse(PERSON, { expires_at: 'soon' }), 'expires_at'],
    ['size', () => parse(PERSON, {}, 10), 'at most 10'],
  ])('is refused for its %s', (_what, refused, error) => {
    expect(refused()).toEqual({ ok: false, reason: 'contract', error: expect.stringContaining(error) })
  })

  it('may have as many bytes as are allowed', () => {
    expect(parse(PERSON, {}, JSON.stringify(PERSON).length).ok).toBe(true)
  })
})
