import type { FaultOrder } from '../emulators/customerio/index.ts'
import { ATTACK_EMAIL } from './attack-email.ts'

/** What should become of a sample message. */
export type Expected =
  | { readonly outcome: 'delivered' }
  /** Fails first, because Customer.io is ordered to, and succeeds at a later attempt. */
  | { readonly outcome: 'retried' }
  /** On the dead-letter topic, after one attempt, with this reason and an error that holds this text. */
  | { readonly outcome: 'refused'; readonly reason: string; readonly error: string }

export interface SampleMessage {
  readonly label: string
  readonly topic: 'identify' | 'track' | 'transactional'
  /** A message as an application publishes it, or the raw text of a broken one. */
  readonly body: object | string
  readonly expected: Expected
  /** Given to the local Customer.io before the message is published. */
  readonly fault?: FaultOrder
}

const delivered: Expected = { outcome: 'delivered' }
const retried: Expected = { outcome: 'retried' }
const refused = (reason: string, error: string): Expected => ({ outcome: 'refused', reason, error })
const in2026 = 1_774_000_000

const RECEIPT = `<style>body { font: 15px/1.5 sans-serif; color: #222 } td { padding: 4px 16px 4px 0 }</style>
<h1>Thank you, Ada</h1>
<table><tr><td>2 × Tea</td><td>42.50</td></tr></table>
<p><a href="https://example.com/orders/o-1">See your order</a></p>
<p><img src="https://example.com/tracking.png" alt="" width="1" height="1"></p>`

