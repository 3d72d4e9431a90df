import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { topicsWebhook, webhookOf } from './testing/webhooks.ts'
import { type PubSubMessage, readWebhook, WEBHOOK_FILTER } from './webhook.ts'

const AT = 1_613_063_089

function newsOf(message: PubSubMessage) {
  const read = readWebhook(message)
  if (read.kind !== 'news') throw new Error(read.reason)
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
    expect(several.observations).toEqual([
      ['topic_1', { value: true, at: AT, source: 'snapshot' }],
      ['topic_2', { value: false, at: AT, source: 'snapshot' }],
    ])
  })

  it('of a bounced email names the dead address; of a bounced push it does not', () => {
    const email = webhookOf('42', 'bounced', AT, { object_type: 'email', recipient: 'a@example.com' })
    expect(newsOf(email)).toMatchObject({ observations: [], undeliverable: { address: 'a@example.com', at: AT } })
    const push = webhookOf('42', 'bounced', AT, { object_type: 'push', recipient: 'token' })
    expect(readWebhook(push)).toEqual({ kind: 'ignored', reason: 'no_preference' })
  })

  it('names its person by the identifiers, else by the deprecated fields', () => {
    const person = (fields: object) => newsOf(webhookOf('42', 'unsubscribed', AT, { ...fields })).person
    expect(person({})).toEqual({ id: '42' })
    expect(person({ identifiers: undefined, email_address: 'a@example.com' })).toEqual({
      id: '42',
      email: 'a@example.com',
    })
    expect(person({ customer_id: null, identifiers: { id: null, email: 'b@example.com' } })).toEqual({
      email: 'b@example.com',
    })
    expect(person({ identifiers: 'broken' })).toEqual({ id: '42' })
    const nobody = webhookOf('', 'unsubscribed', AT, { identifiers: { id: '', email: '', cio_id: 'd9' } })
    expect(readWebhook(nobody)).toEqual({ kind: 'ignored', reason: 'no_person' })
  })

  it.each([
    ['an email that was opened', webhookOf('42', 'opened', AT, { object_type: 'email' }), 'no_preference'],
    [
      'topics that are no JSON',
      webhookOf('42', 'cio_subscription_preferences_changed', AT, { content: '{' }),
      'no_preference',
    ],
    ['no topics at all', webhookOf('42', 'cio_subscription_preferences_changed', AT), 'no_preference'],
    ['no JSON', { data: 'oops' }, 'not_understood'],
    [
      'milliseconds as a float',
      { data: '{"event_id":"1","metric":"subscribed","timestamp":1.5,"data":{}}' },
      'not_understood',
    ],
    ['milliseconds', webhookOf('42', 'unsubscribed', AT * 1_000), 'not_understood'],
    ['a list', { data: '[]' }, 'not_understood'],
  ])('of %s is ignored', (_, message, reason) => {
    expect(readWebhook(message)).toEqual({ kind: 'ignored', reason })
  })

  it('is taken from text as well as from bytes, and never throws', () => {
    expect(readWebhook({ data: Buffer.from(webhookOf('42', 'subscribed', AT).data).toString() }).kind).toBe('news')
    fc.assert(fc.property(fc.json(), (data) => void readWebhook({ data })))
    fc.assert(fc.property(fc.uint8Array(), (data) => void readWebhook({ data })))
  })

  it('has a filter that Pub/Sub takes', () => {
    // https://cloud.google.com/pubsub/docs/subscription-message-filter: "The maximum length of a filter is 256 bytes."
    expect(Buffer.byteLength(WEBHOOK_FILTER)).toBeLessThanOrEqual(256)
    expect(readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')).toContain(
      `--message-filter='${WEBHOOK_FILTER}'`,
    )
  })
})
