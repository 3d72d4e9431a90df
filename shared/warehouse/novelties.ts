import { CHANNELS, type Event } from '../consent/index.ts'
import { type KnownWebhookData, PROBE_OBJECT_TYPE } from '../webhooks/index.ts'

/** Something that this code did not know of when it was written. It is stored all the same. */
export interface Novelty {
  readonly kind: 'object_type' | 'metric' | 'field' | 'channel' | 'shape'
  /** What anyone may read in a log: a name, or that it is none. */
  readonly name: string
}

const KNOWN_EVENTS: Readonly<Record<keyof KnownWebhookData, true>> = {
  'customer.subscribed': true,
  'customer.unsubscribed': true,
  'customer.cio_subscription_preferences_changed': true,
  'email.drafted': true,
  'email.attempted': true,
  'email.sent': true,
  'email.delivered': true,
  'email.opened': true,
  'email.clicked': true,
  'email.converted': true,
  'email.unsubscribed': true,
  'email.bounced': true,
  'email.dropped': true,
  'email.deferred': true,
  'email.spammed': true,
  'email.failed': true,
  'email.undeliverable': true,
  'push.drafted': true,
  'push.attempted': true,
  'push.sent': true,
  'push.delivered': true,
  'push.opened': true,
  'push.clicked': true,
  'push.converted': true,
  'push.bounced': true,
  'push.dropped': true,
  'push.failed': true,
  'push.undeliverable': true,
  'in_app.drafted': true,
  'in_app.attempted': true,
  'in_app.sent': true,
  'in_app.opened': true,
  'in_app.clicked': true,
  'in_app.converted': true,
  'in_app.failed': true,
  'in_app.undeliverable': true,
  'sms.drafted': true,
  'sms.attempted': true,
  'sms.sent': true,
  'sms.delivered': true,
  'sms.clicked': true,
  'sms.converted': true,
  'sms.bounced': true,
  'sms.dropped': true,
  'sms.failed': true,
  'sms.undeliverable': true,
  'sms.replied': true,
  'slack.drafted': true,
  'slack.attempted': true,
  'slack.sent': true,
  'slack.clicked': true,
  'slack.converted': true,
  'slack.failed': true,
  'slack.undeliverable': true,
  'webhook.drafted': true,
  'webhook.attempted': true,
  'webhook.sent': true,
  'webhook.clicked': true,
  'webhook.converted': true,
  'webhook.failed': true,
  'webhook.undeliverable': true,
  'whatsapp.drafted': true,
  'whatsapp.attempted': true,
  'whatsapp.sent': true,
  'whatsapp.delivered': true,
  'whatsapp.opened': true,
  'whatsapp.clicked': true,
  'whatsapp.converted': true,
  'whatsapp.bounced': true,
  'whatsapp.dropped': true,
  'whatsapp.failed': true,
  'whatsapp.undeliverable': true,
  'whatsapp.replied': true,
}

const KNOWN_OBJECT_TYPES: ReadonlySet<string> = new Set(
  Object.keys(KNOWN_EVENTS).map((name) => name.split('.')[0] ?? ''),
)
/** These may carry the channel of a message as their object type. */
const OF_ANY_CHANNEL: ReadonlySet<string> = new Set([
  'subscribed',
  'unsubscribed',
  'cio_subscription_preferences_changed',
  'subscription_preferences_changed',
])
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  ...[
    'action_id',
    'broadcast_id',
    'campaign_id',
    'content',
    'content_id',
    'customer_id',
    'delivery_id',
    'email_address',
  ],
  ...['failure_message', 'headers', 'href', 'identifiers', 'inbound_event_id', 'journey_id', 'link_id', 'machine'],
  ...['newsletter_id', 'parent_action_id', 'prefetched', 'proxied', 'recipient', 'recipients', 'subject', 'synthetic'],
  ...['app_id', 'broadcast_name', 'broadcast_tags', 'campaign_name', 'campaign_tags', 'related_delivery_ids'],
  ...['template_id', 'to', 'tracked_response', 'transactional_message_id', 'trigger_event_id', 'trigger_id'],
])

const KNOWN_CHANNELS: ReadonlySet<string> = new Set(CHANNELS)

const A_NAME = /^[\w.()-]{1,100}$/

/** What is new in an event, so that someone can give it a column or a view. Names only, no values. */
export function noveltiesOf(
  { objectType, metric, fields, others, healed }: Event,
  channels: readonly string[] = [],
): readonly Novelty[] {
  if (objectType === PROBE_OBJECT_TYPE) return []
  const novelties: Novelty[] = []
  const add = (kind: Novelty['kind'], name: string): void => {
    novelties.push({ kind, name: A_NAME.test(name) ? name : '(not a name)' })
  }
  if (objectType === undefined || !KNOWN_OBJECT_TYPES.has(objectType)) add('object_type', objectType ?? '(none)')
  else if (!(`${objectType}.${metric}` in KNOWN_EVENTS) && !OF_ANY_CHANNEL.has(metric ?? '')) {
    add('metric', `${objectType}.${metric ?? '(none)'}`)
  }
  for (const name of Object.keys(fields)) if (!KNOWN_FIELDS.has(name)) add('field', `data.${name}`)
  for (const name of Object.keys(others)) add('field', name)
  for (const name of channels) if (!KNOWN_CHANNELS.has(name)) add('channel', name)
  for (const name of healed) novelties.push({ kind: 'shape', name })
  return novelties
}

/** Says once for each name that it is new, and stops when there are too many names to be anyone's schema. */
export function createNoveltyFilter(limit = 1_000): (novelties: readonly Novelty[]) => readonly Novelty[] {
  const seen = new Set<string>()
  return (novelties) =>
    novelties.filter(({ kind, name }) => {
      const key = `${kind} ${name}`
      if (seen.has(key) || seen.size >= limit) return false
      seen.add(key)
      return true
    })
}
