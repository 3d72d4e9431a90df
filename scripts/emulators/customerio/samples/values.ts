import { createHash } from 'node:crypto'
import type { CataloguedEvent } from './catalogue.ts'
import { PERSON_OF } from './people.ts'

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** A ULID-shaped id that follows from its seed alone: 26 characters, the first at most 7, as 128 bits allow. */
export function ulidOf(seed: string): string {
  let bits = BigInt(`0x${createHash('sha256').update(seed).digest('hex').slice(0, 32)}`)
  let text = ''
  for (let i = 0; i < 26; i++) {
    text = CROCKFORD.charAt(Number(bits & 31n)) + text
    bits >>= 5n
  }
  return text
}

/** A delivery id in the vendor's manner: one a channel and origin, shared by all metrics of that delivery. */
export function deliveryIdOf(objectType: string, origin: string): string {
  return createHash('sha256').update(`delivery ${objectType} ${origin}`).digest().subarray(0, 21).toString('base64url')
}

const FAILURES: Readonly<Record<string, string>> = {
  attempted: '451 4.7.1 Try again later: greylisted',
  bounced: '550 5.1.1 No such mailbox',
  dropped: 'The address is on the suppression list of the provider',
  failed: 'The template could not be rendered: data.order is missing',
  undeliverable: 'The message limit of this person is reached',
}

const CONTENT: Readonly<Record<string, string>> = {
  email: '<p>Your order is on its way — “grüße” 👋</p>',
  push: JSON.stringify({ message: { notification: { title: 'On its way', body: 'Your order left the depot' } } }),
  in_app: JSON.stringify({ message_id: 'order-status', properties: { title: 'On its way' } }),
  sms: 'Your order is on its way',
  slack: JSON.stringify({ text: 'An order is on its way' }),
  webhook: JSON.stringify({ order: 4711, status: 'shipped' }),
  whatsapp: 'Your order is on its way ✅',
  customer: '',
}

function recipientOf(event: CataloguedEvent): string {
  const person = PERSON_OF[event.origin]
  switch (event.objectType) {
    case 'sms':
    case 'whatsapp':
      return person.phone
    case 'slack':
      return '#orders'
    case 'webhook':
      return 'https://hooks.example.com/orders'
    case 'in_app':
      return person.id
    default:
      return person.email
  }
}

function devicesOf(event: CataloguedEvent): Record<string, unknown>[] {
  const failed = event.metric === 'bounced' || event.metric === 'dropped'
  const token = createHash('sha256').update(`device ${event.origin}`).digest('hex')
  const phone = { device_id: token, device_platform: 'ios' }
  if (failed) return [{ ...phone, failure_message: 'Unregistered' }]
  if (event.metric !== 'sent') return [phone]
  return [phone, { device_id: token.toUpperCase(), device_platform: 'android', failure_message: 'NotRegistered' }]
}

/** The value of one documented field in one kind of event. Throws for a field that nobody has given a value yet. */
export function sampleValue(field: string, event: CataloguedEvent): unknown {
  const { origin, objectType, metric } = event
  const person = PERSON_OF[origin]
  switch (field) {
    case 'customer_id':
      return person.id
    case 'identifiers':
      return { id: person.id, email: person.email, cio_id: person.cio_id }
    case 'email_address':
      return person.email
    case 'delivery_id':
      return deliveryIdOf(objectType, origin)
    case 'campaign_id':
      return 21
    case 'campaign_name':
      return 'Order shipped'
    case 'campaign_tags':
      return ['orders', 'transport']
    case 'broadcast_name':
      return 'Price drop'
    case 'broadcast_tags':
      return ['sales']
    case 'template_id':
      return 212
    case 'app_id':
      return 9
    case 'related_delivery_ids':
      return [deliveryIdOf(objectType, origin)]
    case 'broadcast_id':
      return 32
    case 'newsletter_id':
      return 43
    case 'transactional_message_id':
      return 54
    case 'trigger_id':
      return 7
    case 'action_id':
      return 211
    case 'parent_action_id':
      return 210
    case 'content_id':
      return 431
    case 'journey_id':
      return ulidOf(`journey ${objectType} ${origin}`)
    case 'trigger_event_id':
      return ulidOf(`trigger ${objectType} ${origin}`)
    case 'inbound_event_id':
      return ulidOf(`inbound ${objectType} ${origin}`)
    case 'subject':
      return 'Your order 4711 is on its way'
    case 'recipient':
      return metric === 'replied' ? '+442071838750' : recipientOf(event)
    case 'to':
      return '+442071838750'
    case 'recipients':
      return devicesOf(event)
    case 'content':
      return metric === 'cio_subscription_preferences_changed'
        ? JSON.stringify({ topics: { topic_1: true, topic_7: origin !== 'nomessage' } })
        : CONTENT[objectType]
    case 'headers':
      return { 'X-Order': ['4711'] }
    case 'failure_message':
      return FAILURES[metric] ?? 'Something went wrong'
    case 'href':
      return 'https://shop.example.com/orders/4711?from=message'
    case 'link_id':
      return 3
    case 'tracked_response':
      return 'show_order'
    case 'proxied':
      return false
    case 'prefetched':
      return false
    case 'synthetic':
      return false
    case 'machine':
      return false
    default:
      throw new Error(`No sample value for field ${field} of ${event.name}: add one to values.ts`)
  }
}
