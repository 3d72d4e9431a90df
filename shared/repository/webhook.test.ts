import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { topicsWebhook, webhookOf } from './testing/webhooks.ts'
import { type PubSubMessage, readWebhook, WEBHOOK_FILTER } from './webhook.ts'

const AT = 1_763_063_089
const NOW_MS = (AT + 60) * 1_000

function newsOf(message: PubSubMessage) {
  const read = readWebhook(message, NOW_MS)
  if (read.kind !== 'news') throw new Error(JSON.stringify(read))
  return read.news
}

describe('a webhook', () => {
  it.each([
    ['subscribed', {}, { value: true, source: 'unattributed' }],
    ['unsubscribed', {}, { value: false, source: 'unattributed' }],
    ['unsubscribed', { object_type: 'email', delivery_id: 'd' }, { value: false, source: 'click' }],
    ['spammed', { object_type: 'email', recipient: 'a@example.com' }, { value: false, source: 'complaint' }],
  ])('%s %j is about marketing', (metric, fields, seen) => {
    expect(newsOf(webhookOf('42', metric, AT, fields)).observations).toEqual([['marketing', { ...seen, at: AT }]])
  })

  it('about one topic tells whether a message was used, and about several that it is a snapshot', () => {
    const one = (fields = {}) => newsOf(topicsWebhook('42', { topic_1: true }, AT, fields)).observations
    expect(one()).toEqual([['topic_1', { value: true, at: AT, source: 'unattributed' }]])
    expect(one({ delivery_id: 'd' })).toEqual([['topic_1', { value: true, at: AT, source: 'click' }]])
    const several = newsOf(topicsWebhook('42', { topic_1: true, topic_2: false, other: true, topic_3: 'yes' }, AT))
    expect(several.unread).toMatchObject({ error: '2 topics are neither true nor false' })
    expect(several.observations).toEqual([
      ['topic_1', { value: true, at: AT, source: 'snapshot' }],
      ['topic_2', { value: false, at: AT, source: 'snapshot' }],
    ])
  })

  it('of a bounced email names the dead address; of a bounced push it does not', () => {
    const email = webhookOf('42', 'bounced', AT, { object_type: 'email', recipient: 'a@example.com' })
    expect(newsOf(email)).toMatchObject({ observations: [], undeliverable: { mailboxes: ['a@example.com'], at: AT } })
    const push = webhookOf('42', 'bounced', AT, { object_type: 'push', recipient: 'token' })
    expect(readWebhook(push, NOW_MS)).toEqual({ kind: 'ignored', reason: 'no_preference' })
  })

  it('names its person by the identifiers, else by the deprecated fields', () => {
    const person = (fields: object) => newsOf(webhookOf('42', 'unsubscribed', AT, { ...fields })).person
    expect(person({})).toMatchObject({ id: '42', email: undefined })
    expect(person({ identifiers: undefined, email_address: 'a@example.com' })).toMatchObject({
      id: '42',
      email: 'a@example.com',
    })
    expect(person({ customer_id: null, identifiers: { id: null, email: 'b@example.com' } })).toMatchObject({
      email: 'b@example.com',
    })
    expect(person({ identifiers: 'broken' })).toMatchObject({ id: '42', email: undefined })
    const nobody = webhookOf('', 'unsubscribed', AT, { identifiers: { id: '', email: '', cio_id: 'd9' } })
    expect(readWebhook(nobody, NOW_MS)).toMatchObject({ kind: 'unread', webhook: { reason: 'no_person' } })
  })

  it.each([
    ['an email that was opened', webhookOf('42', 'opened', AT, { object_type: 'email' }), 'no_preference'],
    ['no JSON', { data: 'oops' }, 'not_understood'],
    ['a list', { data: '[]' }, 'not_understood'],
    [
      'what the webhook function did not understand',
      { data: '{}', attributes: { quarantine: 'no_event_id' } },
      'not_understood',
    ],
  ])('of %s is ignored', (_, message, reason) => {
    expect(readWebhook(message, NOW_MS)).toEqual({ kind: 'ignored', reason })
  })

  it.each([
    [
      'topics that are no JSON',
      webhookOf('42', 'cio_subscription_preferences_changed', AT, { content: '{' }),
      'preferences_not_understood',
    ],
    ['no topics at all', webhookOf('42', 'cio_subscription_preferences_changed', AT), 'preferences_not_understood'],
    [
      'an unknown kind of preference',
      webhookOf('42', 'cio_subscription_preferences_changed', AT, { content: { locales: {} } }),
      'preferences_not_understood',
    ],
    ['an opt-in of no time', { data: webhookOf('42', 'subscribed', Number.NaN).data }, 'no_timestamp'],
    ['an opt-out that is cut', { data: '{"eve', attributes: { metric: 'unsubscribed' } }, 'not_json'],
    [
      'an opt-out that was too large',
      { data: '{}', attributes: { metric: 'unsubscribed', quarantine: 'too_large' } },
      'too_large',
    ],
  ])('of %s cannot be read, and is never ignored', (_, message, reason) => {
    expect(readWebhook(message, NOW_MS)).toMatchObject({
      kind: 'unread',
      webhook: { reason, receivedAt: AT + 60, body: Buffer.from(message.data) },
    })
  })

  it.each([
    ['a number as id', { identifiers: { id: 42 } }, { id: '42' }],
    [
      'the recipient only',
      { identifiers: null, customer_id: null, object_type: 'email', recipient: 'A@example.com' },
      { email: 'A@example.com' },
    ],
  ])('names its person by %s', (_, fields, person) => {
    expect(newsOf(webhookOf('42', 'unsubscribed', AT, fields)).person).toMatchObject(person)
  })

  it.each([
    ['fractional', AT + 0.75, AT],
    ['textual', String(AT), AT],
    ['of ISO 8601', new Date(AT * 1_000).toISOString(), AT],
    ['in milliseconds', AT * 1_000 + 5, AT],
    ['none, but an opt-out', null, AT + 60],
    ['a year ahead, but an opt-out', AT + 300 * 86_400, AT + 60],
  ])('has a time that is %s', (_, timestamp, at) => {
    const message = { ...JSON.parse(webhookOf('42', 'unsubscribed', AT).data.toString()), timestamp }
    expect(newsOf({ data: JSON.stringify(message) }).observations).toMatchObject([['marketing', { value: false, at }]])
  })

  it('is taken from text as well as from bytes, and never throws', () => {
    expect(readWebhook({ data: Buffer.from(webhookOf('42', 'subscribed', AT).data).toString() }, NOW_MS).kind).toBe(
      'news',
    )
    fc.assert(fc.property(fc.json(), (data) => void readWebhook({ data }, NOW_MS)))
    fc.assert(fc.property(fc.uint8Array(), (data) => void readWebhook({ data }, NOW_MS)))
  })

  it('has a filter that Pub/Sub takes', () => {
    // https://cloud.google.com/pubsub/docs/subscription-message-filter: "The maximum length of a filter is 256 bytes."
    expect(Buffer.byteLength(WEBHOOK_FILTER)).toBeLessThanOrEqual(256)
    expect(readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')).toContain(
      `--message-filter='${WEBHOOK_FILTER}'`,
    )
  })
})