/** People, devices, merges, events, messages of every channel, trouble that passes, and messages broken in ten ways. */
export const SAMPLE: readonly SampleMessage[] = [
  {
    label: 'a person with attributes in four alphabets',
    topic: 'identify',
    body: {
      identifiers: { id: 'ada' },
      attributes: {
        email: 'ada@example.com',
        name: 'Ada Łukasiewicz',
        都市: '東京',
        город: 'Київ',
        plan: 'pro',
        seats: 12,
      },
    },
    expected: delivered,
  },
  {
    label: 'a person known by e-mail, with topic preferences',
    topic: 'identify',
    body: {
      identifiers: { email: 'grace@example.com' },
      attributes: { first_name: 'Grace', 'cio_subscription_preferences.topics.topic_7': false },
    },
    expected: delivered,
  },
  {
    label: 'a device for push messages',
    topic: 'identify',
    body: {
      action: 'add_device',
      identifiers: { id: 'ada' },
      device: { token: 'apns-token-of-ada', platform: 'ios', last_used: in2026 },
    },
    expected: delivered,
  },
  {
    label: 'two profiles merged into one',
    topic: 'identify',
    body: { action: 'merge', primary: { id: 'ada' }, secondary: { email: 'ada.old@example.com' } },
    expected: delivered,
  },
  {
    label: 'an object, with a person related to it',
    topic: 'identify',
    body: {
      type: 'object',
      identifiers: { object_type_id: '1', object_id: 'acme' },
      attributes: { name: 'Acme GmbH' },
      cio_relationships: [{ identifiers: { id: 'ada' } }],
    },
    expected: delivered,
  },
  {
    label: 'a person who asked to be forgotten: suppressed',
    topic: 'identify',
    body: { action: 'suppress', identifiers: { id: 'mallory' } },
    expected: delivered,
  },
  {
    label: 'an order, as an event',
    topic: 'track',
    body: {
      identifiers: { id: 'ada' },
      name: 'order_completed',
      attributes: { order_id: 'o-1', total: 42.5, items: [{ sku: 'a', count: 2 }] },
      timestamp: '2026-11-21T10:00:00Z',
    },
    expected: delivered,
  },
  {
    label: 'a page view',
    topic: 'track',
    body: { action: 'page', identifiers: { id: 'ada' }, name: 'https://example.com/pricing' },
    expected: delivered,
  },
  {
    label: 'an anonymous event',
    topic: 'track',
    body: { identifiers: { anonymous_id: 'visitor-9' }, name: 'video_played', attributes: { seconds: 31 } },
    expected: delivered,
  },
  {
    label: 'a receipt with a text of its own',
    topic: 'transactional',
    body: {
      channel: 'email',
      to: 'ada@example.com',
      from: 'Example Shop <receipts@example.com>',
      subject: 'Your receipt for order o-1',
      identifiers: { id: 'ada' },
      body: RECEIPT,
      body_plain: 'Order o-1: 2 × Tea, 42.50. https://example.com/orders/o-1',
      headers: { 'X-Order': 'o-1' },
    },
    expected: delivered,
  },
  {
    label: 'an e-mail with an attachment',
    topic: 'transactional',
    body: {
      channel: 'email',
      transactional_message_id: 3,
      to: 'ada@example.com',
      identifiers: { id: 'ada' },
      message_data: { order: 'o-1' },
      attachments: { 'invoice.txt': Buffer.from('Invoice o-1: 42.50').toString('base64') },
    },
    expected: delivered,
  },
  { label: 'an e-mail that attacks whoever shows it', topic: 'transactional', body: ATTACK_EMAIL, expected: delivered },
  {
    label: 'a push message',
    topic: 'transactional',
    body: { channel: 'push', transactional_message_id: 4, identifiers: { id: 'ada' }, title: 'Shipped' },
    expected: delivered,
  },
  {
    label: 'an SMS',
    topic: 'transactional',
    body: { channel: 'sms', transactional_message_id: 5, identifiers: { id: 'ada' }, to: '+15550100' },
    expected: delivered,
  },
  {
    label: 'a WhatsApp message',
    topic: 'transactional',
    body: { channel: 'whatsapp', transactional_message_id: 8, identifiers: { id: 'ada' }, to: '+15550100' },
    expected: delivered,
  },
  {
    label: 'an in-app message',
    topic: 'transactional',
    body: { channel: 'in_app', transactional_message_id: 6, identifiers: { id: 'ada' } },
    expected: delivered,
  },
  {
    label: 'an inbox message',
    topic: 'transactional',
    body: { channel: 'inbox_message', transactional_message_id: 9, identifiers: { id: 'ada' } },
    expected: delivered,
  },
  {
    label: 'a broadcast',
    topic: 'transactional',
    body: { channel: 'broadcast', broadcast_id: 7, data: { headline: 'Sale' }, ids: ['ada'] },
    expected: delivered,
  },
  {
    label: 'an event while Customer.io answers 503',
    topic: 'track',
    body: { identifiers: { id: 'ada' }, name: 'retried_after_503' },
    fault: { on: 'batch', count: 1, containing: ['retried_after_503'], fault: { do: 'answer', status: 503 } },
    expected: retried,
  },
  {
    label: 'a person while a load balancer sends a web page',
    topic: 'identify',
    body: { identifiers: { id: 'retried-after-html' }, attributes: { plan: 'free' } },
    fault: { on: 'batch', count: 1, containing: ['retried-after-html'], fault: { do: 'html', status: 502 } },
    expected: retried,
  },
  {
    label: 'an SMS that was sent, but whose answer was lost',
    topic: 'transactional',
    body: { channel: 'sms', transactional_message_id: 5, identifiers: { id: 'answer-lost' }, to: '+15550111' },
    fault: { on: 'send', count: 1, containing: ['answer-lost'], fault: { do: 'reset', processed: true } },
    expected: retried,
  },
  {
    label: 'an event that Customer.io itself refuses',
    topic: 'track',
    body: { identifiers: { id: 'ada' }, name: 'refused_by_customerio' },
    fault: {
      on: 'batch',
      count: 1,
      containing: ['refused_by_customerio'],
      fault: { do: 'refuse_items', containing: ['refused_by_customerio'] },
    },
    expected: refused('refused', 'refused by order'),
  },
  {
    label: 'broken: not JSON',
    topic: 'track',
    body: '{"name": "order_completed",',
    expected: refused('not_json', 'not JSON'),
  },
  {
    label: 'broken: no identifiers',
    topic: 'track',
    body: { name: 'order_completed' },
    expected: refused('contract', 'identifiers'),
  },
  {
    label: 'broken: two identifiers',
    topic: 'identify',
    body: { identifiers: { id: 'ada', email: 'ada@example.com' } },
    expected: refused('contract', 'identifiers'),
  },
  {
    label: 'broken: an attribute of 1,203 bytes',
    topic: 'identify',
    body: { identifiers: { id: 'ada' }, attributes: { plan: 'x'.repeat(1_203) } },
    expected: refused('contract', 'attributes.plan: 1203 bytes, at most 1000'),
  },
  {
    label: 'broken: a timestamp in milliseconds',
    topic: 'track',
    body: { identifiers: { id: 'ada' }, name: 'order_completed', timestamp: in2026 * 1_000 },
    expected: refused('contract', 'milliseconds'),
  },
  {
    label: 'broken: a field that Customer.io would drop',
    topic: 'track',
    body: { identifiers: { id: 'ada' }, name: 'order_completed', data: { total: 1 } },
    expected: refused('contract', 'data'),
  },
  {
    label: 'broken: an event on the identify topic',
    topic: 'identify',
    body: { action: 'event', identifiers: { id: 'ada' }, name: 'order_completed' },
    expected: refused('contract', 'action'),
  },
  {
    label: 'broken: a channel that does not exist',
    topic: 'transactional',
    body: { channel: 'fax', transactional_message_id: 3, identifiers: { id: 'ada' } },
    expected: refused('contract', 'channel'),
  },
  {
    label: 'broken: an attachment that is not base64',
    topic: 'transactional',
    body: {
      channel: 'email',
      transactional_message_id: 3,
      to: 'ada@example.com',
      identifiers: { id: 'ada' },
      attachments: { 'invoice.txt': '§§§' },
    },
    expected: refused('contract', 'attachments'),
  },
  {
    label: 'broken: half a surrogate pair',
    topic: 'identify',
    body: '{"identifiers":{"id":"ada"},"attributes":{"name":"\\ud83d"}}',
    expected: refused('contract', 'attributes.name'),
  },
]
