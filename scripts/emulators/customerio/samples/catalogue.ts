import { z } from 'zod'
import catalogueFile from './fixtures/catalogue.json' with { type: 'json' }

/** What made Customer.io send the message that an event tells of; `nomessage`: a person's own change, without a message. */
export const ORIGINS = ['campaign', 'broadcast', 'newsletter', 'transactional', 'nomessage'] as const
export type Origin = (typeof ORIGINS)[number]

const origin = z.enum(ORIGINS)
const fields = z.array(z.string())

const catalogueSchema = z.strictObject({
  /** The fields that tell where an event comes from, in the order in which Customer.io writes them. */
  origins: z.record(origin, fields),
  /** What the App API's document of 2026-09-17 adds, by origin or channel; the webhooks' own document has none of it yet. */
  added: z.record(z.string(), fields),
  customer: z.record(z.string(), z.strictObject({ origins: z.array(origin), fields })),
  channels: z.record(z.string(), z.strictObject({ origins: z.array(origin), metrics: z.record(z.string(), fields) })),
})

/** One kind of webhook event that Customer.io documents, with the names of the fields of its `data`. */
export interface CataloguedEvent {
  /** `<channel or customer>.<metric>.<origin>`; without the origin where a metric has no other. */
  readonly name: string
  readonly objectType: string
  readonly metric: string
  readonly origin: Origin
  readonly fields: readonly string[]
  /** Fields that it also has since September 2026. */
  readonly added: readonly string[]
}

/**
 * Customer.io's catalogue of reporting webhook events, channel by channel in the order of a message's life.
 * A preference change that was made from a message carries the message's channel as its object type.
 */
export function cataloguedEvents(): CataloguedEvent[] {
  const catalogue = catalogueSchema.parse(catalogueFile)
  const events: CataloguedEvent[] = []
  for (const [metric, definition] of Object.entries(catalogue.customer)) {
    for (const from of definition.origins) {
      events.push({
        name: definition.origins.length === 1 ? `customer.${metric}` : `customer.${metric}.${from}`,
        objectType: from === 'nomessage' ? 'customer' : 'email',
        metric,
        origin: from,
        fields: [...catalogue.origins[from], ...definition.fields],
        added: catalogue.added[from] ?? [],
      })
    }
  }
  for (const [channel, definition] of Object.entries(catalogue.channels)) {
    for (const [metric, metricFields] of Object.entries(definition.metrics)) {
      for (const from of definition.origins) {
        events.push({
          name: `${channel}.${metric}.${from}`,
          objectType: channel,
          metric,
          origin: from,
          fields: [...catalogue.origins[from], ...metricFields],
          added: [...(catalogue.added[from] ?? []), ...(catalogue.added[channel] ?? [])],
        })
      }
    }
  }
  return events
}
