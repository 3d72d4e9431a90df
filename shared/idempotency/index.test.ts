import fc from 'fast-check'
import { identifyMessages, trackMessages } from '../../scripts/schemas/arbitrary-messages.ts'
import {
  type IdentifyMessage,
  identifyMessage,
  isUlid,
  parseMessage,
  type TrackMessage,
  trackMessage,
} from '../contract/index.ts'
import { deriveEventId } from './event-id.ts'
import { messageKey, originalPublishTime, recordedKey, tellsOlderTime, withDefaults } from './index.ts'
import type { KeySource } from './message-key.ts'

function keyOf(source: KeySource): string {
  const keyed = messageKey(source)
  if (!keyed.ok) throw new Error(keyed.error)
  return keyed.key
}

const PUBLISHED = '2026-11-21T19:00:00.123Z'
const PUBLISHED_SECONDS = Date.UTC(2026, 10, 21, 19) / 1000

/** What the functions do with one delivery of a message. */
function prepare<M extends IdentifyMessage | TrackMessage>(
  message: M,
  messageId: string,
  publishTime: string,
  attributes: Readonly<Record<string, string>>,
): IdentifyMessage | TrackMessage {
  const key = keyOf({
    idempotencyKey: attributes.idempotency_key,
    sourceMessageId: attributes.source_message_id,
    messageId,
  })
  const defaults = { key, publishTimeSeconds: originalPublishTime(attributes, publishTime) }
  return 'name' in message ? withDefaults(message, defaults) : withDefaults(message, defaults)
}

const events = trackMessages.map((message) => {
  const parsed = parseMessage(trackMessage, Buffer.from(JSON.stringify(message)))
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
})
const operations = identifyMessages.map((message) => {
  const parsed = parseMessage(identifyMessage, Buffer.from(JSON.stringify(message)))
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
})
const messages = fc.oneof(events, operations)
const messageIds = fc.bigInt({ min: 1n, max: 10n ** 18n }).map(String)
const idempotencyKeys = fc.string({ minLength: 1, maxLength: 200, unit: 'binary' })

describe('a message', () => {
  it('is sent the same on every redelivery', () => {
    fc.assert(
      fc.property(messages, messageIds, (message, id) => {
        expect(prepare(message, id, PUBLISHED, {})).toEqual(prepare(message, id, PUBLISHED, {}))
      }),
    )
  })

  it('is sent the same when it is replayed under a new id at a later time', () => {
    fc.assert(
      fc.property(messages, messageIds, messageIds, (message, id, newId) => {
        const replayed = { source_message_id: id, source_publish_time: PUBLISHED }
        const first = prepare(message, id, PUBLISHED, {})
        expect(prepare(message, newId, '2026-12-24T00:00:00Z', replayed)).toEqual(first)
      }),
    )
  })

  it('keeps its publisher key when it is replayed', () => {
    fc.assert(
      fc.property(messages, idempotencyKeys, messageIds, messageIds, (message, idempotency_key, id, newId) => {
        const first = prepare(message, id, PUBLISHED, { idempotency_key })
        const replayed = { idempotency_key, source_message_id: id, source_publish_time: PUBLISHED }
        expect(prepare(message, newId, '2026-12-24T00:00:00Z', replayed)).toEqual(first)
      }),
    )
  })

  it('is the same event when it is published a second time with the same key', () => {
    fc.assert(
      fc.property(events, idempotencyKeys, messageIds, messageIds, (message, idempotency_key, id, otherId) => {
        const once = prepare(message, id, PUBLISHED, { idempotency_key })
        const again = prepare(message, otherId, '2026-11-21T20:00:00Z', { idempotency_key })
        expect(again).toMatchObject({ id: 'id' in once ? once.id : 'none' })
      }),
    )
  })

  it('still keeps the contract after its defaults are filled in', () => {
    fc.assert(
      fc.property(events, messageIds, (message, id) => {
        const body = Buffer.from(JSON.stringify(prepare(message, id, PUBLISHED, {})))
        expect(parseMessage(trackMessage, body)).toMatchObject({ ok: true })
      }),
    )
  })
})

