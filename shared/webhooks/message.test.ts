import fc from 'fast-check'
import { PUBSUB_LIMITS } from '../delivery/index.ts'
import { MAX_DATA_BYTES, webhookMessageOf } from './message.ts'

const about = { signatureTimestamp: '1763740000', receivedAtMs: 1_763_740_001_500 }
const messageOf = (body: string | Buffer, traceparent?: string) =>
  webhookMessageOf({ body: Buffer.from(body), traceparent, ...about })
const always = { signature_timestamp: '1763740000', received_at: '2025-11-21T15:46:41.500Z' }

it('publishes the body byte for byte, with what filters need as attributes', () => {
  const body = '{ "event_id":"01", "object_type":"email",\n"metric":"bounced", "data":{"n":1.0} }'
  const { message, event } = messageOf(body)
  expect(message.data.toString()).toBe(body)
  expect(message.attributes).toEqual({ ...always, event_id: '01', object_type: 'email', metric: 'bounced' })
  expect(event?.data).toEqual({ n: 1 })
})

it('takes the object type from object_type_type where only that is there', () => {
  const both = messageOf('{"event_id":"01","object_type":"email","object_type_type":"sms"}')
  expect(both.message.attributes.object_type).toBe('email')
  const { message, event } = messageOf('{"event_id":"01","object_type_type":"customer"}')
  expect(message.attributes.object_type).toBe('customer')
  expect(event?.object_type).toBe('customer')
})

it('leaves out attributes whose field is missing, empty or no text', () => {
  const { message, event } = messageOf('{"event_id":"01","object_type":"","metric":5,"object_type_type":7}')
  expect(message.attributes).toEqual({ ...always, event_id: '01' })
  expect(event).toBeDefined()
  expect(messageOf('{"event_id":"01","object_type_type":7}').event).not.toHaveProperty('object_type')
})

it('takes an event id that is a number, with all its digits', () => {
  const { message, event } = messageOf('{"event_id":12345678901234567890}')
  expect(message.attributes).toEqual({ ...always, event_id: '12345678901234567890' })
  expect(event?.event_id).toBe('12345678901234567890')
})

it.each([
  ['not_json', '{"event_id":"01"'],
  ['not_json', ''],
  ['not_an_object', '[{"event_id":"01"}]'],
  ['not_an_object', 'null'],
  ['not_an_object', '"01"'],
  ['no_event_id', '{}'],
  ['no_event_id', '{"event_id":""}'],
  ['no_event_id', '{"event_id":1.5}'],
  ['no_event_id', '{"event_id":null,"object_type":"email"}'],
])('quarantines, as %s, the body %s', (quarantine, body) => {
  const { message, event } = messageOf(body)
  expect(message).toEqual({ data: Buffer.from(body), attributes: { ...always, quarantine } })
  expect(event).toBeUndefined()
})

it('cuts attributes to the bytes that Pub/Sub takes, between characters', () => {
  const { message } = messageOf(JSON.stringify({ event_id: 'é'.repeat(600), object_type: 'x'.repeat(2_000) }))
  expect(message.attributes.event_id).toBe('é'.repeat(512))
  expect(message.attributes.object_type).toBe('x'.repeat(1_024))
})

it('leaves out the content of an event that is larger than Pub/Sub takes, and says so', () => {
  const event = {
    event_id: '01',
    object_type: 'email',
    metric: 'sent',
    data: { subject: 's', content: 'é'.repeat(6e6) },
  }
  const { message } = messageOf(JSON.stringify(event))
  expect(JSON.parse(message.data.toString())).toEqual({ ...event, data: { subject: 's' } })
  expect(message.attributes).toMatchObject({ truncated: 'data.content', event_id: '01', metric: 'sent' })
  expect(message.attributes.quarantine).toBeUndefined()
})

it.each([
  ['another field is the large one', { event_id: '01', data: { content: 'c', html: 'x'.repeat(1.1e7) } }],
  ['data is no object', { event_id: '01', data: 'x'.repeat(1.1e7) }],
  ['data is null', { event_id: '01', data: null, more: 'x'.repeat(1.1e7) }],
])('keeps the beginning of an event that cannot be made to fit: %s', (_, event) => {
  const body = JSON.stringify(event)
  const { message } = messageOf(body)
  expect(message.data.equals(Buffer.from(body).subarray(0, MAX_DATA_BYTES))).toBe(true)
  expect(message.attributes).toEqual({ ...always, event_id: '01', quarantine: 'too_large', truncated: 'body' })
})

it('writes no list again as an object', () => {
  const { message } = messageOf(`{"event_id":"01","data":[{"content":"c"}]${' '.repeat(1.1e7)}}`)
  expect(message.data.toString('utf8', 0, 41)).toBe('{"event_id":"01","data":[{"content":"c"}]')
  expect(message.attributes).toMatchObject({ quarantine: 'too_large', truncated: 'body' })
})

