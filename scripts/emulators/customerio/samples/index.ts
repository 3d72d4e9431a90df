import { type CataloguedEvent, cataloguedEvents } from './catalogue.ts'
import { PERSON_OF } from './people.ts'
import { sampleValue, ulidOf } from './values.ts'

export { type CataloguedEvent, cataloguedEvents, ORIGINS, type Origin } from './catalogue.ts'
export { PERSON_OF, type SamplePerson } from './people.ts'
export { deliveryIdOf, sampleValue, ulidOf } from './values.ts'

/** A reporting webhook's body as Customer.io documents it. `timestamp` is in unix seconds. */
export interface WebhookEvent {
  readonly event_id: string
  readonly object_type: string
  readonly metric: string
  readonly timestamp: number
  readonly data: Readonly<Record<string, unknown>>
}

export interface WebhookSample {
  /** `<channel>.<metric>.<origin>`, such as `email.sent.campaign`. */
  readonly name: string
  readonly event: WebhookEvent
}

/** A body that is authentic and yet not as documented: some have no `object_type`, some are no event at all. */
export interface UnusualWebhookSample {
  readonly name: string
  readonly body: Readonly<Record<string, unknown>>
}

/** When the first sample happened, unix seconds: 2026-11-02T09:00:00Z, a Monday. Each later one is a minute after the one before. */
export const FIRST_SAMPLE_SECONDS = 1_793_610_000
const SECONDS_BETWEEN_SAMPLES = 60

function eventOf(catalogued: CataloguedEvent, fields: readonly string[], timestamp: number): WebhookEvent {
  return {
    event_id: ulidOf(`event ${catalogued.name}`),
    object_type: catalogued.objectType,
    metric: catalogued.metric,
    timestamp,
    data: Object.fromEntries(fields.map((field) => [field, sampleValue(field, catalogued)])),
  }
}

function samplesWith(fieldsOf: (catalogued: CataloguedEvent) => readonly string[]): WebhookSample[] {
  return cataloguedEvents().map((catalogued, index) => ({
    name: catalogued.name,
    event: eventOf(catalogued, fieldsOf(catalogued), FIRST_SAMPLE_SECONDS + index * SECONDS_BETWEEN_SAMPLES),
  }))
}

/**
 * One realistic event of every kind that Customer.io's document of webhooks has, the same at every call, each with an
 * `event_id` of its own.
 */
export function webhookSamples(): WebhookSample[] {
  return samplesWith(({ fields }) => fields)
}

/** The same events with the fields that they also have since September 2026, such as the campaign's name. */
export function recentWebhookSamples(): WebhookSample[] {
  return samplesWith(({ fields, added }) => [...fields, ...added])
}

/**
 * What a receiver meets sooner or later although no document shows it so: object types, metrics and fields to come,
 * null identifiers, the key `object_type_type`, machine opens and clicks. All of them have to be kept.
 */
export function unusualWebhookSamples(): UnusualWebhookSample[] {
  const person = PERSON_OF.campaign
  const samples = webhookSamples()
  const known = (name: string): WebhookEvent => {
    const found = samples.find((sample) => sample.name === name)
    if (found === undefined) throw new Error(`No sample is called ${name}`)
    return found.event
  }
  const variant = (name: string, of: string, changes: Record<string, unknown>, data: Record<string, unknown> = {}) => {
    const event = known(of)
    const body = { ...event, event_id: ulidOf(`unusual ${name}`), data: { ...event.data, ...data }, ...changes }
    return { name, body }
  }
  const { object_type: _objectType, ...withoutObjectType } = known(
    'customer.cio_subscription_preferences_changed.campaign',
  )
  return [
    variant('unknown object type', 'email.sent.campaign', { object_type: 'carrier_pigeon' }),
    variant('unknown metric', 'email.sent.campaign', { metric: 'teleported' }),
    variant('subscribable metric without a documented payload', 'email.sent.campaign', { metric: 'deferred' }),
    variant(
      'unknown fields',
      'email.opened.newsletter',
      { schema_version: 3 },
      { mood: { joy: 0.9 }, tags: ['a', 'b'] },
    ),
    variant('null identifiers', 'email.sent.transactional', {}, { identifiers: null, customer_id: null }),
    variant(
      'null id',
      'email.opened.newsletter',
      {},
      { identifiers: { id: null, email: person.email, cio_id: person.cio_id } },
    ),
    variant('no identifiers', 'push.sent.campaign', {}, { identifiers: undefined, customer_id: undefined }),
    {
      name: 'object_type_type instead of object_type',
      body: { ...withoutObjectType, event_id: ulidOf('unusual object_type_type'), object_type_type: 'email' },
    },
    variant(
      'preferences content that is no JSON',
      'customer.cio_subscription_preferences_changed.nomessage',
      {},
      { content: '{"topics":' },
    ),
    variant(
      'preferences content as an object',
      'customer.cio_subscription_preferences_changed.nomessage',
      {},
      { content: { topics: { topic_1: false } } },
    ),
    variant('opened by a proxy', 'email.opened.campaign', {}, { proxied: true }),
    variant('opened by a prefetch', 'email.opened.campaign', {}, { prefetched: true }),
    variant('opened, synthetic', 'email.opened.campaign', {}, { synthetic: true }),
    variant('clicked by a machine', 'email.clicked.campaign', {}, { machine: true }),
    variant('e-mail address unknown', 'customer.unsubscribed', {}, { email_address: null }),
    variant('timestamp in milliseconds', 'email.sent.campaign', { timestamp: FIRST_SAMPLE_SECONDS * 1000 }),
    variant('no event_id', 'email.sent.campaign', { event_id: undefined }),
    variant('no data', 'email.sent.campaign', { data: undefined }),
  ]
}
