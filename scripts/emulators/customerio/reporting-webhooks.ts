/** A reporting webhook as the App API describes it. */
export interface ReportingWebhook {
  readonly id: number
  readonly type: 'webhook'
  readonly name: string
  readonly endpoint: string
  readonly disabled: boolean
  readonly full_resolution: boolean
  readonly with_content: boolean
  readonly events: readonly string[]
}

/** The event names that a reporting webhook can ask for. */
export const SUBSCRIBABLE_EVENTS: readonly string[] = Object.entries({
  customer: ['subscribed', 'unsubscribed', 'subscription_preferences_changed'],
  email: [
    'drafted',
    'attempted',
    'sent',
    'delivered',
    'opened',
    'clicked',
    'converted',
    'bounced',
    'dropped',
    'deferred',
    'spammed',
    'failed',
    'unsubscribed',
    'undeliverable',
  ],
  in_app: ['drafted', 'attempted', 'sent', 'opened', 'clicked', 'converted', 'failed', 'undeliverable'],
  push: [
    'drafted',
    'attempted',
    'sent',
    'delivered',
    'opened',
    'clicked',
    'converted',
    'bounced',
    'dropped',
    'failed',
    'undeliverable',
  ],
  slack: ['drafted', 'attempted', 'sent', 'clicked', 'converted', 'failed'],
  sms: [
    'drafted',
    'attempted',
    'sent',
    'delivered',
    'clicked',
    'converted',
    'bounced',
    'dropped',
    'failed',
    'undeliverable',
    'replied',
  ],
  whatsapp: [
    'drafted',
    'attempted',
    'sent',
    'delivered',
    'opened',
    'clicked',
    'converted',
    'bounced',
    'dropped',
    'failed',
    'undeliverable',
    'replied',
  ],
  webhook: ['drafted', 'attempted', 'sent', 'clicked', 'converted', 'failed', 'undeliverable'],
}).flatMap(([objectType, metrics]) => metrics.map((metric) => `${objectType}_${metric}`))

/** The reporting webhooks of the account, by id. */
export class ReportingWebhooks {
  readonly byId = new Map<number, ReportingWebhook>()
  #made = 0

  nextId(): number {
    return ++this.#made
  }
}