describe('the key of a message', () => {
  it('is the key of its publisher, else the message that it replays, else its own id', () => {
    const replay = { sourceMessageId: '7', messageId: '9' }
    expect(keyOf({ idempotencyKey: 'order-1', ...replay })).toBe('publisher:order-1')
    expect(keyOf(replay)).toBe('message:7')
    expect(keyOf({ messageId: '7' })).toBe('message:7')
    expect(keyOf({ sourceMessageId: '', messageId: '7' })).toBe('message:7')
  })

  it('stands in the record of a message, except one that is refused for it', () => {
    const messageId = '9'
    expect(recordedKey({ messageId, attributes: { idempotency_key: 'order-1' } })).toBe('publisher:order-1')
    expect(recordedKey({ messageId, attributes: { source_message_id: '7' } })).toBe('message:7')
    expect(recordedKey({ messageId, attributes: {} })).toBe('message:9')
    expect(recordedKey({ messageId, attributes: { idempotency_key: '' } })).toBeUndefined()
  })

  it('never makes a key of a publisher equal to an id of Pub/Sub', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          idempotencyKeys,
          messageIds.map((id) => `message:${id}`),
        ),
        messageIds,
        (idempotencyKey, id) => {
          expect(keyOf({ idempotencyKey, messageId: id })).not.toBe(keyOf({ messageId: id }))
          expect(keyOf({ idempotencyKey: id, messageId: id })).not.toBe(keyOf({ messageId: id }))
        },
      ),
    )
  })

  it.each([
    ['empty', '', 'must not be empty'],
    ['longer than an attribute can be', 'é'.repeat(513), 'at most 1024 bytes'],
    ['no valid Unicode', 'a\ud800', 'must be well-formed'],
  ])('is refused when the idempotency key is %s', (_what, idempotencyKey, rule) => {
    const keyed = messageKey({ idempotencyKey, messageId: '1' })
    expect(keyed).toMatchObject({ ok: false, reason: 'contract', error: expect.stringContaining(rule) })
  })

  it('may be as long as an attribute can be', () => {
    expect(messageKey({ idempotencyKey: 'é'.repeat(512), messageId: '1' }).ok).toBe(true)
  })
})

describe('a derived event id', () => {
  it('is always a valid ULID', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.string({ unit: 'binary' }), (key, id, name) => {
        const ulid = deriveEventId(key, { id }, name)
        expect(ulid).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
        expect(isUlid(ulid)).toBe(true)
      }),
    )
  })

  it('never changes: an id in use must mean the same event after every release', () => {
    expect(deriveEventId('publisher:order-1', { id: 'u1' }, 'order_completed')).toBe('3V6PHX98VTV7R8ZP2EP1DS92AR')
  })

  it('is that of the person, however the address is written', () => {
    const id = deriveEventId('message:1', { email: 'ann@xn--bcher-kva.example' }, 'x')
    expect(deriveEventId('message:1', { email: 'Ann@BÜCHER.example' }, 'x')).toBe(id)
    expect(deriveEventId('message:1', { id: 'Ann' }, 'x')).not.toBe(deriveEventId('message:1', { id: 'ann' }, 'x'))
  })

  it('differs when the key, the kind of identifier, the identifier or the name differs', () => {
    const ids = [
      deriveEventId('message:1', { id: 'a@b' }, 'x'),
      deriveEventId('message:2', { id: 'a@b' }, 'x'),
      deriveEventId('message:1', { email: 'a@b' }, 'x'),
      deriveEventId('message:1', { anonymous_id: 'a@b' }, 'x'),
      deriveEventId('message:1', { id: 'a@c' }, 'x'),
      deriveEventId('message:1', { id: 'a@b' }, 'y'),
    ]
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('cannot be made equal by moving characters from one part to the next', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 2, maxLength: 12 }), fc.nat({ max: 10 }), (text, at) => {
        const cut = 1 + (at % (text.length - 1))
        expect(deriveEventId(text.slice(0, cut), { id: text.slice(cut) }, 'n')).not.toBe(
          deriveEventId(text.slice(0, cut - 1), { id: text.slice(cut - 1) }, 'n'),
        )
        expect(deriveEventId('k', { id: text.slice(0, cut) }, text.slice(cut))).not.toBe(
          deriveEventId('k', { id: text.slice(0, cut - 1) }, text.slice(cut - 1)),
        )
      }),
    )
  })
})

it.each([
  ['01ARZ3NDEKTSV4RRFFQ69G5FAV', true],
  ['01arz3ndektsv4rrffq69g5fav', true],
  ['7ZZZZZZZZZZZZZZZZZZZZZZZZZ', true],
  ['80000000000000000000000000', false],
  ['01ARZ3NDEKTSV4RRFFQ69G5FA', false],
  ['01ARZ3NDEKTSV4RRFFQ69G5FAVV', false],
  ['01ARZ3NDEKTSV4RRFFQ69G5FAU', false],
  ['01ARZ3NDEKTSV4RRFFQ69G5FAV\n', false],
])('knows whether %j is a ULID: %s', (text, expected) => {
  expect(isUlid(text)).toBe(expected)
})