describe('at the limit of a message', () => {
  const ofBytes = (bytes: number, data: (filling: string) => string) =>
    data('x'.repeat(bytes - Buffer.byteLength(data(''))))
  const event = (filling: string) => `{"event_id":"01","data":{"html":"${filling}"}}`
  const withContent = (filling: string) => `{"event_id":"01","data":{"html":"${filling}","content":"c"}}`

  it('takes an event that just fits as it is, and leaves the content out of the next larger one', () => {
    const fits = ofBytes(MAX_DATA_BYTES, withContent)
    expect(messageOf(fits).message.data.equals(Buffer.from(fits))).toBe(true)
    expect(messageOf(fits).message.attributes).toEqual({ ...always, event_id: '01' })
    const { message } = messageOf(ofBytes(MAX_DATA_BYTES + 1, withContent))
    expect(message.attributes.truncated).toBe('data.content')
  })

  it('keeps an event that just fits without its content, and no larger one', () => {
    const fits = ofBytes(MAX_DATA_BYTES, event)
    const { message } = messageOf(fits.replace('}}', ',"content":"c"}}'))
    expect(message.data.equals(Buffer.from(fits))).toBe(true)
    const larger = ofBytes(MAX_DATA_BYTES + 1, event).replace('}}', ',"content":"c"}}')
    expect(messageOf(larger).message.attributes).toMatchObject({ quarantine: 'too_large', truncated: 'body' })
  })

  it('keeps all of a body that just fits and is not understood', () => {
    expect(messageOf('x'.repeat(MAX_DATA_BYTES)).message.attributes).toEqual({ ...always, quarantine: 'not_json' })
  })

  it('leaves room for the longest attributes and what is around them', () => {
    const long = 'x'.repeat(2_000)
    const webhook = `{"event_id":"${long}","object_type":"${long}","metric":"${long}"${' '.repeat(1.1e7)}}`
    const { message } = messageOf(webhook, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
    const bytes = Object.entries(message.attributes).map(([name, value]) => name.length + value.length + 16)
    const around = 1_024
    expect(bytes.reduce((sum, each) => sum + each, message.data.length + around)).toBeLessThan(
      PUBSUB_LIMITS.messageBytes,
    )
  })
})

it('keeps the beginning of a large body that is no JSON', () => {
  const { message } = messageOf('x'.repeat(1.1e7))
  expect(message.data.length).toBe(MAX_DATA_BYTES)
  expect(message.attributes).toMatchObject({ quarantine: 'not_json', truncated: 'body' })
})

it('survives JSON that is nested deeper than it could be written again', () => {
  const deep = `${'['.repeat(40_000)}${']'.repeat(40_000)}`
  const { message } = messageOf(`{"event_id":"01","data":{"n":${deep},"content":"${'x'.repeat(1e7)}"}}`)
  expect(message.attributes).toMatchObject({ event_id: '01', quarantine: 'too_large', truncated: 'body' })
})

it.each(['[', '{},', '1,'])('keeps a body of nothing but %s, and does not parse it', (item) => {
  const body = `{"event_id":"01","data":[${item.repeat(60_000)}`
  const { message, event } = messageOf(body)
  expect(event).toBeUndefined()
  expect(message.data.toString()).toBe(body)
  expect(message.attributes).toMatchObject({ quarantine: 'too_complex' })
})

it('passes a valid trace context on and drops any other', () => {
  const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  expect(messageOf('{}', valid).message.attributes.traceparent).toBe(valid)
  const later = messageOf('{}', `01${valid.slice(2)}-${'x'.repeat(2_000)}`) // a version to come: as far as it is known
  expect(later.message.attributes.traceparent).toBe(valid)
  for (const invalid of [
    '',
    'x',
    `${valid}\n`,
    valid.toUpperCase(),
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    'ff'.concat(valid.slice(2)),
  ]) {
    expect(messageOf('{}', invalid).message.attributes.traceparent).toBeUndefined()
  }
})

it('makes a message within the limits of Pub/Sub of any body whatever', () => {
  const anything = fc.oneof(
    fc.uint8Array(),
    fc.json().map(Buffer.from),
    fc
      .record({
        event_id: fc.string(),
        object_type: fc.anything(),
        metric: fc.string({ unit: 'binary', maxLength: 1_200 }),
      })
      .map((value) => Buffer.from(JSON.stringify(value))),
  )
  fc.assert(
    fc.property(anything, (bytes) => {
      const body = Buffer.from(bytes)
      const { message, event } = messageOf(body)
      expect(message.data.equals(body)).toBe(true)
      expect(event === undefined).toBe(message.attributes.quarantine !== undefined)
      for (const value of Object.values(message.attributes)) {
        expect(value).not.toBe('')
        expect(Buffer.byteLength(value)).toBeLessThanOrEqual(PUBSUB_LIMITS.attributeValueBytes)
      }
    }),
  )
})