describe('the time of the first publish', () => {
  it.each([
    ['of a message', {}, PUBLISHED, PUBLISHED_SECONDS],
    ['of a replay', { source_publish_time: PUBLISHED }, '2026-12-24T00:00:00Z', PUBLISHED_SECONDS],
    ['of a replay that does not say', { source_publish_time: 'yesterday' }, PUBLISHED, PUBLISHED_SECONDS],
    ['with nanoseconds and a zone', {}, '2026-11-21T20:00:00.123456789+01:00', PUBLISHED_SECONDS],
    ['of a second without a fraction', {}, '2026-11-21T19:00:00Z', PUBLISHED_SECONDS],
    ['that is the first second of 1970', {}, '1970-01-01T00:00:00Z', 0],
    ['of a year with a sign, which RFC 3339 does not have', {}, '+002026-11-21T19:00:00Z', undefined],
    ['that nobody knows', { source_publish_time: '1' }, '', undefined],
    ['of a day that does not exist', {}, '2026-13-41T19:00:00Z', undefined],
    ['before 1970', {}, '1960-01-01T00:00:00Z', undefined],
  ])('%s', (_what, attributes: Record<string, string>, publishTime, seconds) => {
    expect(originalPublishTime(attributes, publishTime)).toBe(seconds)
  })
})

describe('defaults', () => {
  const defaults = { key: 'message:1', publishTimeSeconds: PUBLISHED_SECONDS }
  const person = { type: 'person', identifiers: { id: 'u1' } } as const

  it('give the identify of a person the time by which Customer.io orders updates', () => {
    expect(withDefaults({ ...person, action: 'identify' }, defaults)).toEqual({
      ...person,
      action: 'identify',
      timestamp: PUBLISHED_SECONDS,
    })
  })

  it('leave operations alone that have no time', () => {
    const deletion: IdentifyMessage = { ...person, action: 'delete' }
    expect(withDefaults(deletion, defaults)).toEqual(deletion)
    const company: IdentifyMessage = { type: 'object', action: 'identify', identifiers: { cio_object_id: '1' } }
    expect(withDefaults(company, defaults)).toEqual(company)
  })

  it('keep the id and the time that the publisher gave', () => {
    const event: TrackMessage = { ...person, action: 'page', name: '/', id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', timestamp: 5 }
    expect(withDefaults(event, defaults)).toEqual(event)
    const identify: IdentifyMessage = { ...person, action: 'identify', timestamp: 0 }
    expect(withDefaults(identify, defaults)).toEqual(identify)
  })

  it('leave the time to Customer.io when the first publish is not known', () => {
    const event: TrackMessage = { ...person, action: 'event', name: 'x' }
    const prepared = withDefaults(event, { key: 'message:1', publishTimeSeconds: undefined })
    expect(prepared).toStrictEqual({ ...event, id: deriveEventId('message:1', person.identifiers, 'x') })
  })
})

describe('an update that Customer.io may leave out, since it orders updates by their time', () => {
  const update = (timestamp?: number): IdentifyMessage => ({
    type: 'person',
    action: 'identify',
    identifiers: { id: 'u1' },
    ...(timestamp !== undefined && { timestamp }),
  })

  it('tells of a time more than a minute before its publish', () => {
    expect(tellsOlderTime(update(PUBLISHED_SECONDS - 61), PUBLISHED_SECONDS)).toBe(true)
    expect(tellsOlderTime(update(PUBLISHED_SECONDS - 60), PUBLISHED_SECONDS)).toBe(false)
    expect(tellsOlderTime(update(PUBLISHED_SECONDS + 3_600), PUBLISHED_SECONDS)).toBe(false)
  })

  it('is not one whose times are not known', () => {
    expect(tellsOlderTime(update(), PUBLISHED_SECONDS)).toBe(false)
    expect(tellsOlderTime(update(5), undefined)).toBe(false)
  })

  it('is no event, company or other operation: they are not ordered by time', () => {
    const person = { type: 'person', identifiers: { id: 'u1' }, timestamp: 5 } as const
    const event: TrackMessage = { ...person, action: 'event', name: 'x' }
    const company = { type: 'object', action: 'identify', identifiers: { cio_object_id: '1' }, timestamp: 5 } as const
    const device: IdentifyMessage = { ...person, action: 'add_device', device: { token: 't', platform: 'ios' } }
    for (const message of [event, company, device]) expect(tellsOlderTime(message, PUBLISHED_SECONDS)).toBe(false)
  })
})
